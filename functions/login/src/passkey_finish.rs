//! `POST /v1/login/passkey/finish`: a passkey with user verification is all factors at once (PK-1).
//!
//! RL-1: no bucket of the account is asked. A signature cannot be guessed, so there is nothing to count, and whoever uses up
//! the passwords' bucket keeps no owner of a passkey out. What it costs us is charged to its source, before anything is looked
//! up. Wrong answer, unknown key, unknown account and closed account are one answer (RL-6).

use std::sync::Arc;

use account::Secret;
use account::id::SessionId;
use account::token::{Purpose, TokenHash, new_token};
use api::{Answer, Operation, Problem, Request};
use passkey::Assertion;
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::Whose;
use store::entity::ceremony::Use;
use store::entity::session::Session;
use store::transaction::sign_in_with_passkey::SigningIn;

use crate::Deps;
use crate::arrival::{Arrived, Arriving, shown_beside};
use crate::event::note;
use crate::log_in::{SessionGiven, session_answer, start_refused};
use crate::passkey_factor::{finish, refused};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    ceremony: Secret<String>,
    credential: Assertion,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("passkey_finish", "Signs in with a passkey alone")
        .details(
            "Within five minutes, once. No password and no other factor is asked for: the passkey verified its user.",
        )
        .takes::<Form>()
        .answers::<SessionGiven>(200, "Signed in.")
        .with_header("Set-Cookie", "The session for a browser, and the mark by which it is known at the next sign-in.")
        .refuses(&[Problem::sign_in_refused, Problem::too_many_requests, Problem::try_again])
}

/// Signs in.
pub async fn passkey_finish(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { ceremony, credential: shown } = request.json()?;
    let now = deps.host.clock.now();
    if !deps.store.charge_source(request.source(), now).await? {
        return Err(Problem::hashes_used_up(now));
    }
    // EXPOSE: only its hash is looked up.
    let hash = ceremony.expose(|text| TokenHash::of(Purpose::PasskeyCeremony, text));
    let wrong = |owner| {
        note("sign_in_refused", owner, Some("passkey"), request.source());
        Problem::sign_in_refused()
    };
    // PK-4: the handle says whose key it is; the key is looked for among that account's alone.
    let Some(Ok(owner)) = shown.user() else { return Err(wrong(None)) };
    let ceremony = deps.store.find_ceremony(&hash, Use::SignIn, now).await?.ok_or_else(|| wrong(Some(owner)))?;
    let passkeys = deps.store.list_passkeys(owner).await?;
    let used = finish(&deps, &passkeys, &shown, &hash, &ceremony).map_err(|error| {
        refused(&error, owner);
        wrong(Some(owner))
    })?;
    let found = deps.store.find_for_sign_in(&Whose::User(owner), owner, shown_beside(&request), now).await?;
    // An account whose password was taken away is closed to every way in but the reset (LG-4).
    let Some((credential, user)) = found.credential.zip(found.user).filter(|(c, _)| c.hash.is_some()) else {
        return Err(wrong(Some(owner)));
    };
    let token = new_token(Purpose::Session, deps.host.entropy.bytes());
    // LG-3: a new session id at every authentication.
    let id = SessionId::new(deps.host.entropy.ulid(now));
    let session = Session::starting(id, user.id, user.session_gen, true, now);
    let failures = found.factor.state.failures;
    let arrived = Arrived { user: &user, email: &credential.email, known: found.device.as_ref(), failures, now };
    let arriving = Arriving::of(&deps, &request, arrived).await?;
    let signing = SigningIn {
        user: &user,
        used: &used,
        session: &session,
        token: &token.hash,
        replaced: found.replaced.as_ref(),
        arrival: &arriving.arrival(None),
        recovery: found.recovery.as_ref(),
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    deps.store.sign_in_with_passkey(&signing).await.map_err(start_refused)?;
    note("signed_in", Some(user.id), Some("passkey"), request.source());
    Ok(session_answer(&token.text, &session).with_device_cookie(arriving.cookie()))
}
