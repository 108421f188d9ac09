//! `DELETE /v1/recovery`: ends a destructive recovery of the own account; any live session may (PR-14).

use std::sync::Arc;

use account::recovery::CancelledBy;
use api::{Answer, Operation, Problem, Request, shape};
use store::transaction::cancel_recovery::Cancelling;

use super::cancel_by_link::problem;
use crate::Deps;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("cancel_recovery", "Ends a recovery of this account")
        .details("A session that was started with a second factor blocks new recoveries for 14 days.")
        .may_take::<shape::Empty>()
        .answers_nothing(204, "It is over; the keys stay removed.")
        .refuses(&[Problem::recovery_refused, Problem::try_again])
}

/// Ends it.
pub async fn cancel_by_session(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let session = request.session()?;
    let to = deps.store.find_address(session.user_id()).await?;
    let by = if session.signed_in()?.stored.factor { CancelledBy::SecondFactor } else { CancelledBy::LinkOrPassword };
    let cancelling = Cancelling { user: &session.user, by, by_session: true, to: &to, source: request.source() };
    deps.store.cancel_recovery(&cancelling, &deps.host).await.map_err(problem)?;
    tracing::info!(event = "recovery_cancelled", user = %session.user_id(), "authentication");
    Ok(Answer::nothing())
}
