//! Wakes: when a bot can next matter. Found through sparse indexes, decided on by their base items.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `WAKE#<deal or ->#<below, above, time>` | `wake_id` S (new with every write); `bot`, `deal`, `user`, `connection`, `exchange`, `pair` S; `epoch`, `run` N; `written_at` N (market ms: close of the last candle given to `decide`); price wakes: `price_key` S = `<exchange>#<pair>#<below or above>#<shard>`, `price_ticks` N (steps of 1e-8 quote), `decide` BOOL, `resting` S (JSON list of [client id, steps], nearest first); time wakes: `time_key` S = `<exchange>#<shard>`, `time_ms` N (market); once due: `due_key` S = `<shard>`, `due_ms` N (market) instead, with `due_since` N (wall ms) |
//!
//! A wake stays due until the trader's transaction replaces it.

use account::{ConnectionId, Epoch, UserId, WallTime};
use rust_decimal::Decimal;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{MarketTime, Pair};
use strategy::money::{Price, Tick};

use crate::attribute::{Row, json, n, s, truth};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Indexes are spread over this many partitions; one is enough for thousands of bots on a pair.
pub const SHARDS: u32 = 1;

/// Which condition a wake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeKind {
    Below,
    Above,
    Time,
}
impl WakeKind {
    /// All of them.
    pub const ALL: [WakeKind; 3] = [WakeKind::Below, WakeKind::Above, WakeKind::Time];
    /// As stored in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            WakeKind::Below => "below",
            WakeKind::Above => "above",
            WakeKind::Time => "time",
        }
    }
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
pub fn time_key(exchange: &str, shard: u32) -> String {
    format!("{exchange}#{shard}")
}
/// The partition of the due index.
pub fn due_key(shard: u32) -> String {
    format!("DUE#{shard}")
}

/// What the queue to the trader carries: a hint, never a decision. Only when wake id and epoch equal those of the base
/// items does the trader decide, on current data; otherwise it acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hint {
    pub bot: BotId,
    pub deal: Option<DealId>,
    pub wake_id: String,
    /** Market ms. */
    pub due_ms: i64,
    pub epoch: u64,
}

/// Price wakes are ordered by whole steps of 1e-8 quote, not by the symbol's own tick: exchanges change ticks, and a
/// stored wake must mean the same price afterwards. Rounded so that a wake matches early rather than late.
const PRICE_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// The step as the strategy crate's type; `None` is impossible and yields the widest match.
fn steps(price: Price, up: bool) -> i64 {
    let Ok(step) = Tick::admit(PRICE_STEP) else { return if up { i64::MAX } else { i64::MIN } };
    if up { price.ticks_ceil(step) } else { price.ticks_floor(step) }
}
/// Where a wake of this kind waits for a price: `below` rounds up and `above` down, so that neither is missed.
pub fn wake_steps(kind: WakeKind, price: Price) -> i64 {
    steps(price, matches!(kind, WakeKind::Below))
}
/// How far the market went towards wakes of this kind: lows round down, highs up.
pub fn market_steps(kind: WakeKind, price: Price) -> i64 {
    steps(price, !matches!(kind, WakeKind::Below))
}

/// Whose wake it is; what a QUERY and a hint need stands here, so that the tick reads one item per crossed wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub bot: BotId,
    pub deal: Option<DealId>,
    pub user: UserId,
    pub connection: ConnectionId,
    pub exchange: String,
    pub pair: Pair,
    /// The trade epoch of the bot when the wake was written.
    pub epoch: Epoch,
    /// The bot's run when the wake was written.
    pub run: u64,
}

/// What a wake waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// `steps` of 1e-8 quote; `resting` likewise, nearest first.
    Price {
        steps: i64,
        decide: bool,
        resting: Vec<(ClientOrderId, i64)>,
    },
    Time {
        at: MarketTime,
    },
    /// Found; stays until the trader replaces it.
    Due {
        at: MarketTime,
        since: WallTime,
    },
}

/// What the price index says of a wake; perhaps of an earlier one in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub key: Key,
    pub steps: i64,
    pub written_at: MarketTime,
}

/// A wake as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    pub owner: Owner,
    pub kind: WakeKind,
    /// New with every write: a hint that names another one is a stale one.
    pub id: String,
    /// Close of the last candle that the decision behind this wake saw; only later candles can match.
    pub written_at: MarketTime,
    pub waits: Waits,
}

impl Wake {
    /// A wake that is due at once: after an order event, at a start, or when the market was already there.
    pub fn due(owner: Owner, id: String, at: MarketTime, since: WallTime) -> Self {
        Self { owner, kind: WakeKind::Time, id, written_at: at, waits: Waits::Due { at, since } }
    }
    /// Where it is.
    pub fn key(&self) -> Key {
        key(self.owner.bot, self.owner.deal, self.kind)
    }
    /// What tells the trader of it.
    pub fn hint(&self, due: MarketTime) -> Hint {
        Hint {
            bot: self.owner.bot,
            deal: self.owner.deal,
            wake_id: self.id.clone(),
            due_ms: due.ms(),
            epoch: self.owner.epoch.value(),
        }
    }
    /// The write that stores it in the place of whatever wake of its kind was there.
    pub fn write(&self) -> Result<Write, StoreError> {
        Ok(Write::put(Table::Trading, self.key(), self.to_row()?))
    }
    /// As stored.
    pub fn to_row(&self) -> Result<Row, StoreError> {
        let o = &self.owner;
        let row = Row::keyed(&self.key())
            .with("wake_id", s(&self.id))
            .with("bot", s(o.bot))
            .with_some("deal", o.deal.map(s))
            .with("user", s(o.user))
            .with("connection", s(o.connection))
            .with("exchange", s(&o.exchange))
            .with("pair", s(&o.pair))
            .with("epoch", n(o.epoch.value()))
            .with("run", n(o.run))
            .with("written_at", n(self.written_at.ms()));
        Ok(match &self.waits {
            Waits::Price { steps, decide, resting } => row
                .with("price_key", s(price_key(&o.exchange, &o.pair, self.kind, 0)))
                .with("price_ticks", n(*steps))
                .with("decide", truth(*decide))
                .with("resting", json(resting)?),
            Waits::Time { at } => row.with("time_key", s(time_key(&o.exchange, 0))).with("time_ms", n(at.ms())),
            Waits::Due { at, since } => {
                row.with("due_key", s(due_key(0))).with("due_ms", n(at.ms())).with("due_since", n(since.ms()))
            }
        })
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a wake") };
        let kind = row
            .text("sk")?
            .rsplit_once('#')
            .and_then(|(_, k)| WakeKind::ALL.into_iter().find(|w| w.as_str() == k))
            .ok_or_else(|| bad("sk"))?;
        let waits = if row.text_if("due_key").is_some() {
            Waits::Due {
                at: MarketTime::from_ms(row.number("due_ms")?),
                since: WallTime::from_ms(row.number("due_since")?),
            }
        } else if row.text_if("price_key").is_some() {
            Waits::Price { steps: row.number("price_ticks")?, decide: row.is("decide"), resting: row.json("resting")? }
        } else {
            Waits::Time { at: MarketTime::from_ms(row.number("time_ms")?) }
        };
        Ok(Self {
            owner: Owner {
                bot: row.parse("bot")?,
                deal: row.text_if("deal").map(str::parse).transpose().map_err(|_| bad("deal"))?,
                user: row.parse("user")?,
                connection: row.parse("connection")?,
                exchange: row.text("exchange")?.to_owned(),
                pair: row.parse("pair")?,
                epoch: Epoch::from_stored(row.number("epoch")?),
                run: row.number("run")?,
            },
            kind,
            id: row.text("wake_id")?.to_owned(),
            written_at: MarketTime::from_ms(row.number("written_at")?),
            waits,
        })
    }
}

impl Store {
    /// Wakes of a pair that the market has reached, as the index knows them: those waiting `below` at or above the lowest
    /// steps, those waiting `above` at or below the highest. Candidates only; each is read again by its key.
    pub async fn find_reached(
        &self,
        exchange: &str,
        pair: &Pair,
        kind: WakeKind,
        market: i64,
    ) -> Result<Vec<Candidate>, StoreError> {
        let condition = match kind {
            WakeKind::Below => "price_key = :key AND price_ticks >= :market",
            WakeKind::Above | WakeKind::Time => "price_key = :key AND price_ticks <= :market",
        };
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let values = [(":key", s(price_key(exchange, pair, kind, shard))), (":market", n(market))];
            for row in self.query(Table::Trading, Some("price"), condition, values, None).await? {
                found.push(Candidate {
                    key: Key::new(row.text("pk")?, row.text("sk")?),
                    steps: row.number("price_ticks")?,
                    written_at: MarketTime::from_ms(row.number("written_at")?),
                });
            }
        }
        Ok(found)
    }
    /// Keys of the wakes of an exchange whose time has come. Candidates only.
    pub async fn find_timely(&self, exchange: &str, now: MarketTime) -> Result<Vec<Key>, StoreError> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let values = [(":key", s(time_key(exchange, shard))), (":now", n(now.ms()))];
            let rows =
                self.query(Table::Trading, Some("time"), "time_key = :key AND time_ms <= :now", values, None).await?;
            for row in rows {
                found.push(Key::new(row.text("pk")?, row.text("sk")?));
            }
        }
        Ok(found)
    }
    /// Keys of the wakes that are due and not replaced yet. Candidates only.
    pub async fn find_due(&self) -> Result<Vec<Key>, StoreError> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let rows =
                self.query(Table::Trading, Some("due"), "due_key = :key", [(":key", s(due_key(shard)))], None).await?;
            for row in rows {
                found.push(Key::new(row.text("pk")?, row.text("sk")?));
            }
        }
        Ok(found)
    }
    /// A wake by its key, read consistently.
    pub async fn find_wake(&self, key: &Key) -> Result<Option<Wake>, StoreError> {
        self.read(Table::Trading, key).await?.map(|row| Wake::from_row(&row)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake(kind: WakeKind, waits: Waits) -> Wake {
        let ulid = ulid::Ulid::from_parts(1, 2);
        let owner = Owner {
            bot: BotId::new(ulid),
            deal: Some(DealId::new(ulid)),
            user: UserId::new(ulid),
            connection: ConnectionId::new(ulid),
            exchange: "paper".into(),
            pair: "ETH-USDT".parse().expect("a pair"),
            epoch: Epoch::FIRST,
            run: 3,
        };
        Wake { owner, kind, id: "w".into(), written_at: MarketTime::from_ms(60_000), waits }
    }

    #[test]
    fn a_wake_comes_back_as_it_was_stored() {
        let order = ClientOrderId::try_from("0123456789abcdef0123456789abcdef".to_owned()).expect("an id");
        for (kind, waits) in [
            (WakeKind::Below, Waits::Price { steps: 5, decide: true, resting: vec![(order, 4)] }),
            (WakeKind::Time, Waits::Time { at: MarketTime::from_ms(9) }),
            (WakeKind::Above, Waits::Due { at: MarketTime::from_ms(9), since: WallTime::from_ms(8) }),
        ] {
            let wake = wake(kind, waits);
            assert_eq!(Wake::from_row(&wake.to_row().expect("writable")).expect("readable"), wake);
        }
    }

    #[test]
    fn a_wake_matches_early_rather_than_late() {
        let price = |text: &str| Price::parse(text).expect("a price");
        // The market touches exactly the price of the wake.
        assert!(
            market_steps(WakeKind::Below, price("0.000000015")) <= wake_steps(WakeKind::Below, price("0.000000015"))
        );
        assert!(
            market_steps(WakeKind::Above, price("0.000000015")) >= wake_steps(WakeKind::Above, price("0.000000015"))
        );
        assert!(market_steps(WakeKind::Below, price("2939.23")) > wake_steps(WakeKind::Below, price("2939.22")));
        assert!(market_steps(WakeKind::Above, price("2939.21")) < wake_steps(WakeKind::Above, price("2939.22")));
    }
}
