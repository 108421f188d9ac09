//! `POST /v1/login/unlock/confirm`: opens a closed login with the mailed token, and makes this browser known, so that
//! whoever closed it cannot crowd its owner out again (RL-1). Never signs in.

use std::sync::Arc;

use account::Secret;
use account::id::JobId;
use account::token::{Purpose, TokenHash, new_token};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::device::DeviceName;
use store::transaction::open_login::{OpenRefused, Opening};

use crate::Deps;
use crate::event::note;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("confirm_unlock", "Opens a closed login")
        .details("Forgets the failed tries. After wrong second factors this works three times in 30 days; then a password reset is left.")
        .takes::<Form>()
        .answers_nothing(204, "The login is open.")
        .with_header("Set-Cookie", "Makes this browser a known one, whose tries strangers' tries do not slow down.")
        .refuses(&[Problem::unlock_refused, Problem::try_again])
}

/// Opens it.
pub async fn unlock_confirm(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    let now = deps.host.clock.now();
    // EXPOSE: only its hash is looked up.
    let hash = token.expose(|text| TokenHash::of(Purpose::Unlock, text));
    let claim = deps
        .store
        .find_unlock(&hash)
        .await?
        .filter(|token| now < token.expires_at)
        .ok_or_else(Problem::unlock_refused)?;
    let device = new_token(Purpose::KnownDevice, deps.host.entropy.bytes());
    let opening = Opening {
        claim: &claim,
        hash: &hash,
        device: &DeviceName::of(&device.hash),
        job: JobId::new(deps.host.entropy.ulid(now)),
        source: request.source(),
        now,
    };
    match deps.store.open_login(&opening, &deps.host).await {
        Ok(()) => {
            note("login_opened", Some(claim.user), Some("mailbox"), request.source());
            Ok(Answer::nothing().with_device_cookie(&device.text))
        }
        Err(OpenRefused::TokenDead) => Err(Problem::unlock_refused()),
        Err(OpenRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(OpenRefused::Store(error)) => Err(error.into()),
    }
}
