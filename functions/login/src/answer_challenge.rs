//! `POST /v1/login/second-factor`: answers a challenge with a TOTP, a recovery code or a passkey.
//!
//! Charged first (TP-9); challenge, factor and session are one transaction, so of fifty equal answers one wins (TP-5).

use std::sync::Arc;

use account::budget::{ChallengeAttempts, FactorBudget};
use account::id::{JobId, SessionId};
use account::token::{Purpose, TokenHash, new_token};
use account::{Secret, WallTime};
use api::{Answer, Operation, Problem, Request};
use passkey::Assertion;
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Bucket, Stored, Whose};
use store::entity::ceremony::Use;
use store::entity::challenge::Challenge;
use store::entity::credential::Credential;
use store::entity::job::{Mail, Notice};
use store::entity::recovery::StoredRecovery;
use store::entity::session::Session;
use store::entity::user::User;
use store::transaction::answer_challenge::{Answered, Charging, Told, generation_after};
use store::transaction::end_session::Replaced;
use store::transaction::read_for_login::KnownDevice;
use store::transaction::spend_factor::Factor;
use store::transaction::start_session::StartRefused;

use crate::Deps;
use crate::arrival::{Arrived, Arriving, shown_beside};
use crate::event::note;
use crate::factor::{FactorFailed, Shown, evaluate};
use crate::locked::Locked;
use crate::log_in::{SessionGiven, session_answer};
use crate::passkey_factor::Asked;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    challenge: Secret<String>,
    #[serde(default)]
    totp: Option<Secret<String>>,
    #[serde(default)]
    recovery_code: Option<Secret<String>>,
    /// The answer to `passkey_options` of the challenge.
    #[serde(default)]
    passkey: Option<Assertion>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("answer_challenge", "Finishes a sign-in with a second factor")
        .details("Send exactly one of `totp`, `recovery_code` and `passkey`. Each counts once.")
        .takes::<Form>()
        .answers::<SessionGiven>(200, "Signed in.")
        .with_header("Set-Cookie", "The session for a browser, and the mark by which it is known at the next sign-in.")
        .refuses(&[Problem::challenge_refused, Problem::try_again])
}

/// A challenge that was charged for one evaluation.
struct Charged {
    claim: Challenge,
    hash: TokenHash,
    credential: Credential,
    user: User,
    budget: Stored<FactorBudget>,
    device: Option<KnownDevice>,
    replaced: Option<Replaced>,
    /// How many tries were refused since the last success: passwords and factors, without the password that was right.
    failures_before: u32,
    /// PR-14: ends when this sign-in succeeds.
    recovery: Option<StoredRecovery>,
    now: WallTime,
}

/// Finishes a sign-in.
pub async fn answer_challenge(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { challenge, totp, recovery_code, passkey } = request.json()?;
    let shown = Shown::of(totp, recovery_code, passkey)
        .ok_or_else(|| Problem::malformed_body().because("Send exactly one of totp, recovery_code and passkey."))?;
    // EXPOSE: only its hash is looked up.
    let hash = challenge.expose(|text| TokenHash::of(Purpose::LoginChallenge, text));
    let charged = charge(&deps, &request, hash).await?;
    // PK-2: asked for with this challenge, and good for no other.
    let asked = Asked { purpose: Use::SecondFactor, hash: &charged.hash };
    match evaluate(&deps, &charged.credential, &shown, asked, charged.now).await {
        Ok(factor) => finish(&deps, &request, &charged, &factor).await,
        Err(FactorFailed::Wrong) => {
            refuse(&deps, &request, &charged, shown.name()).await?;
            Err(Problem::challenge_refused())
        }
        Err(FactorFailed::Ours(problem)) => {
            let Charged { claim, hash, budget, now, .. } = &charged;
            deps.store
                .refund_challenge(claim.user, hash, claim.attempts, budget, deps.host.entropy.ulid(*now), *now)
                .await?;
            Err(problem)
        }
    }
}

/// Finds the challenge and charges it and its account for one answer, of many at once exactly one (TP-9).
async fn charge(deps: &Deps, request: &Request, hash: TokenHash) -> Result<Charged, Problem> {
    let now = deps.host.clock.now();
    let claim = deps
        .store
        .find_challenge(&hash)
        .await?
        .filter(|c| now < c.expires_at)
        .ok_or_else(Problem::challenge_refused)?;
    let whose = Whose::User(claim.user);
    let found = deps.store.find_for_sign_in(&whose, claim.user, shown_beside(request), now).await?;
    let (Some(credential), Some(user)) = (found.credential, found.user) else {
        return Err(Problem::challenge_refused());
    };
    // LG-2, EV-2: a change of password or factors in between kills the challenge.
    if user.cred_version != claim.cred_version {
        return Err(Problem::challenge_refused());
    }
    let admitted = found.factor.state.admit(claim.attempts, now).map_err(|_| Problem::challenge_refused())?;
    let charging = Charging {
        user: claim.user,
        hash: &hash,
        before: claim.attempts,
        charged: admitted,
        version: found.factor.version,
    };
    if !deps.store.charge_challenge(charging, deps.host.entropy.ulid(now), now).await? {
        return Err(Problem::challenge_refused());
    }
    let budget = Stored { state: admitted.0, version: found.factor.version.saturating_add(1) };
    let passwords = match (&claim.bucket, &found.device) {
        (Bucket::Common, _) => found.login.state.failures,
        (Bucket::Device(_), Some(known)) => known.login.state.failures,
        (Bucket::Device(_), None) => 0,
    };
    let failures_before = passwords.saturating_sub(1).saturating_add(found.factor.state.failures);
    let (device, replaced, recovery) = (found.device, found.replaced, found.recovery);
    Ok(Charged { claim, hash, credential, user, budget, device, replaced, failures_before, recovery, now })
}

async fn finish(deps: &Deps, request: &Request, charged: &Charged, factor: &Factor) -> Result<Answer, Problem> {
    let Charged { claim, hash, credential, user, budget, device, replaced, failures_before, recovery, now } = charged;
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    // LG-3: a new session id at every authentication.
    let session = Session::starting(
        SessionId::new(deps.host.entropy.ulid(*now)),
        user.id,
        generation_after(user, factor),
        true,
        *now,
    );
    let notice = match factor {
        Factor::Totp(_) | Factor::Passkey(_) => None,
        Factor::RecoveryCode(_) => {
            let left = deps.store.recovery_codes(user.id).await?.len().saturating_sub(1);
            Some(Mail {
                to: credential.email.to_string(),
                notice: Notice::RecoveryCodeUsed { at: now.to_string(), codes_left: left },
            })
        }
    };
    let job = JobId::new(deps.host.entropy.ulid(*now));
    let known = device.as_ref();
    let arrived = Arrived { user, email: &credential.email, known, failures: *failures_before, now: *now };
    let arriving = Arriving::of(deps, request, arrived).await?;
    let arrival = arriving.arrival(Some(&claim.bucket));
    let answered = Answered {
        user,
        challenge: hash,
        attempts: ChallengeAttempts(claim.attempts.0.saturating_add(1)),
        factor,
        factor_budget_version: budget.version,
        session: &session,
        token: &token.hash,
        replaced: replaced.as_ref(),
        notice: notice.as_ref().map(|mail| (job, mail)),
        arrival: &arrival,
        recovery: recovery.as_ref(),
        id: deps.host.entropy.ulid(*now),
        source: request.source(),
        now: *now,
    };
    match deps.store.answer_challenge(&answered).await {
        Ok(()) => {
            note("signed_in", Some(user.id), Some(factor.name()), request.source());
            Ok(session_answer(&token.text, &session).with_device_cookie(arriving.cookie()))
        }
        // Somebody spent the challenge or the factor first: a replay (TP-5), or RF-17.
        Err(StartRefused::ChangedMeanwhile) => {
            note("second_factor_refused", Some(user.id), Some(factor.name()), request.source());
            Err(Problem::challenge_refused())
        }
        Err(StartRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(StartRefused::Store(error)) => Err(error.into()),
    }
}

/// LG-6; and LG-7: somebody has the password. One mail per challenge; one with the link when that was the tenth failure and
/// the login is closed (TP-10).
async fn refuse(deps: &Deps, request: &Request, charged: &Charged, factor: &'static str) -> Result<(), Problem> {
    let Charged { claim, credential, user, budget, now, .. } = charged;
    note("second_factor_refused", Some(claim.user), Some(factor), request.source());
    let mail = Mail { to: credential.email.to_string(), notice: Notice::WrongSecondFactor { at: now.to_string() } };
    let job = JobId::new(deps.host.entropy.ulid(*now));
    let locked = Locked::of(deps, Some(user), &credential.email, *now);
    let link = locked.link();
    let told = if !budget.state.allows_password_login() {
        note("login_closed", Some(claim.user), Some(factor), request.source());
        Told::Closed(&link)
    } else if claim.attempts.0 == 0 {
        Told::WrongFactor(job, &mail)
    } else {
        Told::Nothing
    };
    Ok(deps
        .store
        .refuse_challenge(claim.user, factor, told, deps.host.entropy.ulid(*now), request.source(), *now)
        .await?)
}
