//! `POST /v1/second-factors/totp`: makes a fresh seed that waits ten minutes for its first code (TP-1, TP-2).

use std::sync::Arc;

use account::totp::new_seed;
use account::trading_state::TradingState;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use store::transaction::enrol_totp::PENDING_S;

use crate::Deps;
use crate::qr::{QrPath, draw};
use crate::refusal::problem;

#[derive(Serialize, JsonSchema)]
struct Enrolment {
    /// For typing it in.
    secret: String,
    otpauth_uri: String,
    qr_svg: QrPath,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("enrol_totp", "Makes a seed for an authenticator app")
        .details("Nothing is on until its first code is confirmed within ten minutes. The seed is shown once.")
        .may_take::<shape::Empty>()
        .answers::<Enrolment>(200, "The seed as text, as link and as QR code.")
        .refuses(&[
            Problem::email_not_verified,
            Problem::account_held,
            Problem::second_factor_exists,
            Problem::enrolment_refused,
            Problem::try_again,
        ])
}

/// Starts the enrolment. The step-up was spent before; nothing is on until a code is confirmed.
pub async fn enrol_totp(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    // EV-4: else whoever signs up with somebody else's address could bar its owner's way in for good, since a reset then
    // needs the factor (PR-9). An address is never unverified again.
    if !session.user.email_verified {
        return Err(Problem::email_not_verified());
    }
    // A thief's factor must not outlive "this was not me", nor a held account move to another mailbox.
    if matches!(session.user.trading_state, TradingState::Held { .. }) {
        return Err(Problem::account_held());
    }
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    if credential.totp.is_some() {
        return Err(Problem::second_factor_exists());
    }
    // TP-1: fresh at every enrolment.
    let seed = new_seed(deps.host.entropy.bytes());
    let sealed = deps.key.seal_seed(session.user_id(), &seed).await.map_err(|e| Problem::unavailable().logged(e))?;
    deps.store.enrol_totp(&session.user, proof, &sealed, deps.host.entropy.ulid(now), now).await.map_err(problem)?;
    let uri = seed.otpauth_uri(&credential.email);
    let qr_svg = draw(&uri).ok_or_else(|| Problem::unavailable().logged("the enrolment URI does not fit a QR code"))?;
    Ok(Answer::ok(&Enrolment {
        // EXPOSE: the seed is shown once, here, to be taken into an authenticator.
        secret: seed.base32().expose(String::clone),
        otpauth_uri: uri.expose(String::clone),
        qr_svg,
        expires_at: now.plus_seconds(PENDING_S).to_string(),
    }))
}
