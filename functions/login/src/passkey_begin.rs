//! `POST /v1/login/passkey/begin`: the options for a sign-in with a passkey alone. The authenticator says whose it is.

use std::sync::Arc;

use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::entity::ceremony::{Ceremony, Use};

use crate::Deps;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PasskeySignIn")]
struct Begun {
    /// For `finish`, once.
    ceremony: String,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`, as WebAuthn names its members.
    #[schemars(with = "shape::AnyObject")]
    options: Value,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("passkey_begin", "Begins a sign-in with a passkey alone")
        .may_take::<shape::Empty>()
        .answers::<Begun>(200, "What the browser asks the authenticator for.")
        .refuses(&[Problem::too_many_requests])
}

/// Begins it, for nobody in particular.
pub async fn passkey_begin(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let now = deps.host.clock.now();
    // RL-5: it stores something for whoever asks.
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::hashes_used_up(now));
    }
    let begun = deps.passkeys.begin_assertion(&[]).map_err(|e| Problem::unavailable().logged(e))?;
    let token = new_token(Purpose::PasskeyCeremony, deps.host.entropy.bytes());
    let ceremony = Ceremony::beginning(Use::SignIn, deps.host.entropy.ulid(now), None, begun.state, now);
    deps.store.put_ceremony(&token.hash, &ceremony).await?;
    Ok(Answer::ok(&Begun {
        // EXPOSE: the ceremony's token is handed out once, here.
        ceremony: token.text.expose(String::clone),
        options: begun.options,
        expires_at: ceremony.expires_at.to_string(),
    }))
}
