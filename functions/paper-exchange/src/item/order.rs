//! Orders: open ones and ended ones under different sort keys, so that open ones are found without reading history.

use account::WallTime;
use paper::order::Order;
use store::attribute::{Row, json, n};
use store::{Key, Store, StoreError, Table, Write};

use super::account::AccountId;
use super::digits12;

/// An order with its wall times.
#[derive(Debug, Clone)]
pub struct StoredOrder {
    /// The order.
    pub order: Order,
    /// When the exchange accepted it.
    pub accepted_at: WallTime,
    /// When it last changed.
    pub updated_at: WallTime,
}

fn key(account: AccountId, state: &str, symbol: &str, id: u64) -> Key {
    Key::new(account.partition(), format!("{state}#{symbol}#{}", digits12(id)))
}
fn client_key(account: AccountId, symbol: &str, client_id: &str) -> Key {
    Key::new(account.partition(), format!("CLIENT#{symbol}#{client_id}"))
}
fn read(row: &Row) -> Result<StoredOrder, StoreError> {
    Ok(StoredOrder {
        order: row.json("order")?,
        accepted_at: WallTime::from_ms(row.number("accepted_ms")?),
        updated_at: WallTime::from_ms(row.number("updated_ms")?),
    })
}

/// The account's open orders of a symbol, or of all symbols; by symbol, then oldest first.
pub async fn open(store: &Store, account: AccountId, symbol: Option<&str>) -> Result<Vec<StoredOrder>, StoreError> {
    list(store, account, "OPEN", symbol).await
}
/// The account's ended orders of a symbol, oldest first.
pub async fn done(store: &Store, account: AccountId, symbol: &str) -> Result<Vec<StoredOrder>, StoreError> {
    list(store, account, "DONE", Some(symbol)).await
}
async fn list(
    store: &Store,
    account: AccountId,
    state: &str,
    symbol: Option<&str>,
) -> Result<Vec<StoredOrder>, StoreError> {
    let prefix = symbol.map_or_else(|| format!("{state}#"), |symbol| format!("{state}#{symbol}#"));
    store.read_partition(Table::Paper, &account.partition(), &prefix).await?.iter().map(read).collect()
}

/// An order by its number. Open first: an order moves from open to ended and never back, so none is missed.
pub async fn find(store: &Store, account: AccountId, symbol: &str, id: u64) -> Result<Option<StoredOrder>, StoreError> {
    for state in ["OPEN", "DONE"] {
        if let Some(row) = store.read(Table::Paper, &key(account, state, symbol, id)).await? {
            return read(&row).map(Some);
        }
    }
    Ok(None)
}

/// The number of the latest order that bore a client id.
pub async fn find_client_id(
    store: &Store,
    account: AccountId,
    symbol: &str,
    client_id: &str,
) -> Result<Option<u64>, StoreError> {
    match store.read(Table::Paper, &client_key(account, symbol, client_id)).await? {
        Some(row) => row.number("order_id").map(Some),
        None => Ok(None),
    }
}

/// The writes of a new order: itself and its client id.
pub fn put_new(account: AccountId, stored: &StoredOrder) -> Result<[Write; 2], StoreError> {
    let (symbol, id) = (stored.order.pair.symbol(), stored.order.id);
    let client = client_key(account, &symbol, &stored.order.client_id);
    let pointer = Row::keyed(&client).with("order_id", n(id));
    let open = key(account, "OPEN", &symbol, id);
    Ok([
        Write::put(Table::Paper, open.clone(), row(&open, stored)?).when("attribute_not_exists(#pk)"),
        Write::put(Table::Paper, client, pointer),
    ])
}

/// The writes of a changed order: in place while it is open, else moved to the ended ones.
pub fn put_changed(account: AccountId, stored: &StoredOrder) -> Result<Vec<Write>, StoreError> {
    let (symbol, id) = (stored.order.pair.symbol(), stored.order.id);
    let (open, done) = (key(account, "OPEN", &symbol, id), key(account, "DONE", &symbol, id));
    if stored.order.status.is_open() {
        return Ok(vec![Write::put(Table::Paper, open.clone(), row(&open, stored)?)]);
    }
    Ok(vec![Write::put(Table::Paper, done.clone(), row(&done, stored)?), Write::delete(Table::Paper, open)])
}

fn row(key: &Key, stored: &StoredOrder) -> Result<Row, StoreError> {
    Ok(Row::keyed(key)
        .with("order", json(&stored.order)?)
        .with("accepted_ms", n(stored.accepted_at.ms()))
        .with("updated_ms", n(stored.updated_at.ms())))
}
