//! Applies one candle to a symbol: fills the orders it touches, then records it. Called by the host once per market
//! minute, before the tick; never over HTTP.
//!
//! Safe to repeat after any crash. Each account's changes are stored in pieces that are whole in themselves; an order
//! carries the candle that changed it last and is not changed by it again; the symbol moves on last.

use std::collections::BTreeSet;

use ::account::WallTime;
use paper::changes::Piece;
use paper::path::NotACandle;
use paper::symbol::Symbol;
use store::{StoreError, Write};
use strategy::market::{Candle, Pair};

use crate::Deps;
use crate::commit::{Committed, ROUNDS_MAX, commit};
use crate::item::account::AccountId;
use crate::item::order::StoredOrder;
use crate::item::{account, book, candle as candles, fills, order, symbol};
use crate::symbols::{ListRefused, list_symbol, standard_rules};

/// Orders per transaction: each takes at most four writes (ended order, its open item, book, fills), the account one,
/// and a transaction holds a hundred.
const ORDERS_PER_PIECE: usize = 24;

/// What became of a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was applied; so many accounts had orders that it touched.
    Now { accounts: usize },
    /// This candle or a later one was applied before; nothing changed.
    Before,
}

/// Why a candle was not applied, or not wholly. Repeating completes it.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFailed {
    /// It contradicts itself; nothing changed.
    #[error(transparent)]
    NotACandle(#[from] NotACandle),
    /// The pair cannot be listed.
    #[error(transparent)]
    NotListed(#[from] ListRefused),
    /// Others kept changing an account or the symbol.
    #[error("accounts are being changed by others; apply the candle again")]
    Busy,
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies a candle's whole path to the orders present, idempotent per symbol and open time. Lists an unknown pair
/// under the default rules.
pub async fn apply_candle(deps: &Deps, pair: &Pair, candle: Candle) -> Result<Applied, ApplyFailed> {
    paper::path::check(&candle)?;
    let name = pair.symbol();
    for _ in 0..ROUNDS_MAX {
        let Some(read) = symbol::find(&deps.store, &name).await? else {
            list_symbol(deps, pair, standard_rules()?).await?;
            continue;
        };
        if read.symbol.pair != *pair {
            return Err(ListRefused::SymbolTaken { listed: read.symbol.pair }.into());
        }
        if !read.symbol.is_due(&candle) {
            return Ok(Applied::Before);
        }
        let entries = book::entries(&deps.store, &name).await?;
        let touched: BTreeSet<AccountId> =
            entries.iter().filter(|entry| entry.resting.is_touched_by(&candle)).map(|entry| entry.account).collect();
        for account in &touched {
            fill_account(deps, &read.symbol, &candle, *account).await?;
        }
        let writes = [symbol::put_changed(&read, &read.symbol.advanced(candle))?, candles::put(&name, &candle)?];
        if commit(deps, &writes).await? == Committed::Yes {
            return Ok(Applied::Now { accounts: touched.len() });
        }
    }
    Err(ApplyFailed::Busy)
}

/// Stores what the candle does to one account, piece by piece, computing again after each: what is stored already is
/// not done twice, and an account that somebody changed in between is read anew.
async fn fill_account(deps: &Deps, symbol: &Symbol, candle: &Candle, id: AccountId) -> Result<(), ApplyFailed> {
    let (name, mut rounds) = (symbol.pair.symbol(), 0);
    while rounds < ROUNDS_MAX {
        let read = account::find(&deps.store, id).await?;
        let stored = order::open(&deps.store, id, Some(&name)).await?;
        let already = fills::of_candle(&deps.store, id, &name, candle.open_time).await?;
        let orders: Vec<_> = stored.iter().map(|stored| stored.order.clone()).collect();
        let changes = paper::apply::apply_candle(symbol, &deps.profile, candle, &orders, &already)?;
        let pieces = changes
            .pieces(&read.account, ORDERS_PER_PIECE)
            .map_err(|overdrawn| StoreError::Corrupt { what: format!("account {id}: {overdrawn}") })?;
        let Some(piece) = pieces.into_iter().next() else { return Ok(()) };
        let writes = writes_of(id, &read, piece, &stored, deps.clock.now())?;
        rounds += usize::from(commit(deps, &writes).await? == Committed::Outdated);
    }
    Err(ApplyFailed::Busy)
}

fn writes_of(
    id: AccountId,
    read: &account::Versioned,
    piece: Piece,
    stored: &[StoredOrder],
    now: WallTime,
) -> Result<Vec<Write>, StoreError> {
    let mut writes = vec![account::put_changed(id, read, &piece.account)?];
    for change in piece.changes {
        let accepted_at = stored
            .iter()
            .find(|stored| stored.order.id == change.order.id)
            .map(|stored| stored.accepted_at)
            .ok_or_else(|| StoreError::Corrupt { what: "a changed order that was not read".into() })?;
        writes.push(book::write(id, &change.order));
        writes.extend(fills::put(id, &change.fills)?);
        writes.extend(order::put_changed(id, &StoredOrder { order: change.order, accepted_at, updated_at: now })?);
    }
    Ok(writes)
}
