//! `POST /v1/recovery/cancel`: ends a destructive recovery by the link of any of its mails (PR-14). The page posts it; opening
//! the link does nothing (PR-7).

use std::sync::Arc;

use account::Secret;
use account::recovery::{CancelledBy, Stage};
use account::token::{Purpose, TokenHash};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::transaction::cancel_recovery::{CancelRefused, Cancelling};

use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelForm {
    /// From the link of a mail about the recovery.
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("cancel_recovery_by_link", "Ends a recovery by the link of one of its mails")
        .takes::<CancelForm>()
        .answers_nothing(204, "It is over; the keys stay removed.")
        .refuses(&[Problem::recovery_refused, Problem::try_again])
}

/// Ends it. Whoever has the mailbox alone gains nothing by this: it blocks no later start.
pub async fn cancel_by_link(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let CancelForm { token } = request.json()?;
    // EXPOSE: only its hash is looked up.
    let hash = token.expose(|text| TokenHash::of(Purpose::RecoveryCancel, text));
    let (user, found) = deps.store.find_recovery_to_cancel(&hash).await?.ok_or_else(Problem::recovery_refused)?;
    let user = deps.store.find_user(user).await?.ok_or_else(Problem::recovery_refused)?;
    // A deleted account has no address any more, and its recovery is over with its credentials.
    if found.state.stage(user.cred_version, deps.host.clock.now()) == Stage::Over {
        return Err(Problem::recovery_refused());
    }
    let to = deps.store.find_address(user.id).await?;
    let cancelling = Cancelling {
        user: &user,
        by: CancelledBy::LinkOrPassword,
        by_session: false,
        to: &to,
        source: request.source(),
    };
    deps.store.cancel_recovery(&cancelling, &deps.host).await.map_err(problem)?;
    tracing::info!(event = "recovery_cancelled", user = %user.id, "authentication");
    Ok(Answer::nothing())
}

/// Also of the session's cancel.
pub(super) fn problem(refused: CancelRefused) -> Problem {
    match refused {
        CancelRefused::NoneUnderWay => Problem::recovery_refused(),
        CancelRefused::SessionEnded => Problem::no_session(),
        CancelRefused::Busy => Problem::try_again().retry_after(1),
        CancelRefused::Store(error) => error.into(),
    }
}
