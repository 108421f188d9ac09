//! `POST /v1/login/second-factor`: answers a challenge with a TOTP or a recovery code.
//!
//! Charged first (TP-9); challenge, factor and session are one transaction, so of fifty equal answers one wins (TP-5).

use std::sync::Arc;

use account::budget::FactorBudget;
use account::id::{JobId, SessionId};
use account::token::{Purpose, TokenHash, new_token};
use account::{Secret, WallTime};
use api::{Answer, Problem, Request};
use serde::Deserialize;
use store::entity::budget::{Stored, Whose};
use store::entity::challenge::Challenge;
use store::entity::credential::Credential;
use store::entity::job::{Mail, Notice};
use store::entity::session::Session;
use store::entity::user::User;
use store::transaction::answer_challenge::{Answered, generation_after};
use store::transaction::spend_factor::Factor;
use store::transaction::start_session::StartRefused;

use crate::Deps;
use crate::factor::{FactorFailed, Shown, evaluate};
use crate::log_in::session_answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    challenge: Secret<String>,
    #[serde(default)]
    totp: Option<Secret<String>>,
    #[serde(default)]
    recovery_code: Option<Secret<String>>,
}

/// Finishes a sign-in.
pub async fn answer_challenge(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { challenge, totp, recovery_code } = request.json()?;
    let shown = Shown::of(totp, recovery_code)
        .ok_or_else(|| Problem::malformed_body().because("Send exactly one of totp and recovery_code."))?;
    // EXPOSE: only its hash is looked up.
    let hash = challenge.expose(|text| TokenHash::of(Purpose::LoginChallenge, text));
    let now = deps.host.clock.now();
    let claim = deps.store.find_challenge(&hash).await?.filter(|c| now < c.expires_at).ok_or_else(Problem::challenge_refused)?;
    let found = deps.store.find_for_login(&Whose::User(claim.user), claim.user).await?;
    let (Some(credential), Some(user)) = (found.credential, found.user) else { return Err(Problem::challenge_refused()) };
    // LG-2, EV-2: a change of password or factors in between kills the challenge.
    if user.cred_version != claim.cred_version { return Err(Problem::challenge_refused()); }
    let charged = charge(&deps, &claim, &hash, &found.factor, now).await?;
    match evaluate(&deps, &credential, &shown, now).await {
        Ok(factor) => finish(&deps, &request, &claim, &hash, &credential, &user, &factor, &charged, now).await,
        Err(FactorFailed::Wrong) => {
            warn_owner(&deps, &claim, &credential, now).await?;
            Err(Problem::challenge_refused())
        }
        Err(FactorFailed::Ours(problem)) => {
            deps.store.refund_factor(claim.user, &charged, now).await?;
            Err(problem)
        }
    }
}

async fn charge(deps: &Deps, claim: &Challenge, hash: &TokenHash, budget: &Stored<FactorBudget>, now: WallTime) -> Result<Stored<FactorBudget>, Problem> {
    let admitted = budget.state.admit(claim.attempts, now).map_err(|_| Problem::challenge_refused())?;
    let id = deps.host.entropy.ulid(now);
    if !deps.store.charge_challenge(claim.user, hash, claim.attempts, admitted, budget.version, id, now).await? {
        return Err(Problem::challenge_refused());
    }
    Ok(Stored { state: admitted.0, version: budget.version.saturating_add(1) })
}

#[expect(clippy::too_many_arguments, reason = "one call site; each is a different fact of this one answer")]
async fn finish(
    deps: &Deps, request: &Request, claim: &Challenge, hash: &TokenHash, credential: &Credential, user: &User, factor: &Factor,
    charged: &Stored<FactorBudget>, now: WallTime,
) -> Result<Answer, Problem> {
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    // LG-3: a new session id at every authentication.
    let session = Session::starting(SessionId::new(deps.host.entropy.ulid(now)), user.id, generation_after(user, factor), true, now);
    let notice = match factor {
        Factor::Totp(_) => None,
        Factor::RecoveryCode(_) => {
            let left = deps.store.recovery_codes(user.id).await?.len().saturating_sub(1);
            Some(Mail { to: credential.email.to_string(), notice: Notice::RecoveryCodeUsed { at: now.to_string(), codes_left: left } })
        }
    };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let attempts = account::budget::ChallengeAttempts(claim.attempts.0.saturating_add(1));
    let answered = Answered {
        user, challenge: hash, attempts, factor, factor_budget_version: charged.version, session: &session, token: &token.hash,
        notice: notice.as_ref().map(|mail| (job, mail)), id: deps.host.entropy.ulid(now), source: request.source(), now,
    };
    match deps.store.answer_challenge(&answered).await {
        Ok(()) => Ok(session_answer(&token.text, &session)),
        Err(StartRefused::ChangedMeanwhile) => Err(Problem::challenge_refused()),
        Err(StartRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(StartRefused::Store(error)) => Err(error.into()),
    }
}

/// LG-7: somebody has the password. One mail per challenge.
async fn warn_owner(deps: &Deps, claim: &Challenge, credential: &Credential, now: WallTime) -> Result<(), Problem> {
    if claim.attempts.0 > 0 { return Ok(()); }
    let mail = Mail { to: credential.email.to_string(), notice: Notice::WrongSecondFactor { at: now.to_string() } };
    let job = JobId::new(deps.host.entropy.ulid(now));
    deps.store.send_verification(&Whose::User(claim.user), None, job, &mail, None, now).await?;
    Ok(())
}
