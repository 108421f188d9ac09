//! `DELETE /v1/tokens/{id}`: revokes an API token; its next request is refused.

use std::sync::Arc;

use account::id::{ApiTokenId, JobId};
use api::{Answer, Operation, Problem, Request};
use store::entity::job::{Mail, Notice};
use store::transaction::revoke_api_token::RevokingToken;

use crate::Deps;
use crate::event::note;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("revoke_token", "Revokes an API token")
        .details("The token's next request is refused.")
        .path::<ApiTokenId>("id", "The token.")
        .answers_nothing(204, "It is revoked.")
}

/// Revokes it; another user's id is not found (SS-8).
pub async fn revoke_token(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let id: ApiTokenId = request.id("id")?;
    let session = request.session()?;
    session.signed_in()?;
    let (user, now) = (session.user_id(), deps.host.clock.now());
    let token = deps.store.find_api_token_of(user, id).await?.ok_or_else(Problem::not_found)?;
    let credential = deps.store.find_credential(user).await?.ok_or_else(Problem::no_session)?;
    let mail = Mail {
        to: credential.email.to_string(),
        notice: Notice::TokenRevoked { at: now.to_string(), name: token.name },
    };
    let revoking = RevokingToken {
        user,
        token: id,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    if !deps.store.revoke_api_token(&revoking).await? {
        return Err(Problem::not_found());
    }
    note("token_revoked", Some(user), None, request.source());
    Ok(Answer::nothing())
}
