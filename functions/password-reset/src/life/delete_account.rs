//! `DELETE /v1/account`: ends the account at once; what is stored of it is erased by a job of the same commit, and its owner
//! is told when all of it was seen to be gone.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request, shape};
use store::transaction::delete_account::{DeleteRefused, Deleting};

use crate::Deps;
use crate::complete_reset::{first_ones, lines};
use crate::open_orders::{LISTED_MAX, under_way};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("delete_account", "Deletes the account and erases everything that is stored of it")
        .details(
            "Every session ends and every exchange key is made unusable at once. Orders that rest on an exchange stay there; \
             the mail lists them. Another mail tells when everything was seen to be gone.",
        )
        .may_take::<shape::Empty>()
        .answers::<shape::Empty>(202, "Deleted; the erasure is under way.")
        .with_header("Set-Cookie", "Makes a browser forget the session.")
        .refuses(&[Problem::try_again, Problem::outcome_unknown])
}

/// Deletes it.
pub async fn delete_account(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    let user = &session.user;
    let factor = session.signed_in()?.stored.factor.then_some("second_factor");
    if deps.store.is_being_erased(user.id).await? {
        return Ok(Answer::accepted().without_session_cookie());
    }
    let email = deps.store.find_address(user.id).await?;
    if !deps.store.raise_fence(user, deps.host.clock.now()).await? {
        return Err(Problem::no_session());
    }
    // For display alone: a deletion does not wait for a list.
    let found = under_way(&deps.store, user.id, Some(LISTED_MAX + 1))
        .await
        .inspect_err(|error| tracing::warn!(%error, "open orders not listed"))
        .ok();
    let orders = found.map(|found| found.open.into_iter().chain(found.in_flight).collect());
    let (orders, more) = first_ones(orders);
    let deleting = Deleting {
        user,
        email: &email,
        orders_left_open: &lines(orders.as_deref(), more),
        factor,
        source: request.source(),
    };
    match deps.store.delete_account(&deleting, proof, &deps.host).await {
        Ok(_) => tracing::info!(event = "account_deleted", "authentication"),
        // Said twice at once: it is deleted once, and both have what they asked for.
        Err(DeleteRefused::Deleted) => {}
        Err(refused) => return Err(problem(refused)),
    }
    Ok(Answer::accepted().without_session_cookie())
}

fn problem(refused: DeleteRefused) -> Problem {
    match refused {
        DeleteRefused::Deleted | DeleteRefused::ChangedMeanwhile => Problem::no_session(),
        DeleteRefused::Busy => Problem::try_again().retry_after(2),
        DeleteRefused::OutcomeUnknown => Problem::outcome_unknown(),
        DeleteRefused::Store(error) => error.into(),
    }
}
