//! `POST /v1/step-up`: all factors once more, for exactly one request (ST-1).
//!
//! A recovery code stands in for a lost factor for one request alone: the removal of an authenticator or of a passkey.
//! Otherwise whoever lost it could never enrol a new one, and the freeze of RC-5 would never end.

use std::sync::Arc;

use account::budget::ChallengeAttempts;
use account::id::{JobId, PasskeyId};
use account::password::Password;
use account::token::{Purpose, new_token};
use account::{Secret, UserId, WallTime};
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request, routes, shape};
use passkey::Assertion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::entity::budget::Whose;
use store::entity::ceremony::Use;
use store::entity::credential::Credential;
use store::entity::job::{Mail, Notice};
use store::entity::proof::{self, Proof};
use store::transaction::issue_step_up::{Charge, Earned, RefusedStepUp, Wrong};
use store::transaction::read_for_login::ForLogin;
use store::transaction::spend_factor::Factor;
use store::transaction::start_session::StartRefused;

use crate::Deps;
use crate::event::note;
use crate::factor::{FactorFailed, Shown, evaluate};
use crate::locked::Locked;
use crate::passkey_factor::Asked;
use crate::verify_password::{NotCompared, verify_password};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    /// Of the request to come, in capitals.
    #[schemars(regex(pattern = "^(GET|POST|PUT|PATCH|DELETE)$"))]
    method: String,
    /// Of the request to come.
    #[schemars(regex(pattern = "^/v1/"), length(max = 200))]
    path: String,
    /// SHA-256 of the bytes of the body to come; of nothing where there is none.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    body_sha256: String,
    password: Password,
    #[serde(default)]
    totp: Option<Secret<String>>,
    #[serde(default)]
    recovery_code: Option<Secret<String>>,
    /// The answer to the options of `POST /v1/step-up/begin`.
    #[serde(default)]
    passkey: Option<Assertion>,
}
#[derive(Serialize, JsonSchema)]
struct ProofGiven {
    /// For `X-Step-Up`, once.
    proof: String,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("step_up", "All factors once more, for exactly one request")
        .details("Takes the password, and `totp` or `passkey` where a second factor is on. A recovery code confirms only the removal of a lost authenticator or passkey.")
        .takes::<Form>()
        .answers::<ProofGiven>(200, "A proof for the named request.")
        .refuses(&[Problem::step_up_refused, Problem::second_factor_missing, Problem::too_many_requests, Problem::try_again])
}

/// Gives a proof for the named request.
pub async fn step_up(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let form: Form = request.json()?;
    check_target(&form)?;
    let session = request.session()?;
    let (user, now) = (session.user_id(), deps.host.clock.now());
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::hashes_used_up(now));
    }
    let found = deps.store.find_for_login(&Whose::User(user), user).await?;
    let charge = charge(&deps, user, &found, &form, now).await?;
    let credential = found.credential.ok_or_else(Problem::no_session)?;
    // PK-2: asked for in this session, for a step-up.
    let asked = Asked { purpose: Use::StepUp, hash: &session.signed_in()?.hash };
    let factor = match evaluate_all(&deps, &credential, &form, asked, now).await {
        Ok(factor) => factor,
        Err(NoFactors::Wrong(wrong)) => {
            note("step_up_refused", Some(user), None, request.source());
            // TP-10: the tenth wrong factor closes the login, wherever it was shown.
            let closes = wrong == Wrong::Factor
                && charge.factor.as_ref().is_some_and(|(state, _)| !state.allows_password_login());
            let locked = Locked::of(&deps, Some(&session.user), &credential.email, now);
            let link = locked.link();
            let refused = RefusedStepUp { wrong, closed: closes.then_some(&link) };
            let id = deps.host.entropy.ulid(now);
            deps.store.refuse_step_up(user, &charge, refused, id, request.source(), now).await?;
            return Err(Problem::step_up_refused());
        }
        Err(NoFactors::Ours(problem)) => {
            deps.store.refund_step_up(user, &charge, deps.host.entropy.ulid(now), now).await?;
            return Err(problem);
        }
    };
    let token = new_token(Purpose::StepUpProof, deps.host.entropy.bytes());
    let proof = Proof {
        user,
        epoch: session.user.trade_epoch,
        cred_version: session.user.cred_version,
        method: form.method,
        path: form.path,
        body_sha256: form.body_sha256,
        expires_at: now.plus_seconds(proof::LIFE_S),
    };
    let notice = match &factor {
        Some(Factor::RecoveryCode(_)) => {
            let codes_left = deps.store.recovery_codes(user).await?.len().saturating_sub(1);
            Some(Mail {
                to: credential.email.to_string(),
                notice: Notice::RecoveryCodeUsed { at: now.to_string(), codes_left },
            })
        }
        None | Some(Factor::Totp(_) | Factor::Passkey(_)) => None,
    };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let earned = Earned {
        factor: factor.as_ref(),
        proof: &proof,
        hash: &token.hash,
        notice: notice.as_ref().map(|mail| (job, mail)),
    };
    match deps
        .store
        .issue_step_up(&session.user, &charge, earned, deps.host.entropy.ulid(now), request.source(), now)
        .await
    {
        Ok(()) => {
            note("step_up_given", Some(user), factor.as_ref().map(Factor::name), request.source());
            // EXPOSE: a proof is handed out once, here.
            Ok(Answer::ok(&ProofGiven {
                proof: token.text.expose(String::clone),
                expires_at: proof.expires_at.to_string(),
            }))
        }
        Err(StartRefused::ChangedMeanwhile) => Err(Problem::step_up_refused()),
        Err(StartRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(StartRefused::Store(error)) => Err(error.into()),
    }
}

/// RL-3, TP-7, TP-9: charged before anything is evaluated; the factor counts with those of the login.
async fn charge(deps: &Deps, user: UserId, found: &ForLogin, form: &Form, now: WallTime) -> Result<Charge, Problem> {
    let with_factor = found.credential.as_ref().ok_or_else(Problem::no_session)?.has_factor();
    let shows_factor = form.totp.is_some() || form.recovery_code.is_some() || form.passkey.is_some();
    if with_factor && !shows_factor {
        return Err(Problem::second_factor_missing());
    }
    let password = found.step_up.state.admit(now).map_err(|_| Problem::step_up_refused())?;
    let factor = if with_factor {
        let (charged, _) =
            found.factor.state.admit(ChallengeAttempts::FRESH, now).map_err(|_| Problem::step_up_refused())?;
        Some((charged, found.factor.version))
    } else {
        None
    };
    let charge = Charge { password: (password, found.step_up.version), factor };
    if deps.store.charge_step_up(user, &charge, deps.host.entropy.ulid(now), now).await? {
        Ok(charge)
    } else {
        Err(Problem::step_up_refused())
    }
}

/// Why there is no proof. Which part was wrong is for the audit row and the budgets; the caller is not told.
enum NoFactors {
    Wrong(Wrong),
    Ours(Problem),
}

/// Password first, then the factor.
async fn evaluate_all(
    deps: &Deps,
    credential: &Credential,
    form: &Form,
    asked: Asked<'_>,
    now: WallTime,
) -> Result<Option<Factor>, NoFactors> {
    let matches = match verify_password(deps, &form.password, credential.hash.as_ref()).await {
        Ok(verdict) => verdict.matches,
        Err(NotCompared::TooLong) => false,
        Err(NotCompared::Ours(problem)) => return Err(NoFactors::Ours(problem)),
    };
    if !matches {
        return Err(NoFactors::Wrong(Wrong::Password));
    }
    // EXPOSE: moved into the form of what is evaluated.
    let copy = |code: &Option<Secret<String>>| code.as_ref().map(|c| Secret::new(c.expose(String::clone)));
    match (credential.has_factor(), Shown::of(copy(&form.totp), copy(&form.recovery_code), form.passkey.clone())) {
        (false, _) => Ok(None),
        (true, None) => Err(NoFactors::Wrong(Wrong::Factor)),
        (true, Some(shown)) => match evaluate(deps, credential, &shown, asked, now).await {
            Ok(factor) => Ok(Some(factor)),
            Err(FactorFailed::Wrong) => Err(NoFactors::Wrong(Wrong::Factor)),
            Err(FactorFailed::Ours(problem)) => Err(NoFactors::Ours(problem)),
        },
    }
}

/// The request that the proof is for: a known method, a path of ours, a SHA-256 in hex.
fn check_target(form: &Form) -> Result<(), Problem> {
    let fault =
        |pointer: &str, detail: &str| Fault { pointer: pointer.into(), code: "invalid".into(), detail: detail.into() };
    let mut faults = Vec::new();
    if !matches!(form.method.as_str(), "POST" | "PATCH" | "DELETE" | "PUT" | "GET") {
        faults.push(fault("/method", "a method in capitals, such as POST"));
    }
    if !form.path.starts_with("/v1/") || form.path.len() > 200 {
        faults.push(fault("/path", "a path of this API, such as /v1/connections"));
    }
    let is_hash = form.body_sha256.len() == 64
        && form.body_sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hash {
        faults.push(fault("/body_sha256", "64 lower-case hex characters: the SHA-256 of the body's bytes"));
    }
    let removes_passkey = routes::REMOVE_PASSKEY.path().strip_suffix("{id}").and_then(|at| form.path.strip_prefix(at));
    let removes_factor = form.method == "DELETE"
        && (form.path == routes::REMOVE_TOTP.path()
            || removes_passkey.is_some_and(|id| id.parse::<PasskeyId>().is_ok()));
    if form.recovery_code.is_some() && !removes_factor {
        faults.push(fault(
            "/recovery_code",
            "a recovery code confirms only DELETE of a second factor; use the authenticator's code in totp, or passkey",
        ));
    }
    if form.recovery_code.is_some() && form.totp.is_some() {
        faults.push(fault("/recovery_code", "send either totp or recovery_code"));
    }
    if form.passkey.is_some() && (form.totp.is_some() || form.recovery_code.is_some()) {
        faults.push(fault("/passkey", "send one of totp, recovery_code and passkey"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid_fields().with_faults(faults)) }
}
