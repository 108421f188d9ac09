//! `POST /v1/password-reset/complete`: sets a new password, ends every session, makes every exchange key unusable (PR-8).
//!
//! Never signs in (PR-11), never sets a password by the token alone where a second factor is on (PR-9).

use std::sync::Arc;

use account::Secret;
use account::password::Password;
use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request};
use passkey::Assertion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::transaction::complete_reset::{Completing, ResetRefused};

use crate::Deps;
use crate::claim::Claim;
use crate::new_password;
use crate::open_orders::{LISTED_MAX, ListedOrder, under_way};
use crate::second_factor::{Shown, verify};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
    password: Password,
    #[serde(default)]
    totp: Option<Secret<String>>,
    #[serde(default)]
    recovery_code: Option<Secret<String>>,
    /// The answer to `passkey_options` of `inspect`.
    #[serde(default)]
    passkey: Option<Assertion>,
}

#[derive(Serialize, JsonSchema)]
struct Completed {
    connections_removed: usize,
    /// `null` when the list could not be read: then the exchange has to be looked at.
    orders_left_open: Option<Vec<ListedOrder>>,
    /// G2: authorised and not answered yet; `null` likewise.
    orders_in_flight: Option<Vec<ListedOrder>>,
    /// There are more orders than these lists name: the exchange has to be looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_orders: bool,
}

/// Stands in the notice where a list could not be read.
const UNREADABLE: &str = "This list could not be read. Look at the exchange.";
/// Ends a list in the notice that names the first ones alone.
const AND_MORE: &str = "And more. Look at the exchange.";

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("complete_reset", "Sets a new password; every session ends and every exchange key is erased")
        .details("Takes `totp`, `recovery_code` or `passkey` as well where a second factor is on. Does not sign in.")
        .takes::<Form>()
        .answers::<Completed>(200, "Done, and what was removed.")
        .with_header("Set-Cookie", "Makes a browser forget the session.")
        .refuses(&[
            Problem::reset_refused,
            Problem::password_too_weak,
            Problem::second_factor_missing,
            Problem::too_many_requests,
            Problem::try_again,
        ])
}

/// Completes the reset.
pub async fn complete_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token, password, totp, recovery_code, passkey } = request.json()?;
    let shown = Shown::of(totp, recovery_code, passkey)?;
    let now = deps.host.clock.now();
    let claim = Claim::of(&deps, &token, now).await?;
    let check = new_password::check(&deps, &request, &password, &claim.credential.email, now).await?;
    let factor = verify(&deps, &claim, &shown, now).await?;
    let hash = new_password::hash(&deps, &password).await?;
    if !deps.store.raise_fence(&claim.user, deps.host.clock.now()).await? {
        return Err(Problem::reset_refused());
    }
    // For display alone: a reset does not wait for a list. Read behind the fence, so that nothing is authorised after it.
    let found = under_way(&deps.store, claim.user.id, Some(LISTED_MAX + 1))
        .await
        .inspect_err(|error| tracing::warn!(%error, "open orders not listed"))
        .ok();
    let (open, in_flight) = found.map_or((None, None), |found| (Some(found.open), Some(found.in_flight)));
    let (open, more_open) = first_ones(open);
    let (in_flight, more_in_flight) = first_ones(in_flight);
    let not_me = new_token(Purpose::NotMe, deps.host.entropy.bytes());
    let completing = Completing {
        token: &claim.hash,
        user: claim.user.id,
        cred_version: claim.user.cred_version,
        hash: &hash,
        check,
        factor: factor.as_ref(),
        to: &claim.credential.email,
        orders_left_open: &lines(open.as_deref(), more_open),
        orders_in_flight: &lines(in_flight.as_deref(), more_in_flight),
        not_me: &not_me,
        source: request.source(),
    };
    let done = deps.store.complete_reset(&completing, &deps.host).await.map_err(problem)?;
    // TP-10, RL-2: the mailbox's owner has reacted. What is done is done, so a failure here is only logged.
    let reopened = deps.store.reopen_login(claim.user.id, deps.host.clock.now()).await;
    if let Err(error) = reopened {
        tracing::error!(user = %claim.user.id, %error, "the login's budgets were not cleared after a reset");
    }
    let body = Completed {
        connections_removed: done.connections_removed,
        orders_left_open: open,
        orders_in_flight: in_flight,
        more_orders: more_open || more_in_flight,
    };
    Ok(Answer::ok(&body).without_session_cookie())
}

/// The first ones, and whether there are more.
pub(crate) fn first_ones(orders: Option<Vec<ListedOrder>>) -> (Option<Vec<ListedOrder>>, bool) {
    let Some(mut orders) = orders else { return (None, false) };
    let more = orders.len() > LISTED_MAX;
    orders.truncate(LISTED_MAX);
    (Some(orders), more)
}

/// One line per order for the notice. A list that could not be read is never shown as an empty one, nor a cut one as whole.
pub(crate) fn lines(orders: Option<&[ListedOrder]>, more: bool) -> Vec<String> {
    let Some(orders) = orders else { return vec![UNREADABLE.to_owned()] };
    orders.iter().map(ListedOrder::line).chain(more.then(|| AND_MORE.to_owned())).collect()
}

fn problem(refused: ResetRefused) -> Problem {
    match refused {
        // One answer to a thief.
        ResetRefused::TokenDead | ResetRefused::FactorSpent => Problem::reset_refused(),
        ResetRefused::Busy => Problem::try_again().retry_after(2),
        ResetRefused::OutcomeUnknown => Problem::outcome_unknown(),
        ResetRefused::Store(error) => error.into(),
    }
}
