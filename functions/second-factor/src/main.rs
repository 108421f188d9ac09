//! `second-factor` on Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let host = host::Host::of_process().await;
    api::run_on_lambda(function_second_factor::router(&host)?).await
}
