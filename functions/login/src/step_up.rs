//! `POST /v1/step-up`: all factors once more, for exactly one request (ST-1).

use std::sync::Arc;

use account::Secret;
use account::password::Password;
use account::password_hash::{HashPolicy, verify};
use account::token::{Purpose, new_token};
use api::problem::Fault;
use api::{Answer, Problem, Request};
use identity_key::KeyFailed;
use serde::{Deserialize, Serialize};
use store::entity::budget::Whose;
use store::entity::credential::Credential;
use store::entity::proof::{self, Proof};
use store::transaction::issue_step_up::Charge;
use store::transaction::spend_factor::Factor;
use store::transaction::start_session::StartRefused;

use crate::Deps;
use crate::factor::{FactorFailed, Shown, evaluate, key_failed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    method: String, path: String, body_sha256: String, password: Password,
    #[serde(default)]
    totp: Option<Secret<String>>,
}
#[derive(Serialize)]
struct ProofGiven { proof: String, expires_at: String }

/// Gives a proof for the named request.
pub async fn step_up(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let form: Form = request.json()?;
    check_target(&form)?;
    let session = request.session()?;
    let now = deps.host.clock.now();
    let found = deps.store.find_for_login(&Whose::User(session.user_id()), session.user_id()).await?;
    let credential = found.credential.ok_or_else(Problem::no_session)?;
    let with_factor = credential.totp.is_some();
    if with_factor && form.totp.is_none() { return Err(Problem::second_factor_missing()); }
    // RL-3, TP-7, TP-9: charged before anything is evaluated; the factor counts with those of the login.
    let password = found.step_up.state.admit(now).map_err(|_| Problem::step_up_refused())?;
    let factor = if with_factor {
        let attempts = account::budget::ChallengeAttempts::FRESH;
        let (charged, _) = found.factor.state.admit(attempts, now).map_err(|_| Problem::step_up_refused())?;
        Some((charged, found.factor.version))
    } else { None };
    let charge = Charge { password: (password, found.step_up.version), factor };
    if !deps.store.charge_step_up(session.user_id(), &charge, deps.host.entropy.ulid(now), now).await? { return Err(Problem::step_up_refused()); }
    let factor = match evaluate_all(&deps, &credential, &form, now).await {
        Ok(factor) => factor,
        Err(FactorFailed::Wrong) => return Err(Problem::step_up_refused()),
        Err(FactorFailed::Ours(problem)) => {
            deps.store.refund_step_up(session.user_id(), &charge, deps.host.entropy.ulid(now), now).await?;
            return Err(problem);
        }
    };
    let token = new_token(Purpose::StepUpProof, deps.host.entropy.bytes());
    let proof = Proof {
        user: session.user_id(), epoch: session.user.trade_epoch, cred_version: session.user.cred_version, method: form.method, path: form.path,
        body_sha256: form.body_sha256, expires_at: now.plus_seconds(proof::LIFE_S),
    };
    match deps.store.issue_step_up(&session.user, &charge, factor.as_ref(), (&proof, &token.hash), deps.host.entropy.ulid(now), now).await {
        // EXPOSE: a proof is handed out once, here.
        Ok(()) => Ok(Answer::ok(&ProofGiven { proof: token.text.expose(String::clone), expires_at: proof.expires_at.to_string() })),
        Err(StartRefused::ChangedMeanwhile) => Err(Problem::step_up_refused()),
        Err(StartRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(StartRefused::Store(error)) => Err(error.into()),
    }
}

/// Password first, then the factor; which of them was wrong is not told.
async fn evaluate_all(deps: &Deps, credential: &Credential, form: &Form, now: account::WallTime) -> Result<Option<Factor>, FactorFailed> {
    let policy = HashPolicy { parameters: deps.parameters, pepper: deps.key.pepper_id().clone() };
    let peppered = deps.key.pepper_as(&form.password, &credential.hash).await.map_err(|failed| match failed {
        KeyFailed::PasswordTooLong => FactorFailed::Wrong,
        KeyFailed::Unavailable(_) | KeyFailed::SealBroken => FactorFailed::Ours(key_failed(&failed)),
    })?;
    let verdict = verify(&peppered, &credential.hash, &policy).map_err(|e| FactorFailed::Ours(Problem::unavailable().logged(e)))?;
    if !verdict.matches { return Err(FactorFailed::Wrong); }
    match (&credential.totp, &form.totp) {
        (None, _) => Ok(None),
        (Some(_), None) => Err(FactorFailed::Wrong),
        // EXPOSE: moved into the form of what is evaluated.
        (Some(_), Some(code)) => evaluate(deps, credential, &Shown::Totp(Secret::new(code.expose(String::clone))), now).await.map(Some),
    }
}

/// The request that the proof is for: a known method, a path of ours, a SHA-256 in hex.
fn check_target(form: &Form) -> Result<(), Problem> {
    let fault = |pointer: &str, detail: &str| Fault { pointer: pointer.into(), code: "invalid".into(), detail: detail.into() };
    let mut faults = Vec::new();
    if !matches!(form.method.as_str(), "POST" | "PATCH" | "DELETE" | "PUT" | "GET") { faults.push(fault("/method", "a method in capitals, such as POST")); }
    if !form.path.starts_with("/v1/") || form.path.len() > 200 { faults.push(fault("/path", "a path of this API, such as /v1/connections")); }
    let is_hash = form.body_sha256.len() == 64 && form.body_sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hash { faults.push(fault("/body_sha256", "64 lower-case hex characters: the SHA-256 of the body's bytes")); }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid_fields().with_faults(faults)) }
}
