//! Moves wakes: to the due index when the market crossed them, past what was looked at, out of the way of a paused bot.
//!
//! Each is one update of the wake's base item, conditional on the wake's id, and harmless when repeated.

use account::WallTime;
use strategy::market::MarketTime;

use crate::attribute::{n, s};
use crate::entity::wake::{Wake, due_key};
use crate::write::Write;
use crate::{Store, StoreError, Table};

const TO_DUE: &str = "SET #due_key = :due_key, #due_ms = :due, #due_since = :now REMOVE #price_key, #time_key";
const STILL_WAITS: &str = "#wake_id = :id AND attribute_not_exists(#due_key)";

impl Store {
    /// Marks a wake due at a market time. It stays due until the trader replaces it. `false`: it is due already, or was
    /// replaced.
    pub async fn mark_due(&self, wake: &Wake, due: MarketTime, now: WallTime) -> Result<bool, StoreError> {
        let write = Write::update(Table::Trading, wake.key(), TO_DUE)
            .when(STILL_WAITS)
            .value(":id", s(&wake.id))
            .value(":due_key", s(due_key(0)))
            .value(":due", n(due.ms()))
            .value(":now", n(now.ms()));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Notes that the crossed resting orders of a wake are being asked about, so that the tick's overlap does not ask
    /// about the same candle again.
    pub async fn note_asked(&self, wake: &Wake, until: MarketTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Trading, wake.key(), "SET #written_at = :until")
            .when("#wake_id = :id AND #written_at < :until")
            .value(":id", s(&wake.id))
            .value(":until", n(until.ms()));
        self.write_one(write).await.map(|_| ())
    }
    /// Notes that the hint of a due wake was sent again.
    pub async fn note_hinted(&self, wake: &Wake, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Trading, wake.key(), "SET #due_since = :now")
            .when("#wake_id = :id AND attribute_exists(#due_key)")
            .value(":id", s(&wake.id))
            .value(":now", n(now.ms()));
        self.write_one(write).await.map(|_| ())
    }
    /// Takes the due wake of a paused or stopped bot out of the due index, so that it costs nothing (P5). Starting the
    /// bot again writes a new wake for it and its open deal.
    pub async fn park_wake(&self, wake: &Wake) -> Result<(), StoreError> {
        let write = Write::delete(Table::Trading, wake.key()).when("#wake_id = :id").value(":id", s(&wake.id));
        self.write_one(write).await.map(|_| ())
    }
}
