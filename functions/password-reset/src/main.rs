//! `password-reset` on Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let host = host::Host::of_process().await;
    api::run_on_lambda(function_password_reset::router(&host)?).await
}
