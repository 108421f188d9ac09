//! `POST /v1/second-factors/passkeys/begin`: the options for a new passkey, and a ceremony of five minutes (PK-2).
//!
//! The step-up is demanded here and not at the end: the answer of the authenticator, which a proof would have to name, exists
//! only after the ceremony was begun. What is begun is bound to this session, to this moment's credentials and to one use, so
//! the end needs no second proof.

use std::sync::Arc;

use account::token::{Purpose, new_token};
use account::trading_state::TradingState;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::entity::ceremony::{Ceremony, Use};
use store::entity::passkey::PASSKEYS_MAX;

use crate::Deps;
use crate::passkeys::credential_ids;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PasskeyRegistration")]
struct Begun {
    /// For `finish`, once.
    ceremony: String,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON`, as WebAuthn names its members.
    #[schemars(with = "shape::AnyObject")]
    options: Value,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("begin_passkey", "Begins the registration of a passkey")
        .may_take::<shape::Empty>()
        .answers::<Begun>(200, "What the browser asks the authenticator for.")
        .refuses(&[Problem::email_not_verified, Problem::account_held, Problem::passkeys_full])
}

/// Begins it; nothing is on until it is finished.
pub async fn begin_passkey(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    // EV-4: as for an authenticator app, else whoever signs up with somebody else's address bars its owner's way in.
    if !session.user.email_verified {
        return Err(Problem::email_not_verified());
    }
    // A thief's factor must not outlive "this was not me", nor a held account move to another mailbox.
    if matches!(session.user.trading_state, TradingState::Held { .. }) {
        return Err(Problem::account_held());
    }
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(proof.user()).await?.ok_or_else(Problem::no_session)?;
    if credential.passkeys >= PASSKEYS_MAX {
        return Err(Problem::passkeys_full());
    }
    let registered = credential_ids(&deps.store.list_passkeys(proof.user()).await?)?;
    let begun = deps
        .passkeys
        .begin_registration(proof.user(), &credential.email.to_string(), &registered)
        .map_err(|e| Problem::unavailable().logged(e))?;
    let token = new_token(Purpose::PasskeyCeremony, deps.host.entropy.bytes());
    let id = deps.host.entropy.ulid(now);
    let ceremony = Ceremony::beginning(Use::Register, id, Some(proof.user()), begun.state, now)
        .bound_to(&session.signed_in()?.hash)
        .under(session.user.cred_version);
    deps.store.put_ceremony(&token.hash, &ceremony).await?;
    Ok(Answer::ok(&Begun {
        // EXPOSE: the ceremony's token is handed out once, here.
        ceremony: token.text.expose(String::clone),
        options: begun.options,
        expires_at: ceremony.expires_at.to_string(),
    }))
}
