//! Wakes: when a bot can next matter. Found through sparse indexes, decided on by their base items.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `WAKE#<deal or ->#<below, above, time>` | `wake_id` S (new with every write); `bot`, `deal`, `user`, `connection`, `exchange`, `pair` S; `epoch` N; `written_at` N (market ms: close of the last candle given to `decide`); price wakes: `price_key` S = `<exchange>#<pair>#<below or above>#<shard>`, `price_ticks` N, `decide` BOOL, `resting` S (JSON list of [client id, ticks], nearest first); time wakes: `time_key` S = `<exchange>#<shard>`, `time_ms` N (market); once due: `due_key` S = `<shard>`, `due_ms` N (market) instead, with `due_since` N (wall ms) |
//!
//! A wake stays due until the trader's transaction replaces it.

use strategy::id::{BotId, DealId};

use crate::Key;

/// Indexes are spread over this many partitions; one is enough for thousands of bots on a pair.
pub const SHARDS: u32 = 1;

/// Which condition a wake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeKind { Below, Above, Time }
impl WakeKind {
    /// All of them.
    pub const ALL: [WakeKind; 3] = [WakeKind::Below, WakeKind::Above, WakeKind::Time];
    /// As stored in keys.
    pub const fn as_str(self) -> &'static str { match self { WakeKind::Below => "below", WakeKind::Above => "above", WakeKind::Time => "time" } }
}

/// Where a wake is; without a deal it is the bot's own (start, cooldown).
pub fn key(bot: BotId, deal: Option<DealId>, kind: WakeKind) -> Key {
    let deal = deal.map_or_else(|| "-".to_owned(), |d| d.to_string());
    Key::new(super::bot::partition(bot), format!("WAKE#{deal}#{}", kind.as_str()))
}
/// The partition of the price index. One shard: a bot always lands in shard 0 until [`SHARDS`] grows.
pub fn price_key(exchange: &str, pair: &strategy::market::Pair, kind: WakeKind, shard: u32) -> String {
    format!("{exchange}#{pair}#{}#{shard}", kind.as_str())
}
/// The partition of the time index.
pub fn time_key(exchange: &str, shard: u32) -> String { format!("{exchange}#{shard}") }
/// The partition of the due index.
pub fn due_key(shard: u32) -> String { format!("DUE#{shard}") }

/// What the queue to the trader carries: a hint, never a decision. Only when wake id and epoch equal those of the base
/// items does the trader decide, on current data; otherwise it acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hint { pub bot: BotId, pub deal: Option<DealId>, pub wake_id: String, /** Market ms. */ pub due_ms: i64, pub epoch: u64 }
