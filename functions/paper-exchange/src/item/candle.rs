//! The last 1000 candles of a symbol: a ring of slots, so that old ones are overwritten and never need deleting.

use store::attribute::{Row, json};
use store::{Key, Store, StoreError, Table, Write};
use strategy::market::Candle;

/// How many candles are kept, as many as one answer of `klines` can hold.
pub const KEPT: i64 = 1000;

fn partition(symbol: &str) -> String {
    format!("CANDLES#{symbol}")
}

/// The write of a candle.
pub fn put(symbol: &str, candle: &Candle) -> Result<Write, StoreError> {
    let duration = candle.close_time.ms().saturating_sub(candle.open_time.ms()).max(1);
    let slot = (candle.open_time.ms() / duration).rem_euclid(KEPT);
    let key = Key::new(partition(symbol), format!("SLOT#{slot:04}"));
    let row = Row::keyed(&key).with("candle", json(candle)?);
    Ok(Write::put(Table::Paper, key, row))
}

/// The candles that are kept, oldest first.
pub async fn all(store: &Store, symbol: &str) -> Result<Vec<Candle>, StoreError> {
    let rows = store.read_partition(Table::Paper, &partition(symbol), "SLOT#").await?;
    let mut candles = rows.iter().map(|row| row.json::<Candle>("candle")).collect::<Result<Vec<_>, _>>()?;
    candles.sort_by_key(|candle| candle.open_time);
    Ok(candles)
}
