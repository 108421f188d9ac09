//! `POST /v1/second-factors/totp/confirm`: the first code turns the factor on and counts as used (TP-2, TP-6).

use std::sync::Arc;

use account::Secret;
use account::id::JobId;
use account::recovery_code::{CODES, NewRecoveryCode, new_codes};
use account::totp::matched_step;
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::entity::job::{Mail, Notice};
use store::transaction::confirm_totp::Confirming;
use store::transaction::enrol_totp::TRIES_MAX;

use crate::Deps;
use crate::refusal::problem;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    code: Secret<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub(crate) struct CodesMade {
    recovery_codes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthenticatorConfirmed")]
struct Confirmed {
    /// Ten codes, shown once; absent where a passkey is on, whose codes stay good.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("confirm_totp", "Turns the authenticator on with its first code")
        .takes::<Form>()
        .answers::<Confirmed>(200, "It is on; these recovery codes are shown once.")
        .refuses(&[Problem::second_factor_exists, Problem::enrolment_refused, Problem::try_again])
}

/// Turns the pending factor on and shows the recovery codes, once.
pub async fn confirm_totp(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { code } = request.json()?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    if credential.totp.is_some() {
        return Err(Problem::second_factor_exists());
    }
    let pending = credential
        .pending
        .as_ref()
        .filter(|p| p.until > now && p.tries < TRIES_MAX)
        .ok_or_else(Problem::enrolment_refused)?;
    let seed = deps
        .key
        .open_seed(session.user_id(), &pending.sealed_seed)
        .await
        .map_err(|e| Problem::unavailable().logged(e))?;
    // TP-9, RL-3: counted before it is compared, and only when the key service had its say (RF-31).
    if !deps.store.count_enrolment_try(session.user_id(), pending).await? {
        return Err(Problem::try_again().retry_after(1));
    }
    // EXPOSE: compared in constant time.
    let step = code.expose(|text| matched_step(&seed, text, now)).ok_or_else(Problem::enrolment_refused)?;
    let codes = fresh_codes(&deps);
    let mail = Mail { to: credential.email.to_string(), notice: Notice::SecondFactorAdded { at: now.to_string() } };
    let confirming = Confirming {
        user: &session.user,
        credential: &credential,
        pending,
        step,
        codes: &codes,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        now,
    };
    deps.store.confirm_totp(&confirming).await.map_err(problem)?;
    let is_first = !credential.has_factor();
    Ok(Answer::ok(&Confirmed { recovery_codes: is_first.then(|| code_texts(&codes)) }))
}

/// RC-1, RC-6: made here from fresh randomness; nothing of the request goes in.
pub(crate) fn fresh_codes(deps: &Deps) -> [NewRecoveryCode; CODES] {
    new_codes(std::array::from_fn(|_| deps.host.entropy.bytes()))
}

/// RC-2: shown once.
pub(crate) fn shown(codes: &[NewRecoveryCode]) -> CodesMade {
    CodesMade { recovery_codes: code_texts(codes) }
}

pub(crate) fn code_texts(codes: &[NewRecoveryCode]) -> Vec<String> {
    // EXPOSE: the codes are shown once, to be kept by their owner.
    codes.iter().map(|code| code.text.expose(String::clone)).collect()
}
