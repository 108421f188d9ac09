//! `DELETE /v1/second-factors/totp`: turns the factor off, unless a real key depends on it (LG-5).

use std::sync::Arc;

use account::id::JobId;
use api::{Answer, Operation, Problem, Request};
use store::entity::job::{Mail, Notice};
use store::transaction::remove_totp::Removing;

use crate::Deps;
use crate::refusal::problem;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("remove_totp", "Turns the authenticator off")
        .details("Other sessions end, the recovery codes are gone, and the account cools off for a day.")
        .answers_nothing(204, "It is off.")
        .refuses(&[Problem::no_second_factor, Problem::second_factor_in_use, Problem::try_again])
}

/// Turns it off: other sessions end, the recovery codes are gone, and the account cools off for a day.
pub async fn remove_totp(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let proof = request.take_step_up()?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let to = deps.store.find_address(session.user_id()).await?;
    let mail = Mail { to: to.to_string(), notice: Notice::SecondFactorRemoved { at: now.to_string() } };
    let removing = Removing {
        user: &session.user,
        session: &session.signed_in()?.hash,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        now,
    };
    deps.store.remove_totp(&removing, proof).await.map_err(problem)?;
    Ok(Answer::nothing())
}
