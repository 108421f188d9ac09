//! `tick` on Lambda.

use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let host = host::Host::of_process().await;
    let deps = &function_tick::Deps::of(&host)?;
    let tick = async |event: LambdaEvent<function_tick::Tick>| {
        function_tick::handle(deps, event.payload).await.map_err(|failed| failed.to_string())
    };
    lambda_runtime::run(service_fn(tick)).await
}
