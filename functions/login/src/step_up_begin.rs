//! `POST /v1/step-up/begin`: the options for a passkey in a step-up, bound to this session (PK-2).

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::entity::ceremony::Use;

use crate::Deps;
use crate::passkey_factor::ask;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PasskeyStepUp")]
struct Begun {
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`; the answer is sent as `passkey`.
    #[schemars(with = "shape::AnyObject")]
    passkey_options: Value,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("step_up_begin", "Asks for a passkey in a step-up")
        .details("For accounts with a passkey. The answer is good for one `POST /v1/step-up` of this session; asking again voids it.")
        .may_take::<shape::Empty>()
        .answers::<Begun>(200, "What the browser asks the authenticator for.")
        .refuses(&[Problem::no_second_factor])
}

/// Asks for it.
pub async fn step_up_begin(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    if credential.passkeys == 0 {
        return Err(Problem::no_second_factor().because("This account has no passkey."));
    }
    let (passkey_options, ceremony) = ask(&deps, session.user_id(), Use::StepUp, now).await?;
    deps.store.put_ceremony(&session.signed_in()?.hash, &ceremony).await?;
    Ok(Answer::ok(&Begun { passkey_options, expires_at: ceremony.expires_at.to_string() }))
}
