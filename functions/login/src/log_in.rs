//! `POST /v1/login`: a right password gives a session, or a challenge when a second factor is on (LG-2).
//!
//! Charged before the hash (RL-3). An unknown address costs the same calls and one Argon2id over a fixed hash (LG-1); a
//! locked one answers like a wrong password (RL-6).

use std::sync::Arc;

use account::budget::LoginBudget;
use account::email::EmailAddress;
use account::id::SessionId;
use account::password::Password;
use account::token::{Purpose, new_token};
use account::{Secret, UserId, WallTime};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::entity::budget::{Bucket, Stored, Whose};
use store::entity::ceremony::Use;
use store::entity::challenge;
use store::entity::credential::Credential;
use store::entity::session::Session;
use store::entity::user::User;
use store::transaction::read_for_login::ForLogin;
use store::transaction::start_session::{RightPassword, StartRefused};

use crate::Deps;
use crate::arrival::{Arrived, Arriving, shown_beside};
use crate::event::note;
use crate::locked::Locked;
use crate::passkey_factor::ask;
use crate::recheck_password::recheck_password;
use crate::verify_password::{NotCompared, rehash, verify_password};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
    password: Password,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionGiven {
    pub(crate) session: TokenGiven,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionToken")]
pub(crate) struct TokenGiven {
    pub(crate) token: String,
    #[schemars(with = "shape::Time")]
    pub(crate) expires_at: String,
}
#[derive(Serialize, JsonSchema)]
struct ChallengeGiven {
    challenge: ChallengeShown,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Challenge")]
struct ChallengeShown {
    id: String,
    factors: Vec<&'static str>,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`, where the account has a passkey; good with this challenge alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shape::AnyObject>")]
    passkey_options: Option<Value>,
    #[schemars(with = "shape::Time")]
    expires_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("log_in", "Signs in with a password")
        .details("Gives a session, or a challenge for `POST /v1/login/second-factor` where a second factor is on. Wrong password, unknown address and too many tries are one answer.")
        .takes::<Form>()
        .answers::<SessionGiven>(200, "Signed in.")
        .answers::<ChallengeGiven>(200, "The password was right, and a second factor is on.")
        .with_header("Set-Cookie", "The session for a browser, and the mark by which it is known at the next sign-in.")
        .refuses(&[Problem::sign_in_refused, Problem::too_many_requests, Problem::try_again])
}

/// Signs in.
pub async fn log_in(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email, password } = request.json()?;
    let now = deps.host.clock.now();
    // What is no address has no account; it costs nothing and says nothing.
    let email = EmailAddress::parse(&email).map_err(|_| Problem::sign_in_refused())?;
    // RL-5: before anything is looked up, so that it tells nothing about an address.
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::hashes_used_up(now));
    }
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let nobody = UserId::new(deps.host.entropy.ulid(now));
    let found = deps.store.find_for_sign_in(&whose, owner.unwrap_or(nobody), shown_beside(&request), now).await?;
    let refused = || {
        note("sign_in_refused", owner, Some("password"), request.source());
        Problem::sign_in_refused()
    };
    let Some(charged) = charge(&deps, &whose, &found, now).await? else { return Err(refused()) };
    let account = found.credential.zip(found.user);
    // A removed password costs what a wrong one does (LG-1).
    let stored = account.as_ref().and_then(|(credential, _)| credential.hash.clone());
    let verdict = match verify_password(&deps, &password, stored.as_ref()).await {
        Ok(verdict) => verdict,
        Err(NotCompared::TooLong) => {
            close(&deps, &whose, &charged, account.as_ref().map(|(_, user)| user), &email, now).await?;
            return Err(refused());
        }
        Err(NotCompared::Ours(problem)) => {
            let Charged { bucket, login, .. } = &charged;
            deps.store.write_bucket(&whose, bucket, &login.state.refunded(now), login.version, now).await?;
            return Err(problem);
        }
    };
    let (credential, user, matched) = match (account, stored) {
        (Some((credential, user)), Some(stored)) if verdict.matches => (credential, user, stored),
        (account, _) => {
            close(&deps, &whose, &charged, account.as_ref().map(|(_, user)| user), &email, now).await?;
            return Err(refused());
        }
    };
    recheck_password(&deps, &password, &credential, &user, &request, now).await;
    let rehashed = if verdict.needs_rehash { rehash(&deps, &password).await } else { None };
    let right = RightPassword {
        user: &user,
        matched: &matched,
        rehashed: rehashed.as_ref(),
        replaced: found.replaced.as_ref(),
        bucket: &charged.bucket,
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    if credential.has_factor() {
        return give_challenge(&deps, &credential, &right).await;
    }
    let (known, failures) = (found.device.as_ref(), charged.failures_before);
    let arrived = Arrived { user: &user, email: &credential.email, known, failures, now };
    give_session(&deps, &right, &Arriving::of(&deps, &request, arrived).await?).await
}

/// A bucket that was charged for one evaluation.
struct Charged {
    bucket: Bucket,
    login: Stored<LoginBudget>,
    /// How many tries were refused before this one.
    failures_before: u32,
}

/// RL-2, RL-3, TP-10: charges the attempt, or `None` when there is none to be had: to be answered like a wrong password. A
/// known device has its own bucket, whatever strangers did to the common one (RL-1); the lock of the second factor holds for
/// it too, since nobody gets there without the password.
async fn charge(deps: &Deps, whose: &Whose, found: &ForLogin, now: WallTime) -> Result<Option<Charged>, Problem> {
    let (bucket, login) = match &found.device {
        Some(known) => (Bucket::Device(known.device.name.clone()), &known.login),
        None => (Bucket::Common, &found.login),
    };
    let Ok(state) = login.state.admit(now) else { return Ok(None) };
    if !found.factor.state.allows_password_login() {
        return Ok(None);
    }
    if !deps.store.write_bucket(whose, &bucket, &state, login.version, now).await? {
        return Ok(None);
    }
    let charged = Stored { state, version: login.version.saturating_add(1) };
    Ok(Some(Charged { bucket, login: charged, failures_before: login.state.failures }))
}

/// RL-2: the hundredth wrong password of the common bucket closes it, and the owner gets the link that opens it. A device's
/// own bucket closes nothing: used up, the device is a stranger's.
async fn close(
    deps: &Deps,
    whose: &Whose,
    charged: &Charged,
    account: Option<&User>,
    email: &EmailAddress,
    now: WallTime,
) -> Result<(), Problem> {
    if charged.bucket != Bucket::Common || !charged.login.state.is_closed() {
        return Ok(());
    }
    note("login_closed", account.map(|user| user.id), Some("password"), None);
    let locked = Locked::of(deps, account, email, now);
    Ok(deps.store.close_login(whose, &charged.login, &locked.link(), deps.host.entropy.ulid(now), now).await?)
}

async fn give_session(deps: &Deps, right: &RightPassword<'_>, arriving: &Arriving) -> Result<Answer, Problem> {
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    let id = SessionId::new(deps.host.entropy.ulid(right.now));
    let session = Session::starting(id, right.user.id, right.user.session_gen, false, right.now);
    let arrival = arriving.arrival(Some(right.bucket));
    deps.store.start_session(right, &session, &token.hash, &arrival).await.map_err(start_refused)?;
    note("signed_in", Some(right.user.id), Some("password"), right.source);
    Ok(session_answer(&token.text, &session).with_device_cookie(arriving.cookie()))
}

async fn give_challenge(deps: &Deps, credential: &Credential, right: &RightPassword<'_>) -> Result<Answer, Problem> {
    let token = new_token(Purpose::LoginChallenge, deps.host.entropy.bytes());
    let expires_at = right.now.plus_seconds(challenge::LIFE_S);
    let (passkey_options, ceremony) = match credential.passkeys {
        0 => (None, None),
        _ => ask(deps, right.user.id, Use::SecondFactor, right.now).await.map(|(o, c)| (Some(o), Some(c)))?,
    };
    deps.store.put_challenge(right, &token.hash, ceremony.as_ref(), expires_at).await.map_err(start_refused)?;
    note("password_accepted", Some(right.user.id), Some("password"), right.source);
    // EXPOSE: the caller answers with it; it opens nothing by itself.
    let id = token.text.expose(String::clone);
    Ok(Answer::ok(&ChallengeGiven {
        challenge: ChallengeShown {
            id,
            factors: credential.factors(),
            passkey_options,
            expires_at: expires_at.to_string(),
        },
    }))
}

pub(crate) fn session_answer(token: &Secret<String>, session: &Session) -> Answer {
    // EXPOSE: a session token is handed out once, here.
    let text = token.expose(String::clone);
    Answer::ok(&SessionGiven { session: TokenGiven { token: text, expires_at: session.expires_at.to_string() } })
        .with_session_cookie(token)
}

pub(crate) fn start_refused(refused: StartRefused) -> Problem {
    match refused {
        // RF-17: the password was right a moment ago and is not any more.
        StartRefused::ChangedMeanwhile => Problem::sign_in_refused(),
        StartRefused::Busy => Problem::try_again().retry_after(1),
        StartRefused::Store(error) => error.into(),
    }
}
