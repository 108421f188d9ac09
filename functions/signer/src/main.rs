//! `signer` on Lambda: works the order intents of the trading table's stream.

use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let host = host::Host::of_process().await;
    let deps = &function_signer::Deps::of(&host, Arc::new(wire::HttpTransport::new()?))?;
    let answer = async |event: LambdaEvent<Event>| {
        Ok::<_, std::convert::Infallible>(function_signer::handle(deps, event.payload).await)
    };
    lambda_runtime::run(service_fn(answer)).await
}
