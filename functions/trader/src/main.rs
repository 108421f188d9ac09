//! `trader` on Lambda.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let host = host::Host::of_process().await;
    let deps = &function_trader::Deps::of(&host)?;
    let answer = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, std::convert::Infallible>(function_trader::handle(deps, event.payload).await)
    };
    lambda_runtime::run(service_fn(answer)).await
}
