//! A new password, however it is set: the policy of the sign-up (PR-16), and the hash that is stored.

use account::WallTime;
use account::breached::PasswordCheck;
use account::email::EmailAddress;
use account::password::{Password, Weakness};
use account::password_hash::{HashPolicy, PasswordHash, UserSalt};
use api::problem::Fault;
use api::{Problem, Request};
use identity_key::KeyFailed;

use crate::Deps;

/// Whether it is good enough, and what the next login has to look up again (SU-4).
pub(crate) async fn check(
    deps: &Deps,
    request: &Request,
    password: &Password,
    email: &EmailAddress,
    now: WallTime,
) -> Result<PasswordCheck, Problem> {
    // RL-5: who has a good link is still one of many who want a password looked up and a hash computed.
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::hashes_used_up(now));
    }
    deps.breached.check_new(password, email).await.map_err(too_weak)
}

/// PW-1, PW-3. The key service's failure changes nothing and counts nothing (RF-31).
pub(crate) async fn hash(deps: &Deps, password: &Password) -> Result<PasswordHash, Problem> {
    let salt = UserSalt::new(deps.host.entropy.bytes());
    let policy = HashPolicy { parameters: deps.parameters, pepper: deps.key.pepper_id().clone() };
    let peppered = deps.key.pepper_new(password, &salt).await.map_err(|failed| match failed {
        KeyFailed::PasswordTooLong => too_weak(Weakness::TooLong),
        KeyFailed::Unavailable(_) | KeyFailed::SealBroken => Problem::unavailable().logged(failed),
    })?;
    account::password_hash::hash(&peppered, &salt, &policy).map_err(|error| Problem::unavailable().logged(error))
}

fn too_weak(weakness: Weakness) -> Problem {
    let fault = Fault { pointer: "/password".into(), code: weakness.code().into(), detail: weakness.to_string() };
    Problem::password_too_weak().with_faults(vec![fault])
}
