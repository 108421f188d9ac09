//! `POST /v1/recovery/complete`: the end of a destructive recovery (PR-14): a new password, no second factor, all sessions
//! end, every key that was attached meanwhile goes too. Never signs in (PR-11).

use std::sync::Arc;

use account::Secret;
use account::password::Password;
use account::recovery::Stage;
use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::transaction::complete_recovery::Completing;

use super::start_recovery::problem;
use crate::Deps;
use crate::claim::Claim;
use crate::new_password;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CompleteRecoveryForm {
    /// From the link of a fresh reset mail, asked for after the wait. It is used up.
    token: Secret<String>,
    password: Password,
}

/// What the completion has done.
#[derive(Serialize, JsonSchema)]
struct RecoveryCompleted {
    connections_removed: usize,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("complete_recovery", "Completes a recovery: a new password, and no second factor any more")
        .takes::<CompleteRecoveryForm>()
        .answers::<RecoveryCompleted>(200, "Done; sign in with the new password.")
        .refuses(&[
            Problem::reset_refused,
            Problem::recovery_not_ready,
            Problem::password_too_weak,
            Problem::too_many_requests,
            Problem::try_again,
            Problem::outcome_unknown,
        ])
}

/// Completes it.
pub async fn complete_recovery(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let CompleteRecoveryForm { token, password } = request.json()?;
    let now = deps.host.clock.now();
    let claim = Claim::of(&deps, &token, now).await?;
    // The mailbox alone must not make the signer refuse everything, cancels and exits too: the fence is raised only for what can
    // be completed.
    let waits = deps.store.find_recovery(claim.user.id).await?;
    if !waits.is_some_and(|found| found.state.stage(claim.user.cred_version, now) == Stage::Ready) {
        return Err(Problem::recovery_not_ready());
    }
    let check = new_password::check(&deps, &request, &password, &claim.credential.email, now).await?;
    let hash = new_password::hash(&deps, &password).await?;
    if !deps.store.raise_fence(&claim.user, deps.host.clock.now()).await? {
        return Err(Problem::reset_refused());
    }
    let not_me = new_token(Purpose::NotMe, deps.host.entropy.bytes());
    let completing = Completing {
        token: &claim.hash,
        user: claim.user.id,
        cred_version: claim.user.cred_version,
        hash: &hash,
        check,
        to: &claim.credential.email,
        not_me: &not_me,
        source: request.source(),
    };
    let done = deps.store.complete_recovery(&completing, &deps.host).await.map_err(problem)?;
    // TP-10, RL-2: the mailbox's owner has reacted. What is done is done, so a failure here is only logged.
    if let Err(error) = deps.store.reopen_login(claim.user.id, deps.host.clock.now()).await {
        tracing::error!(user = %claim.user.id, %error, "the login's budgets were not cleared after a recovery");
    }
    tracing::info!(event = "recovery_completed", user = %claim.user.id, "authentication");
    Ok(Answer::ok(&RecoveryCompleted { connections_removed: done.connections_removed }).without_session_cookie())
}
