//! Listed symbols: rules, status and the last candle applied.

use paper::symbol::Symbol;
use store::attribute::{Row, json, n, s};
use store::{Key, Store, StoreError, Table, Write};
use strategy::market::SymbolStatus;

const PARTITION: &str = "SYMBOLS";

/// A symbol as it was read.
#[derive(Debug, Clone)]
pub struct Versioned {
    /// The symbol.
    pub symbol: Symbol,
    version: u64,
}

fn key(name: &str) -> Key {
    Key::new(PARTITION, format!("SYMBOL#{name}"))
}
fn read(row: &Row) -> Result<Versioned, StoreError> {
    Ok(Versioned { symbol: row.json("state")?, version: row.number("version")? })
}

/// A symbol by its joined name, such as `BTCUSDT`.
pub async fn find(store: &Store, name: &str) -> Result<Option<Versioned>, StoreError> {
    store.read(Table::Paper, &key(name)).await?.as_ref().map(read).transpose()
}
/// Every listed symbol, by name.
pub async fn all(store: &Store) -> Result<Vec<Symbol>, StoreError> {
    store
        .read_partition(Table::Paper, PARTITION, "SYMBOL#")
        .await?
        .iter()
        .map(|row| read(row).map(|v| v.symbol))
        .collect()
}
/// The write of a new symbol.
pub fn put_new(symbol: &Symbol) -> Result<Write, StoreError> {
    Ok(Write::put(Table::Paper, key(&symbol.pair.symbol()), row(symbol, 1)?).when("attribute_not_exists(#pk)"))
}
/// The write of a changed symbol, on condition that it is still the one that was read.
pub fn put_changed(read: &Versioned, symbol: &Symbol) -> Result<Write, StoreError> {
    let write = Write::put(Table::Paper, key(&symbol.pair.symbol()), row(symbol, read.version + 1)?);
    Ok(write.when("#version = :read").value(":read", n(read.version)))
}
/// The condition that the symbol still trades.
pub fn check_trading(symbol: &Symbol) -> Write {
    Write::check(Table::Paper, key(&symbol.pair.symbol()))
        .when("#status = :trading")
        .value(":trading", s(status(SymbolStatus::Trading)))
}

fn row(symbol: &Symbol, version: u64) -> Result<Row, StoreError> {
    let key = key(&symbol.pair.symbol());
    Ok(Row::keyed(&key)
        .with("state", json(symbol)?)
        .with("status", s(status(symbol.status)))
        .with("version", n(version)))
}

/// Binance's name of a status.
pub const fn status(status: SymbolStatus) -> &'static str {
    match status {
        SymbolStatus::Trading => "TRADING",
        SymbolStatus::Break => "BREAK",
    }
}
