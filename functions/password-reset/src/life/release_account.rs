//! `POST /v1/account/release`: ends a HELD with second factors from before the disowned reset (reset-fence B.4). Without one
//! only a reset ends it, 72 h after.

use std::sync::Arc;

use account::id::JobId;
use api::{Answer, Operation, Problem, Request, shape};
use store::entity::job::{Mail, Notice};
use store::transaction::release_account::{ReleaseRefused, Releasing};

use crate::Deps;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("release_account", "Releases a held account")
        .details("Every second factor must have been enrolled before the hold, and before the reset that was disowned.")
        .may_take::<shape::Empty>()
        .answers_nothing(204, "Exchange keys can be attached again.")
        .refuses(&[Problem::account_not_held, Problem::release_refused, Problem::try_again])
}

/// Releases it.
pub async fn release_account(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let user = &request.session()?.user;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(user.id).await?.ok_or_else(Problem::no_session)?;
    let passkeys = deps.store.list_passkeys(user.id).await?;
    let enrolled: Vec<_> = credential
        .totp
        .iter()
        .map(|totp| totp.enrolled_at)
        .chain(passkeys.iter().map(|passkey| passkey.created_at))
        .collect();
    let mail = Mail { to: credential.email.to_string(), notice: Notice::AccountReleased { at: now.to_string() } };
    let releasing = Releasing {
        user,
        factors_enrolled_at: &enrolled,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    deps.store.release_account(&releasing, proof).await.map_err(problem)?;
    tracing::info!(event = "account_released", user = %user.id, "authentication");
    Ok(Answer::nothing())
}

fn problem(refused: ReleaseRefused) -> Problem {
    match refused {
        ReleaseRefused::NotHeld => Problem::account_not_held(),
        ReleaseRefused::FactorTooYoung => Problem::release_refused(),
        ReleaseRefused::ChangedMeanwhile => Problem::no_session(),
        ReleaseRefused::Busy => Problem::try_again().retry_after(1),
        ReleaseRefused::Store(error) => error.into(),
    }
}
