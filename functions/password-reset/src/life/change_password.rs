//! `POST /v1/password`: another password for a signed-in owner (ST-1). Other sessions, mailed links and API tokens die; the
//! session that asked goes on under a new token (LG-3, `docs/decisions`).

use std::sync::Arc;

use account::id::SessionId;
use account::password::Password;
use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::transaction::change_password::{ChangingPassword, PasswordChangeRefused};

use crate::{Deps, new_password};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordForm")]
struct Form {
    password: Password,
}

/// The session that goes on: the token that asked is dead.
#[derive(Serialize, JsonSchema)]
struct PasswordChanged {
    session: TokenGiven,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionToken")]
struct TokenGiven {
    token: String,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("change_password", "Changes the password")
        .details("Every other session, mailed link and API token ends. The session that asked goes on under the token of the answer.")
        .takes::<Form>()
        .answers::<PasswordChanged>(200, "Changed.")
        .with_header("Set-Cookie", "The session for a browser.")
        .refuses(&[
            Problem::password_too_weak,
            Problem::too_many_requests,
            Problem::try_again,
            Problem::outcome_unknown,
        ])
}

/// Changes it.
pub async fn change_password(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let Form { password } = request.json()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    let signed_in = session.signed_in()?;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    // PR-16: the policy of the sign-up.
    let check = new_password::check(&deps, &request, &password, &credential.email, now).await?;
    let hash = new_password::hash(&deps, &password).await?;
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    let changing = ChangingPassword {
        user: &session.user,
        acting: &signed_in.stored,
        acting_hash: &signed_in.hash,
        next: SessionId::new(deps.host.entropy.ulid(now)),
        next_hash: &token.hash,
        hash: &hash,
        check,
        to: &credential.email,
        source: request.source(),
    };
    let next = deps.store.change_password(&changing, proof, &deps.host).await.map_err(problem)?;
    tracing::info!(event = "password_changed", user = %next.user, "authentication");
    // EXPOSE: a session token is handed out once, here.
    let text = token.text.expose(String::clone);
    let given = TokenGiven { token: text, expires_at: next.expires_at.to_string() };
    Ok(Answer::ok(&PasswordChanged { session: given }).with_session_cookie(&token.text))
}

fn problem(refused: PasswordChangeRefused) -> Problem {
    match refused {
        // A reset, or another change, was faster: it has ended this session.
        PasswordChangeRefused::ChangedMeanwhile => Problem::no_session(),
        PasswordChangeRefused::Busy => Problem::try_again().retry_after(2),
        PasswordChangeRefused::OutcomeUnknown => Problem::outcome_unknown(),
        PasswordChangeRefused::Store(error) => error.into(),
    }
}
