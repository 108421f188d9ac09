//! Whatever names the user in `identity`: partitions of his own, and items under the hash of a token, of an address or of a
//! passkey, which the index finds.
//!
//! The security events go too: they are the owner's, and nobody is left to read them. Reads keys alone.

use store::{Key, StoreError, Table};

use super::{Found, Run};

/// What a user's partitions begin with. `USER#` comes last, and its state with it.
const PARTITIONS: [&str; 12] = [
    "SESSIONS",
    "TOKENS",
    "EVENTS",
    "BUDGET",
    "RECOVERY",
    "RECOVERY_WAIT",
    "RESET",
    "VERIFY_NEWEST",
    "DEVICE",
    "PASSKEY",
    "EMAIL_CHANGES",
    "USER",
];

pub(super) async fn erase(run: &mut Run<'_>) -> Result<Found, StoreError> {
    if run.room() == 0 {
        return Ok(Found::Deleted);
    }
    // Gone with the commit of the deletion; this function may not write them.
    if !run.deps.store.find_keys(Table::Identity, None, ("pk", &format!("CRED#{}", run.user)), 1).await?.is_empty() {
        return Ok(Found::Waiting("the credentials are still there"));
    }
    let owned: Vec<Key> = run.owned(Table::Identity).await?;
    let mut gone = 0;
    for key in &owned {
        gone += usize::from(run.deps.store.delete_owned(Table::Identity, key, run.user).await?);
    }
    run.deleted = run.deleted.saturating_add(gone);
    let mut found = if gone == 0 { Found::Nothing } else { Found::Deleted };
    for prefix in PARTITIONS {
        if run.room() == 0 {
            return Ok(Found::Deleted);
        }
        let partition = format!("{prefix}#{}", run.user);
        found = found.and(run.empty(Table::Identity, &partition).await?);
    }
    Ok(found)
}
