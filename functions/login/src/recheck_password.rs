//! SU-4: a password that could not be looked up when it was chosen is looked up at a sign-in.
//!
//! Only behind a right password, so that no stranger can make it ask. Never keeps anybody out: a hit gives the session, tells
//! the owner once, and is shown by `GET /v1/me` until another password is chosen.

use account::WallTime;
use account::breached::PasswordCheck;
use account::id::JobId;
use account::password::Password;
use api::Request;
use breached_passwords::Verdict;
use store::entity::credential::Credential;
use store::entity::job::{Mail, Notice};
use store::entity::user::User;
use store::transaction::record_password_check::LookedUp;

use crate::Deps;

/// Asks where it is due, and records what came of it. Whatever fails is logged and tried again at the next sign-in.
pub(crate) async fn recheck_password(
    deps: &Deps,
    password: &Password,
    credential: &Credential,
    user: &User,
    request: &Request,
    now: WallTime,
) {
    match credential.password_check {
        PasswordCheck::Passed | PasswordCheck::Breached => return,
        PasswordCheck::Due => {}
    }
    let check = match deps.breached.look_up(password).await {
        Verdict::Unchecked => return,
        Verdict::NotFound => PasswordCheck::Passed,
        Verdict::Breached => PasswordCheck::Breached,
    };
    let mail = Mail { to: credential.email.to_string(), notice: Notice::PasswordBreached { at: now.to_string() } };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let looked_up = LookedUp {
        user: user.id,
        cred_version: user.cred_version,
        check,
        notice: (check == PasswordCheck::Breached).then_some((job, &mail)),
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    if let Err(error) = deps.store.record_password_check(&looked_up).await {
        tracing::warn!(user = %user.id, %error, "what the list said of a password was not recorded; the next sign-in asks again");
    }
}
