//! `POST /v1/login`: a right password gives a session, or a challenge when a second factor is on (LG-2).
//!
//! Charged before the hash (RL-3). An unknown address costs the same calls and one Argon2id over a fixed hash (LG-1); a
//! locked one answers like a wrong password (RL-6).

use std::sync::Arc;

use account::budget::{FactorBudget, LoginBudget};
use account::email::EmailAddress;
use account::id::SessionId;
use account::password::Password;
use account::password_hash::{HashPolicy, PasswordHash, UserSalt, dummy_hash, hash, verify};
use account::token::{Purpose, new_token};
use account::{Secret, UserId, WallTime};
use api::{Answer, Problem, Request};
use identity_key::KeyFailed;
use serde::{Deserialize, Serialize};
use store::entity::budget::{Kind, Stored, Whose};
use store::entity::session::Session;
use store::entity::challenge;
use store::transaction::start_session::{RightPassword, StartRefused};

use crate::Deps;
use crate::factor::key_failed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form { email: String, password: Password }

#[derive(Serialize)]
pub(crate) struct SessionGiven { pub(crate) session: TokenGiven }
#[derive(Serialize)]
pub(crate) struct TokenGiven { pub(crate) token: String, pub(crate) expires_at: String }
#[derive(Serialize)]
struct ChallengeGiven { challenge: ChallengeShown }
#[derive(Serialize)]
struct ChallengeShown { id: String, factors: [&'static str; 2], expires_at: String }

/// Signs in.
pub async fn log_in(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email, password } = request.json()?;
    let now = deps.host.clock.now();
    // What is no address has no account; it costs nothing and says nothing.
    let email = EmailAddress::parse(&email).map_err(|_| Problem::sign_in_refused())?;
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or(Whose::UnknownAddress(email), Whose::User);
    let found = deps.store.find_for_login(&whose, owner.unwrap_or_else(|| UserId::new(deps.host.entropy.ulid(now)))).await?;
    let budget = charge(&deps, &whose, found.login, found.factor, now).await?;
    let policy = HashPolicy { parameters: deps.parameters, pepper: deps.key.pepper_id().clone() };
    let account = found.credential.zip(found.user);
    let stored = account.as_ref().map_or_else(|| dummy_hash(&policy), |(credential, _)| credential.hash.clone());
    let peppered = match deps.key.pepper_as(&password, &stored).await {
        Ok(peppered) => peppered,
        // SU-3: too long was never accepted at sign-up, so it is simply wrong.
        Err(KeyFailed::PasswordTooLong) => return Err(Problem::sign_in_refused()),
        Err(failed) => {
            deps.store.write_budget(&whose, Kind::Login, &budget.state.refunded(now), budget.version, now).await?;
            return Err(key_failed(&failed));
        }
    };
    let verdict = verify(&peppered, &stored, &policy).map_err(|e| Problem::unavailable().logged(e))?;
    let Some((credential, user)) = account.filter(|_| verdict.matches) else { return Err(Problem::sign_in_refused()) };
    let rehashed = if verdict.needs_rehash { Some(rehash(&deps, &password, &policy).await?) } else { None };
    let right = RightPassword {
        user: &user, rehashed: rehashed.as_ref(), budget_version: budget.version, id: deps.host.entropy.ulid(now), source: request.source(), now,
    };
    if credential.totp.is_some() { give_challenge(&deps, &right).await } else { give_session(&deps, &right).await }
}

/// RL-2, RL-3, TP-10: admits and charges, or answers as for a wrong password.
async fn charge(
    deps: &Deps, whose: &Whose, login: Stored<LoginBudget>, factor: Stored<FactorBudget>, now: WallTime,
) -> Result<Stored<LoginBudget>, Problem> {
    let charged = login.state.admit(now).map_err(|_| Problem::sign_in_refused())?;
    if !factor.state.allows_password_login() { return Err(Problem::sign_in_refused()); }
    if !deps.store.write_budget(whose, Kind::Login, &charged, login.version, now).await? { return Err(Problem::sign_in_refused()); }
    Ok(Stored { state: charged, version: login.version.saturating_add(1) })
}

/// PW-2: the same password under the present parameters.
async fn rehash(deps: &Deps, password: &Password, policy: &HashPolicy) -> Result<PasswordHash, Problem> {
    let salt = UserSalt::new(deps.host.entropy.bytes());
    let peppered = deps.key.pepper_new(password, &salt).await.map_err(|e| key_failed(&e))?;
    hash(&peppered, &salt, policy).map_err(|e| Problem::unavailable().logged(e))
}

async fn give_session(deps: &Deps, right: &RightPassword<'_>) -> Result<Answer, Problem> {
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    let id = SessionId::new(deps.host.entropy.ulid(right.now));
    let session = Session::starting(id, right.user.id, right.user.session_gen, false, right.now);
    deps.store.start_session(right, &session, &token.hash).await.map_err(start_refused)?;
    Ok(session_answer(&token.text, &session))
}

async fn give_challenge(deps: &Deps, right: &RightPassword<'_>) -> Result<Answer, Problem> {
    let token = new_token(Purpose::LoginChallenge, deps.host.entropy.bytes());
    let expires_at = right.now.plus_seconds(challenge::LIFE_S);
    deps.store.put_challenge(right, &token.hash, expires_at).await.map_err(start_refused)?;
    // EXPOSE: the caller answers with it; it opens nothing by itself.
    let id = token.text.expose(String::clone);
    Ok(Answer::ok(&ChallengeGiven { challenge: ChallengeShown { id, factors: ["totp", "recovery_code"], expires_at: expires_at.to_string() } }))
}

pub(crate) fn session_answer(token: &Secret<String>, session: &Session) -> Answer {
    // EXPOSE: a session token is handed out once, here.
    let text = token.expose(String::clone);
    Answer::ok(&SessionGiven { session: TokenGiven { token: text, expires_at: session.expires_at.to_string() } }).with_session_cookie(token)
}

pub(crate) fn start_refused(refused: StartRefused) -> Problem {
    match refused {
        // RF-17: the password was right a moment ago and is not any more.
        StartRefused::ChangedMeanwhile => Problem::sign_in_refused(),
        StartRefused::Busy => Problem::try_again().retry_after(1),
        StartRefused::Store(error) => error.into(),
    }
}
