//! `POST /v1/signup`: creates an account, or mails the owner of the address that there already is one.
//!
//! One answer and the same operations either way (SU-1): source charged, address read, budget read, pepper, Argon2id, one
//! transaction.

use std::sync::Arc;

use account::breached::PasswordCheck;
use account::budget::{AllowanceUsed, RESET_MAILS, Room};
use account::email::EmailAddress;
use account::id::JobId;
use account::password::{Password, Weakness};
use account::password_hash::{HashPolicy, PasswordHash, UserSalt, hash};
use account::token::{Purpose, new_token};
use account::{UserId, WallTime};
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request, shape};
use identity_key::KeyFailed;
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Kind, Stored, Whose};
use store::entity::job::{Mail, Notice};
use store::transaction::sign_up::{SignUp, SignUpRefused};

use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
    password: Password,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("sign_up", "Creates an account")
        .details("One answer for every address: who has an account already is told so by mail. A password has at least 15 characters and at most 256 bytes.")
        .takes::<Form>()
        .answers::<shape::Empty>(202, "A mail is under way.")
        .refuses(&[Problem::password_too_weak, Problem::too_many_requests])
}

/// Creates the account.
pub async fn sign_up(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email, password } = request.json()?;
    let email = address(&email)?;
    let now = deps.host.clock.now();
    // RL-5: the policy's estimate can cost more than a hash, so it is charged like one.
    charge_source(&deps, &request, now).await?;
    // Before anything is looked up, so that the list is asked about known and unknown addresses alike (SU-1).
    let check = deps.breached.check_new(&password, &email).await.map_err(too_weak)?;
    let room = deps.store.charge_mail(request.source(), now).await?;
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let budget = deps.store.find_budget(&whose, Kind::VerifyMail, AllowanceUsed::FRESH).await?;
    let hashed = hash_new(&deps, &password).await?;
    if owner.is_some() {
        notify(&deps, &whose, &email, &budget, room, now).await
    } else {
        create(&deps, &email, &hashed, check, room, now).await
    }
}

/// Also for an address that has an account: it costs the same (SU-1).
async fn hash_new(deps: &Deps, password: &Password) -> Result<PasswordHash, Problem> {
    let salt = UserSalt::new(deps.host.entropy.bytes());
    let policy = HashPolicy { parameters: deps.parameters, pepper: deps.key.pepper_id().clone() };
    let peppered = deps.key.pepper_new(password, &salt).await.map_err(key_failed)?;
    hash(&peppered, &salt, &policy).map_err(|e| Problem::unavailable().logged(e))
}

async fn create(
    deps: &Deps,
    email: &EmailAddress,
    hashed: &PasswordHash,
    check: PasswordCheck,
    room: Room,
    now: WallTime,
) -> Result<Answer, Problem> {
    let token = new_token(Purpose::EmailVerification, deps.host.entropy.bytes());
    // A new account's own budget admits its first mail always; PR-3: a source that asks for too many gets the account and
    // no mail, which can be asked for again.
    let admitted = RESET_MAILS.admit_in(room, AllowanceUsed::FRESH, now);
    let notice = match admitted {
        // EXPOSE: the mail is how the token reaches its owner.
        Some(_) => Notice::VerifyEmail { token: token.text.expose(String::clone) },
        None => Notice::Nothing,
    };
    let mail = Mail { to: email.to_string(), notice };
    let user = UserId::new(deps.host.entropy.ulid(now));
    let done = deps
        .store
        .sign_up(SignUp {
            user,
            email,
            hash: hashed,
            check,
            token: &token.hash,
            job: JobId::new(deps.host.entropy.ulid(now)),
            mail: &mail,
            id: deps.host.entropy.ulid(now),
            budget: admitted.unwrap_or(AllowanceUsed::FRESH),
            now,
        })
        .await;
    match done {
        Ok(()) => {
            // LG-6: never the address.
            tracing::info!(event = "signed_up", user = %user, "authentication");
            Ok(Answer::accepted())
        }
        // Taken by a sign-up at the same moment: its owner's mail is under way, and that is all there is to say.
        Err(SignUpRefused::AddressTaken) => Ok(Answer::accepted()),
        Err(SignUpRefused::Store(error)) => Err(error.into()),
    }
}

/// RL-5: before anything is looked up, so that it tells nothing about an address.
async fn charge_source(deps: &Deps, request: &Request, now: WallTime) -> Result<(), Problem> {
    if deps.store.charge_source(request.source(), now).await? { Ok(()) } else { Err(Problem::hashes_used_up(now)) }
}

/// Tells the owner of the address within the budget; beyond it writes a job that sends nothing, so that both cost the same.
async fn notify(
    deps: &Deps,
    whose: &Whose,
    email: &EmailAddress,
    budget: &Stored<AllowanceUsed>,
    room: Room,
    now: WallTime,
) -> Result<Answer, Problem> {
    let (notice, charged) = match RESET_MAILS.admit_in(room, budget.state, now) {
        Some(used) => (Notice::AlreadyRegistered, Stored { state: used, version: budget.version }),
        None => (Notice::Nothing, budget.clone()),
    };
    let mail = Mail { to: email.to_string(), notice };
    // Losing the race for the budget means that another mail is under way.
    let _sent = deps
        .store
        .send_verification(whose, None, JobId::new(deps.host.entropy.ulid(now)), &mail, Some(&charged), now)
        .await?;
    Ok(Answer::accepted())
}

/// SU-5: exactly one plain address.
pub(crate) fn address(text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).map_err(|error| {
        Problem::invalid_fields().with_faults(vec![Fault {
            pointer: "/email".into(),
            code: "not_an_address".into(),
            detail: error.to_string(),
        }])
    })
}
fn too_weak(weakness: Weakness) -> Problem {
    let fault = Fault { pointer: "/password".into(), code: weakness.code().into(), detail: weakness.to_string() };
    Problem::password_too_weak().with_faults(vec![fault])
}
fn key_failed(failed: KeyFailed) -> Problem {
    match failed {
        KeyFailed::PasswordTooLong => too_weak(Weakness::TooLong),
        KeyFailed::Unavailable(_) | KeyFailed::SealBroken => Problem::unavailable().logged(failed),
    }
}
