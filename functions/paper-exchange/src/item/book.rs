//! The book: what a candle must know of every open order of a symbol to tell which accounts it touches.

use paper::changes::Resting;
use paper::order::Order;
use store::attribute::{Row, s, truth};
use store::{Key, Store, StoreError, Table, Write};
use strategy::order::Side;

use super::account::AccountId;
use super::digits12;

/// An open order in the book.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Whose it is.
    pub account: AccountId,
    /// Where it rests.
    pub resting: Resting,
}

fn key(account: AccountId, symbol: &str, id: u64) -> Key {
    Key::new(format!("BOOK#{symbol}"), format!("ORDER#{account}#{}", digits12(id)))
}

/// The whole book of a symbol.
pub async fn entries(store: &Store, symbol: &str) -> Result<Vec<Entry>, StoreError> {
    let rows = store.read_partition(Table::Paper, &format!("BOOK#{symbol}"), "ORDER#").await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "a book entry's key".into() };
    let account = row.text("sk")?.split('#').nth(1).and_then(|account| account.parse().ok()).ok_or_else(corrupt)?;
    let side = match row.text("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(corrupt()),
    };
    let limit = row.text_if("limit").map(str::parse).transpose().map_err(|_| corrupt())?;
    Ok(Entry { account, resting: Resting { arrived: row.is("arrived"), side, limit } })
}

/// The write that brings the book up to date with an order: put while it is open, else deleted.
pub fn write(account: AccountId, order: &Order) -> Write {
    let key = key(account, &order.pair.symbol(), order.id);
    if !order.status.is_open() {
        return Write::delete(Table::Paper, key);
    }
    let row = Row::keyed(&key)
        .with("arrived", truth(order.arrived))
        .with("side", s(side(order.side)))
        .with_some("limit", order.kind.limit().map(s));
    Write::put(Table::Paper, key, row)
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}
