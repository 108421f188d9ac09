//! A passkey in the reset flow: asked for by `inspect`, bound to the link's token (PK-2), and verified with the one key of this
//! account that the answer names (PK-4). Nothing is spent here: the commit of the reset does that.

use account::token::TokenHash;
use account::{UserId, WallTime};
use api::Problem;
use passkey::{Assertion, CredentialId, Stored};
use serde_json::Value;
use store::StoreError;
use store::entity::ceremony::{Ceremony, Use};
use store::entity::passkey::PasskeyUse;

use crate::Deps;

/// Stores a ceremony in the place of an earlier one of this token, and gives the options for it.
pub(crate) async fn ask(deps: &Deps, user: UserId, token: &TokenHash, now: WallTime) -> Result<Value, Problem> {
    let corrupt = |_| Problem::unavailable().logged("the stored id of a passkey is not one");
    let passkeys = deps.store.list_passkeys(user).await?;
    let allowed: Vec<CredentialId> =
        passkeys.iter().map(|p| p.credential_id.parse().map_err(corrupt)).collect::<Result<_, _>>()?;
    let begun = deps.passkeys.begin_assertion(&allowed).map_err(|e| Problem::unavailable().logged(e))?;
    let ceremony = Ceremony::beginning(Use::Reset, deps.host.entropy.ulid(now), Some(user), begun.state, now);
    deps.store.put_ceremony(token, &ceremony).await?;
    Ok(begun.options)
}

/// The use of a passkey of this account; `None` when the answer is wrong.
pub(crate) async fn verify(
    deps: &Deps,
    user: UserId,
    token: &TokenHash,
    shown: &Assertion,
    now: WallTime,
) -> Result<Option<PasskeyUse>, StoreError> {
    // PK-4: a handle that names somebody else is wrong, whoever's key it is.
    let (Ok(named), false) = (shown.credential_id(), shown.user().is_some_and(|handle| handle != Ok(user))) else {
        return Ok(None);
    };
    let ceremony = deps.store.find_ceremony(token, Use::Reset, now).await?.filter(|c| c.is_of(user));
    let passkeys = deps.store.list_passkeys(user).await?;
    let Some((ceremony, passkey)) = ceremony.zip(passkeys.into_iter().find(|p| p.credential_id == named.as_str()))
    else {
        return Ok(None);
    };
    let stored = Stored { key: &passkey.key, counter: passkey.counter };
    let verified = deps.passkeys.finish_assertion(&ceremony.state, shown, stored);
    let counter_after = verified.inspect_err(|wrong| tracing::info!(%wrong, %user, "passkey not accepted")).ok();
    Ok(counter_after.map(|counter_after| PasskeyUse {
        user,
        passkey: passkey.id,
        counter_before: passkey.counter,
        counter_after,
        ceremony: token.clone(),
        ceremony_id: ceremony.id,
    }))
}
