//! `POST /v1/signup/verify`: consumes a mailed token. Opening the link changes nothing; this POST does (EV-3).

use std::sync::Arc;

use account::Secret;
use account::token::{Purpose, TokenHash};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::transaction::verify_email::VerifyRefused;

use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("verify_email", "Proves the address with the token of the mail")
        .takes::<Form>()
        .answers_nothing(204, "The address is verified.")
        .refuses(&[Problem::verification_refused, Problem::try_again])
}

/// Marks the address verified.
pub async fn verify_email(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    // EXPOSE: only its hash is looked up.
    let hash = token.expose(|text| TokenHash::of(Purpose::EmailVerification, text));
    let now = deps.host.clock.now();
    let claim = deps.store.find_verification(&hash).await?.ok_or_else(Problem::verification_refused)?;
    match deps.store.verify_email(&claim, &hash, deps.host.entropy.ulid(now), now).await {
        Ok(()) => {
            tracing::info!(event = "email_verified", user = %claim.user, "authentication");
            Ok(Answer::nothing())
        }
        Err(VerifyRefused::TokenDead) => Err(Problem::verification_refused()),
        Err(VerifyRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(VerifyRefused::Store(error)) => Err(error.into()),
    }
}
