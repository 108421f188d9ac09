//! `POST /v1/recovery`: starts a destructive recovery with a mailed token (PR-14). Every exchange key is removed at once;
//! password and sessions stay as they are, so that the owner can say no.

use std::sync::Arc;

use account::Secret;
use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::transaction::start_recovery::{RecoveryRefused, Starting};

use crate::Deps;
use crate::claim::Claim;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecoveryForm {
    /// From the link of a reset mail. It is used up.
    token: Secret<String>,
}

/// What the start has done, and when it can be completed.
#[derive(Serialize, JsonSchema)]
struct RecoveryStarted {
    connections_removed: usize,
    /// From then on a fresh reset link completes it.
    #[schemars(with = "shape::Time")]
    ready_at: String,
    /// Until then.
    #[schemars(with = "shape::Time")]
    lapses_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("start_recovery", "Starts the recovery of an account whose second factors are lost")
        .details(
            "Removes every exchange key at once, tells the owner and repeats it, and waits 72 hours; after that a fresh \
             reset link completes it without a second factor. Any live session, the link in each mail, or a sign-in with \
             a second factor ends it.",
        )
        .takes::<RecoveryForm>()
        .answers::<RecoveryStarted>(200, "It has begun; the keys are gone.")
        .refuses(&[
            Problem::reset_refused,
            Problem::no_second_factor,
            Problem::recovery_under_way,
            Problem::recovery_blocked,
            Problem::try_again,
            Problem::outcome_unknown,
        ])
}

/// Starts it.
pub async fn start_recovery(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let RecoveryForm { token } = request.json()?;
    let now = deps.host.clock.now();
    let claim = Claim::of(&deps, &token, now).await?;
    if !claim.credential.has_factor() {
        return Err(Problem::no_second_factor().because("Without a second factor the link alone resets the password."));
    }
    // Nor does the mailbox alone make the signer refuse everything: no fence for what will not be started.
    if let Some(found) = deps.store.find_recovery(claim.user.id).await? {
        found.state.allows_start(claim.user.cred_version, now).map_err(|refused| problem(refused.into()))?;
    }
    if !deps.store.raise_fence(&claim.user, deps.host.clock.now()).await? {
        return Err(Problem::reset_refused());
    }
    let cancel = new_token(Purpose::RecoveryCancel, deps.host.entropy.bytes());
    let starting = Starting {
        token: &claim.hash,
        user: claim.user.id,
        cred_version: claim.user.cred_version,
        to: &claim.credential.email,
        cancel: &cancel,
        source: request.source(),
    };
    let started = deps.store.start_recovery(&starting, &deps.host).await.map_err(problem)?;
    tracing::info!(event = "recovery_started", user = %claim.user.id, "authentication");
    Ok(Answer::ok(&RecoveryStarted {
        connections_removed: started.connections_removed,
        ready_at: started.recovery.ready_at().to_string(),
        lapses_at: started.recovery.lapses_at().to_string(),
    }))
}

/// Also of the completion.
pub(super) fn problem(refused: RecoveryRefused) -> Problem {
    match refused {
        RecoveryRefused::TokenDead => Problem::reset_refused(),
        RecoveryRefused::NoFactor => Problem::no_second_factor(),
        RecoveryRefused::UnderWay => Problem::recovery_under_way(),
        RecoveryRefused::Blocked { until } => Problem::recovery_blocked()
            .because(format!("A recovery was cancelled with a second factor; none before {until}.")),
        RecoveryRefused::NotReady => Problem::recovery_not_ready(),
        RecoveryRefused::Busy => Problem::try_again().retry_after(2),
        RecoveryRefused::OutcomeUnknown => Problem::outcome_unknown(),
        RecoveryRefused::Store(error) => error.into(),
    }
}
