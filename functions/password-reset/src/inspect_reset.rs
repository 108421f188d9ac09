//! `POST /v1/password-reset/inspect`: what a reset with this token would need and remove. Consumes nothing (PR-7).

use std::sync::Arc;

use account::recovery::{Recovery, Stage};
use account::{CredentialVersion, Secret, WallTime};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::entity::connection::Status;

use crate::Deps;
use crate::claim::Claim;
use crate::open_orders::under_way;
use crate::passkey_answer;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
}

/// Numbers alone: whoever holds only the mailbox learns no more than what a reset would do.
#[derive(Serialize, JsonSchema)]
struct Inspected {
    factors: Vec<&'static str>,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`, where the account has a passkey; good with this token alone, for
    /// five minutes, and void when asked for again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::AnyObject>")]
    passkey_options: Option<Value>,
    connections: usize,
    bots: usize,
    open_orders: usize,
    /// PR-14: where a recovery without the second factor is.
    recovery: RecoveryShown,
}

/// Where a recovery is.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
#[schemars(rename = "RecoveryAhead")]
enum RecoveryShown {
    /// None is under way; one may be started where a second factor is on.
    None,
    /// The wait runs.
    Waiting {
        #[schemars(with = "shape::Time")]
        ready_at: String,
    },
    /// This token completes it.
    Ready {
        #[schemars(with = "shape::Time")]
        lapses_at: String,
    },
    /// One was cancelled with a second factor.
    Blocked {
        #[schemars(with = "shape::Time")]
        until: String,
    },
}

impl RecoveryShown {
    fn of(found: Option<&Recovery>, cred_version: CredentialVersion, now: WallTime) -> Self {
        let Some(recovery) = found else { return Self::None };
        match recovery.stage(cred_version, now) {
            Stage::Waiting => Self::Waiting { ready_at: recovery.ready_at().to_string() },
            Stage::Ready => Self::Ready { lapses_at: recovery.lapses_at().to_string() },
            Stage::Over if now < recovery.blocked_until => Self::Blocked { until: recovery.blocked_until.to_string() },
            Stage::Over => Self::None,
        }
    }
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("inspect_reset", "What a reset with this token would need and remove")
        .details("Consumes nothing.")
        .takes::<Form>()
        .answers::<Inspected>(200, "Numbers alone.")
        .refuses(&[Problem::reset_refused])
}

/// Shows it.
pub async fn inspect_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    let now = deps.host.clock.now();
    let claim = Claim::of(&deps, &token, now).await?;
    let connections =
        deps.store.list_connections(claim.user.id).await?.iter().filter(|c| c.status == Status::Live).count();
    let under_way = under_way(&deps.store, claim.user.id, None).await?;
    // Before a reset, an order without an answer counts as open: it may be.
    let open_orders = under_way.open.len() + under_way.in_flight.len();
    let factors = claim.credential.factors();
    let passkey_options = match claim.credential.passkeys {
        0 => None,
        _ => Some(passkey_answer::ask(&deps, claim.user.id, &claim.hash, now).await?),
    };
    let recovery = deps.store.find_recovery(claim.user.id).await?.map(|found| found.state);
    let recovery = RecoveryShown::of(recovery.as_ref(), claim.user.cred_version, now);
    Ok(Answer::ok(&Inspected { factors, passkey_options, connections, bots: under_way.bots, open_orders, recovery }))
}
