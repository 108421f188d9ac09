//! Bots, and all that hangs on them; funds and the kill switch.
//!
//! A bot's own item goes last: it leads to the others. Nothing of them can be traded since the deletion: the epoch was raised.

use std::collections::BTreeSet;

use store::{Key, StoreError, Table};

use super::{Found, Run};

/// Finds a user's bots, deals, open orders and activity.
const BY_USER: &str = "user";

pub(super) async fn erase(run: &mut Run<'_>) -> Result<Found, StoreError> {
    let partition = format!("USER#{}", run.user);
    let mut found = Found::Nothing;
    let listed = run.deps.store.find_keys(Table::Trading, Some(BY_USER), ("user_key", &partition), run.room()).await?;
    let bots: BTreeSet<&str> = listed.iter().map(|key| key.pk.as_str()).collect();
    for bot in bots {
        if run.room() == 0 {
            return Ok(Found::Deleted);
        }
        found = found.and(empty_bot(run, bot).await?);
    }
    if run.room() == 0 {
        return Ok(Found::Deleted);
    }
    Ok(found.and(run.empty(Table::Trading, &partition).await?))
}

async fn empty_bot(run: &mut Run<'_>, bot: &str) -> Result<Found, StoreError> {
    let room = run.room();
    let keys = run.deps.store.find_keys(Table::Trading, None, ("pk", bot), room).await?;
    if keys.is_empty() {
        // The index lags: it names what is gone.
        return Ok(Found::Nothing);
    }
    let is_whole = keys.len() < room;
    let (own, rest): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|key| key.sk == "BOT");
    run.delete(Table::Trading, &rest).await?;
    if is_whole {
        run.delete(Table::Trading, &own).await?;
    }
    Ok(Found::Deleted)
}
