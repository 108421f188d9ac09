//! The order log: what was accepted when, by the wall clock.

use account::WallTime;
use store::attribute::{Row, n, s};
use store::{Key, Store, StoreError, Table, Write};

use super::account::AccountId;
use super::order::StoredOrder;
use super::{digits12, digits13};

const PARTITION: &str = "LOG";
/// How long an entry is kept: longer than anybody looks back after a fence.
const KEPT_DAYS: i64 = 30;

/// The write of an accepted order.
pub fn put(account: AccountId, stored: &StoredOrder) -> Write {
    let sk = format!("{}#{account}#{}", digits13(stored.accepted_at.ms()), digits12(stored.order.id));
    let key = Key::new(PARTITION, sk);
    let side = match stored.order.side {
        strategy::order::Side::Buy => "BUY",
        strategy::order::Side::Sell => "SELL",
    };
    let row = Row::keyed(&key)
        .with("symbol", s(stored.order.pair.symbol()))
        .with("client_id", s(&stored.order.client_id))
        .with("side", s(side))
        .with("ttl", n(stored.accepted_at.plus_seconds(KEPT_DAYS * 86_400).seconds()));
    Write::put(Table::Paper, key, row).when("attribute_not_exists(#pk)")
}

/// Entries accepted at or after a moment, oldest first.
pub async fn since(store: &Store, since: WallTime) -> Result<Vec<Row>, StoreError> {
    let from = digits13(since.ms().max(0));
    store.query(Table::Paper, None, "pk = :pk AND sk >= :from", [(":pk", s(PARTITION)), (":from", s(from))], None).await
}
