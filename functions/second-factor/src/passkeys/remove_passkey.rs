//! `DELETE /v1/second-factors/passkeys/{id}`: removes a passkey, unless a real key depends on it as the last factor (LG-5).

use std::sync::Arc;

use account::id::{JobId, PasskeyId};
use api::{Answer, Operation, Problem, Request};
use store::transaction::enrol_totp::FactorChangeRefused;
use store::transaction::remove_passkey::RemovingPasskey;

use crate::Deps;
use crate::refusal::problem;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("remove_passkey", "Removes a passkey")
        .details(
            "Other sessions end. With the last factor the recovery codes are gone and the account cools off for a day.",
        )
        .path::<PasskeyId>("id", "The passkey.")
        .answers_nothing(204, "Removed.")
        .refuses(&[Problem::second_factor_in_use, Problem::try_again])
}

/// Removes it.
pub async fn remove_passkey(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let id: PasskeyId = request.id("id")?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let removing = RemovingPasskey {
        user: &session.user,
        session: &session.signed_in()?.hash,
        passkey: id,
        job: JobId::new(deps.host.entropy.ulid(now)),
        id: deps.host.entropy.ulid(now),
        now,
    };
    match deps.store.remove_passkey(&removing, proof).await {
        Ok(()) => Ok(Answer::nothing()),
        // SS-8: of somebody else, or removed already.
        Err(FactorChangeRefused::NoFactor) => Err(Problem::not_found()),
        Err(refused) => Err(problem(refused)),
    }
}
