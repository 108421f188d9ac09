//! `POST /v1/password-reset/complete`: sets a new password, ends every session, makes every exchange key unusable (PR-8).
//!
//! Never signs in (PR-11), never sets a password by the token alone where a second factor is on (PR-9).

use std::sync::Arc;

use account::Secret;
use account::password::{Password, Weakness};
use account::password_hash::{HashPolicy, PasswordHash, UserSalt, hash};
use account::token::{Purpose, new_token};
use api::problem::Fault;
use api::{Answer, Problem, Request};
use identity_key::KeyFailed;
use serde::{Deserialize, Serialize};
use store::transaction::complete_reset::{Completing, ResetRefused};

use crate::Deps;
use crate::claim::Claim;
use crate::open_orders::{LISTED_MAX, ListedOrder, under_way};
use crate::second_factor::{Shown, verify};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
    password: Password,
    #[serde(default)]
    totp: Option<Secret<String>>,
    #[serde(default)]
    recovery_code: Option<Secret<String>>,
}

#[derive(Serialize)]
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

/// Completes the reset.
pub async fn complete_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token, password, totp, recovery_code } = request.json()?;
    let shown = Shown::of(totp, recovery_code)?;
    let now = deps.host.clock.now();
    let claim = Claim::of(&deps, &token, now).await?;
    // RL-5: who has a good link is still one of many who want a password looked up and a hash computed.
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::too_many_requests().retry_after(60));
    }
    // PR-16: the policy of the sign-up.
    let check = deps.breached.check_new(&password, &claim.credential.email).await.map_err(too_weak)?;
    let factor = verify(&deps, &claim.credential, &shown, now).await?;
    let hash = hashed(&deps, &password).await?;
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
fn first_ones(orders: Option<Vec<ListedOrder>>) -> (Option<Vec<ListedOrder>>, bool) {
    let Some(mut orders) = orders else { return (None, false) };
    let more = orders.len() > LISTED_MAX;
    orders.truncate(LISTED_MAX);
    (Some(orders), more)
}

/// One line per order for the notice. A list that could not be read is never shown as an empty one, nor a cut one as whole.
fn lines(orders: Option<&[ListedOrder]>, more: bool) -> Vec<String> {
    let Some(orders) = orders else { return vec![UNREADABLE.to_owned()] };
    orders.iter().map(ListedOrder::line).chain(more.then(|| AND_MORE.to_owned())).collect()
}

/// PW-1, PW-3. The key service's failure changes nothing and counts nothing (RF-31).
async fn hashed(deps: &Deps, password: &Password) -> Result<PasswordHash, Problem> {
    let salt = UserSalt::new(deps.host.entropy.bytes());
    let policy = HashPolicy { parameters: deps.parameters, pepper: deps.key.pepper_id().clone() };
    let peppered = deps.key.pepper_new(password, &salt).await.map_err(|failed| match failed {
        KeyFailed::PasswordTooLong => too_weak(Weakness::TooLong),
        KeyFailed::Unavailable(_) | KeyFailed::SealBroken => Problem::unavailable().logged(failed),
    })?;
    hash(&peppered, &salt, &policy).map_err(|error| Problem::unavailable().logged(error))
}

fn too_weak(weakness: Weakness) -> Problem {
    let fault = Fault { pointer: "/password".into(), code: weakness.code().into(), detail: weakness.to_string() };
    Problem::password_too_weak().with_faults(vec![fault])
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
