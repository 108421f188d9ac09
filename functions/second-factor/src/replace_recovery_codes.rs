//! `POST /v1/second-factors/recovery-codes`: ten new codes; the old ones die with the same commit (RC-2).

use std::sync::Arc;

use account::id::JobId;
use api::{Answer, Operation, Problem, Request, shape};
use store::entity::job::{Mail, Notice};
use store::transaction::replace_recovery_codes::Replacing;

use crate::Deps;
use crate::confirm_totp::{CodesMade, fresh_codes, shown};
use crate::refusal::problem;

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("replace_recovery_codes", "Makes ten new recovery codes; the old ones die")
        .may_take::<shape::Empty>()
        .answers::<CodesMade>(200, "The new ones, shown once.")
        .refuses(&[Problem::no_second_factor, Problem::try_again])
}

/// Replaces them and shows the new ones, once.
pub async fn replace_recovery_codes(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    if !credential.has_factor() {
        return Err(Problem::no_second_factor());
    }
    let codes = fresh_codes(&deps);
    let mail = Mail { to: credential.email.to_string(), notice: Notice::RecoveryCodesReplaced { at: now.to_string() } };
    let replacing = Replacing {
        user: &session.user,
        credential: &credential,
        codes: &codes,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        now,
    };
    deps.store.replace_recovery_codes(&replacing, proof).await.map_err(problem)?;
    Ok(Answer::ok(&shown(&codes)))
}
