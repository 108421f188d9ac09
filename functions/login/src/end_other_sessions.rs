//! `DELETE /v1/sessions`: ends every session of the owner but the one that asks (SS-4).

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use store::transaction::end_session::EndOthersRefused;

use crate::Deps;
use crate::event::note;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("end_other_sessions", "Ends every session of the account but the one that asks")
        .answers_nothing(204, "They have ended.")
        .refuses(&[Problem::try_again])
}

/// Ends them.
pub async fn end_other_sessions(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    let now = deps.host.clock.now();
    match deps
        .store
        .end_other_sessions(
            &session.user,
            &session.signed_in()?.hash,
            deps.host.entropy.ulid(now),
            request.source(),
            now,
        )
        .await
    {
        Ok(()) => {
            note("other_sessions_ended", Some(session.user_id()), None, request.source());
            Ok(Answer::nothing())
        }
        // Something ended all sessions in the meantime, this one too; the next request says so.
        Err(EndOthersRefused::ChangedMeanwhile | EndOthersRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(EndOthersRefused::Store(error)) => Err(error.into()),
    }
}
