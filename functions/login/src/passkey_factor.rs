//! A passkey's answer: asked for with the keys of one account, and verified with the one of them that signed (PK-4).
//!
//! Nothing is spent here: the transaction of the effect does that. Never decides what the answer is good for.

use account::token::TokenHash;
use account::{UserId, WallTime};
use api::Problem;
use passkey::{Assertion, CredentialId, Stored, WrongAnswer};
use serde_json::Value;
use store::entity::ceremony::{Ceremony, Use};
use store::entity::passkey::{Passkey, PasskeyUse};

use crate::Deps;
use crate::factor::FactorFailed;

/// What was asked for: where the ceremony is, and what it is for (PK-2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) purpose: Use,
    pub(crate) hash: &'a TokenHash,
}

/// Options for one of the account's passkeys, and the ceremony to be stored.
pub(crate) async fn ask(deps: &Deps, user: UserId, purpose: Use, now: WallTime) -> Result<(Value, Ceremony), Problem> {
    let corrupt = |_| Problem::unavailable().logged("the stored id of a passkey is not one");
    let passkeys = deps.store.list_passkeys(user).await?;
    let allowed: Vec<CredentialId> =
        passkeys.iter().map(|p| p.credential_id.parse().map_err(corrupt)).collect::<Result<_, _>>()?;
    let begun = deps.passkeys.begin_assertion(&allowed).map_err(|e| Problem::unavailable().logged(e))?;
    let ceremony = Ceremony::beginning(purpose, deps.host.entropy.ulid(now), Some(user), begun.state, now);
    Ok((begun.options, ceremony))
}

/// The use of a passkey of this account, or that the answer is wrong.
pub(crate) async fn verify_passkey(
    deps: &Deps,
    user: UserId,
    shown: &Assertion,
    asked: Asked<'_>,
    now: WallTime,
) -> Result<PasskeyUse, FactorFailed> {
    // PK-4: a handle that names somebody else is wrong, whoever's key it is.
    if shown.user().is_some_and(|named| named != Ok(user)) {
        return Err(FactorFailed::Wrong);
    }
    let ours = |error: store::StoreError| FactorFailed::Ours(error.into());
    let ceremony = deps
        .store
        .find_ceremony(asked.hash, asked.purpose, now)
        .await
        .map_err(ours)?
        .filter(|c| c.is_of(user))
        .ok_or(FactorFailed::Wrong)?;
    let passkeys = deps.store.list_passkeys(user).await.map_err(ours)?;
    let used = finish(deps, &passkeys, shown, asked.hash, &ceremony);
    used.map_err(|wrong| refused(&wrong, user))
}

/// Verifies the answer with the key that it names, of those that are `passkeys`.
pub(crate) fn finish(
    deps: &Deps,
    passkeys: &[Passkey],
    shown: &Assertion,
    hash: &TokenHash,
    ceremony: &Ceremony,
) -> Result<PasskeyUse, WrongAnswer> {
    // PK-4: by its id, among the keys of this account alone.
    let named = shown.credential_id().ok();
    let passkey = passkeys
        .iter()
        .find(|p| named.as_ref().is_some_and(|id| id.as_str() == p.credential_id))
        .ok_or_else(WrongAnswer::unknown_key)?;
    let stored = Stored { key: &passkey.key, counter: passkey.counter };
    let counter_after = deps.passkeys.finish_assertion(&ceremony.state, shown, stored)?;
    Ok(PasskeyUse {
        user: passkey.user,
        passkey: passkey.id,
        counter_before: passkey.counter,
        counter_after,
        ceremony: hash.clone(),
        ceremony_id: ceremony.id.clone(),
    })
}

/// LG-6: the log has the reason, the caller never.
pub(crate) fn refused(wrong: &WrongAnswer, user: UserId) -> FactorFailed {
    tracing::info!(%wrong, %user, "passkey not accepted");
    FactorFailed::Wrong
}
