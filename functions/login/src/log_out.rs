//! `POST /v1/logout`: ends the session of the request.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request, shape};

use crate::Deps;
use crate::event::note;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("log_out", "Ends the session of the request")
        .may_take::<shape::Empty>()
        .answers_nothing(204, "Signed out.")
        .with_header("Set-Cookie", "Makes a browser forget the session.")
}

/// Ends it.
pub async fn log_out(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let session = request.session()?;
    let token = deps.host.entropy.ulid(deps.host.clock.now());
    let signed_in = session.signed_in()?;
    deps.store.end_session(session.user_id(), signed_in.stored.id, &signed_in.hash, token).await?;
    note("signed_out", Some(session.user_id()), None, request.source());
    Ok(Answer::nothing().without_session_cookie())
}
