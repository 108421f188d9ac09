//! Fills: one item per order and candle.

use paper::fill::Fill;
use store::attribute::{Row, json};
use store::{Key, Store, StoreError, Table, Write};
use strategy::market::MarketTime;

use super::account::AccountId;
use super::{digits12, digits13};

/// The account's fills of a symbol, by trade number.
pub async fn of_symbol(store: &Store, account: AccountId, symbol: &str) -> Result<Vec<Fill>, StoreError> {
    list(store, account, format!("FILLS#{symbol}#")).await
}
/// The account's fills of a symbol in one candle.
pub async fn of_candle(
    store: &Store,
    account: AccountId,
    symbol: &str,
    open_time: MarketTime,
) -> Result<Vec<Fill>, StoreError> {
    list(store, account, format!("FILLS#{symbol}#{}#", digits13(open_time.ms()))).await
}
async fn list(store: &Store, account: AccountId, prefix: String) -> Result<Vec<Fill>, StoreError> {
    let mut fills: Vec<Fill> = Vec::new();
    for row in store.read_partition(Table::Paper, &account.partition(), &prefix).await? {
        fills.extend(row.json::<Vec<Fill>>("fills")?);
    }
    fills.sort_by_key(|fill| fill.trade_id);
    Ok(fills)
}

/// The write of one order's fills in one candle. None without fills.
pub fn put(account: AccountId, fills: &[Fill]) -> Result<Option<Write>, StoreError> {
    let Some(first) = fills.first() else { return Ok(None) };
    let sk = format!("FILLS#{}#{}#{}", first.pair.symbol(), digits13(first.candle.ms()), digits12(first.order_id));
    let key = Key::new(account.partition(), sk);
    let row = Row::keyed(&key).with("fills", json(&fills)?);
    // A candle changes an order once: a second list for the same order and candle would be money from nowhere.
    Ok(Some(Write::put(Table::Paper, key, row).when("attribute_not_exists(#pk)")))
}
