//! Runs the paper exchange on Lambda.

use api::Gate;
use function_paper_exchange::{Deps, with_own_routes};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let host = host::Host::of_process().await;
    let (gate, deps) = (Gate::of(&host)?, Deps::of(&host));
    api::run_on_lambda(with_own_routes(gate, deps)).await
}
