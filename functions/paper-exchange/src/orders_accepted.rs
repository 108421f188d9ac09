//! What the exchange accepted: for the demo and for tests that must show that after a fence there was nothing.

use account::WallTime;
use store::StoreError;

use crate::Deps;
use crate::item::log;

/// One accepted order, as logged in the transaction that accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedOrder {
    /// When, by the exchange's wall clock.
    pub accepted_at: WallTime,
    /// Whose: the account of the exchange.
    pub account: String,
    /// Which symbol, such as `BTCUSDT`.
    pub symbol: String,
    /// The owner's id for it.
    pub client_order_id: String,
    /// `BUY` or `SELL`.
    pub side: String,
}

/// Every order accepted at or after `since`, of all accounts, oldest first. Kept for 30 days.
pub async fn orders_accepted(deps: &Deps, since: WallTime) -> Result<Vec<AcceptedOrder>, StoreError> {
    let rows = log::since(&deps.store, since).await?;
    rows.iter()
        .map(|row| {
            let corrupt = || StoreError::Corrupt { what: "a log entry's key".into() };
            let mut parts = row.text("sk")?.split('#');
            let accepted_ms = parts.next().and_then(|ms| ms.parse().ok()).ok_or_else(corrupt)?;
            Ok(AcceptedOrder {
                accepted_at: WallTime::from_ms(accepted_ms),
                account: parts.next().ok_or_else(corrupt)?.to_owned(),
                symbol: row.text("symbol")?.to_owned(),
                client_order_id: row.text("client_id")?.to_owned(),
                side: row.text("side")?.to_owned(),
            })
        })
        .collect()
}
