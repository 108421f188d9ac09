//! The user's accounts on the paper exchange. A key goes last: it leads to its account; an order's place in the book goes
//! before the order, so that no candle meets an order without an account.
//!
//! The exchange's own log of accepted orders names accounts, never users, and goes by its time to live.

use store::{Key, StoreError, Table};

use super::{Found, Run};

pub(super) async fn erase(run: &mut Run<'_>) -> Result<Found, StoreError> {
    let mut found = Found::Nothing;
    for key in run.owned(Table::Paper).await? {
        if run.room() == 0 {
            return Ok(Found::Deleted);
        }
        found = found.and(erase_key(run, &key).await?);
    }
    if run.room() == 0 {
        return Ok(Found::Deleted);
    }
    let partition = format!("USER#{}", run.user);
    Ok(found.and(run.empty(Table::Paper, &partition).await?))
}

async fn erase_key(run: &mut Run<'_>, key: &Key) -> Result<Found, StoreError> {
    let row = run.deps.store.read_projected(Table::Paper, key, &["pk", "user", "account"]).await?;
    let Some(row) = row.filter(|row| row.text_if("user") == Some(&run.user.to_string())) else {
        return Ok(Found::Nothing);
    };
    let account = row.text("account")?.to_owned();
    let partition = format!("ACCOUNT#{account}");
    loop {
        let room = run.room();
        if room == 0 {
            return Ok(Found::Deleted);
        }
        let keys = run.deps.store.find_keys(Table::Paper, None, ("pk", &partition), room.div_ceil(2)).await?;
        if keys.is_empty() {
            break;
        }
        let booked: Vec<Key> = keys.iter().filter_map(|key| in_book(key, &account)).collect();
        run.delete(Table::Paper, &booked).await?;
        run.delete(Table::Paper, &keys).await?;
    }
    run.delete_owned(Table::Paper, std::slice::from_ref(key)).await?;
    Ok(Found::Deleted)
}

/// Where an open order stands in the book.
fn in_book(key: &Key, account: &str) -> Option<Key> {
    let (symbol, id) = key.sk.strip_prefix("OPEN#")?.split_once('#')?;
    Some(Key::new(format!("BOOK#{symbol}"), format!("ORDER#{account}#{id}")))
}
