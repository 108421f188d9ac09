//! `DELETE /v1/sessions/{id}`: ends one of the owner's sessions (SS-4).

use std::sync::Arc;

use account::id::SessionId;
use api::{Answer, Operation, Problem, Request};

use crate::Deps;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("end_session", "Ends one of the account's sessions")
        .path::<SessionId>("id", "The session, from the list of sessions.")
        .answers_nothing(204, "It has ended.")
}

/// Ends it; another user's id is not found (SS-8).
pub async fn end_session(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let id: SessionId = request.id("id")?;
    let token = deps.host.entropy.ulid(deps.host.clock.now());
    let user = request.session()?.user_id();
    if deps.store.end_session_by_id(user, id, token).await? { Ok(Answer::nothing()) } else { Err(Problem::not_found()) }
}
