//! `mailer` on Lambda: works the mail jobs of the outbox's stream.

use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let deps = function_mailer::Deps::of(&host::Host::of_process().await)?;
    let deps = &deps;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<aws_lambda_events::event::dynamodb::Event>| {
        Ok::<_, std::convert::Infallible>(function_mailer::handle(deps, event.payload).await)
    }))
    .await
}
