//! The market as we recorded it: closed candles, how far they were looked at, the symbol's rules. Written by the tick alone.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | market | `CANDLE#<exchange>#<pair>` | `<close time, market ms, 16 digits>` | `candle` S (JSON of `strategy::market::Candle`); `status` S `TRADING`, `BREAK`: of the symbol, as known while the candle was the latest; `ttl` N |
//! | market | `MARKET#<exchange>#<pair>` | `STATE` | `seen_until` N (market ms: close of the last candle whose wakes were marked); `status` S `TRADING`, `BREAK`; `last` S (close of that candle); `rules_at` N (wall ms of the last copy of the rules) |
//! | market | `RULES#<exchange>#<pair>` | `RULES` | `rules` S (JSON of `strategy::market::SymbolRules`); `fees` S (JSON of `strategy::market::Fees`) |
//!
//! Never holds a price that a decision takes without its candle: what the trader reads are closed candles.

use account::WallTime;
use strategy::market::{Candle, Fees, MarketTime, Pair, SymbolRules, SymbolStatus};
use strategy::money::Price;

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// Candles are kept this long by the wall clock, in seconds (30 days): longer than any outage we want to survive, and
/// they can be fetched again. By the wall clock, since a file's candles are old when they are written.
const CANDLES_KEPT_S: i64 = 30 * 24 * 3600;
/// At most this many writes go into one transaction (the service's limit).
const WRITES_MAX: usize = 100;

/// Where the state of a pair is.
pub fn state_key(exchange: &str, pair: &Pair) -> Key {
    Key::new(format!("MARKET#{exchange}#{pair}"), "STATE")
}
/// Where the rules of a pair are.
pub fn rules_key(exchange: &str, pair: &Pair) -> Key {
    Key::new(format!("RULES#{exchange}#{pair}"), "RULES")
}
/// Where a candle is; candles of a pair are in the order of their close.
pub fn candle_key(exchange: &str, pair: &Pair, close: MarketTime) -> Key {
    Key::new(candles_of(exchange, pair), sort(close))
}
fn candles_of(exchange: &str, pair: &Pair) -> String {
    format!("CANDLE#{exchange}#{pair}")
}
fn sort(close: MarketTime) -> String {
    format!("{:016}", close.ms().max(0))
}

/// How far the market of a pair was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketState {
    /// Close of the last candle whose wakes were marked.
    pub seen_until: MarketTime,
    /// Whether orders are matched.
    pub status: SymbolStatus,
    /// Close price of that candle.
    pub last: Price,
    /// When the rules were copied from the exchange.
    pub rules_at: WallTime,
}

/// The rules were never copied: before every moment of the wall clock.
pub const NEVER: WallTime = WallTime::from_ms(0);

/// Candles read at once: three days of minutes, which stay inside one answer of the service.
pub const PAGE: i32 = 4_320;

/// The newest candles of a pair.
#[derive(Debug, Clone)]
pub struct Latest {
    /** Oldest first; never empty. */
    pub candles: Vec<Candle>,
    /** The newest of them. */
    pub last: Candle,
    pub status: SymbolStatus,
}

/// What the exchange demands of orders of a pair, and what it charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketRules {
    pub rules: SymbolRules,
    pub fees: Fees,
}

const fn status_text(status: SymbolStatus) -> &'static str {
    match status {
        SymbolStatus::Trading => "TRADING",
        SymbolStatus::Break => "BREAK",
    }
}
fn status_of(text: &str) -> Result<SymbolStatus, StoreError> {
    match text {
        "TRADING" => Ok(SymbolStatus::Trading),
        "BREAK" => Ok(SymbolStatus::Break),
        _ => Err(StoreError::Corrupt { what: "status of a market".into() }),
    }
}

impl MarketState {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seen_until: MarketTime::from_ms(row.number("seen_until")?),
            status: status_of(row.text("status")?)?,
            last: row.parse("last")?,
            rules_at: WallTime::from_ms(row.number("rules_at")?),
        })
    }
    /// Equal moments are admitted, so that a status change without a candle is recorded; earlier ones are not.
    fn write(&self, exchange: &str, pair: &Pair) -> Write {
        Write::update(
            Table::Market,
            state_key(exchange, pair),
            "SET #seen_until = :seen_until, #status = :status, #last = :last, #rules_at = :rules_at",
        )
        .when("attribute_not_exists(pk) OR #seen_until <= :seen_until")
        .value(":seen_until", n(self.seen_until.ms()))
        .value(":status", s(status_text(self.status)))
        .value(":last", s(self.last))
        .value(":rules_at", n(self.rules_at.ms()))
    }
}

impl Store {
    /// The state of a pair; `None` before its first candle.
    pub async fn find_market(&self, exchange: &str, pair: &Pair) -> Result<Option<MarketState>, StoreError> {
        self.read(Table::Market, &state_key(exchange, pair)).await?.map(|row| MarketState::from_row(&row)).transpose()
    }
    /// The rules of a pair; `None` before the tick first copied them.
    pub async fn find_rules(&self, exchange: &str, pair: &Pair) -> Result<Option<MarketRules>, StoreError> {
        let row = self.read(Table::Market, &rules_key(exchange, pair)).await?;
        row.map(|row| Ok(MarketRules { rules: row.json("rules")?, fees: row.json("fees")? })).transpose()
    }
    /// Closed candles with `after < close <= until`, oldest first.
    pub async fn candles(
        &self,
        exchange: &str,
        pair: &Pair,
        after: MarketTime,
        until: MarketTime,
    ) -> Result<Vec<Candle>, StoreError> {
        if until <= after {
            return Ok(Vec::new());
        }
        let from = MarketTime::from_ms(after.ms().saturating_add(1));
        let values = [(":pk", s(candles_of(exchange, pair))), (":from", s(sort(from))), (":until", s(sort(until)))];
        let rows = self.query(Table::Market, None, "pk = :pk AND sk BETWEEN :from AND :until", values, None).await?;
        rows.iter().map(|row| row.json("candle")).collect()
    }
    /// The newest candles with `after < close`, oldest first, and the symbol's status; `None` without any. Reads one page of
    /// [`PAGE`] candles, and further ones only while they reach not yet back to `needed`: what lies before has crossed
    /// nothing, or a wake would have been due then.
    pub async fn latest_candles(
        &self,
        exchange: &str,
        pair: &Pair,
        after: MarketTime,
        needed: MarketTime,
        page: i32,
    ) -> Result<Option<Latest>, StoreError> {
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(self.table(Table::Market))
                .key_condition_expression("pk = :pk AND sk > :after")
                .expression_attribute_values(":pk", s(candles_of(exchange, pair)))
                .expression_attribute_values(":after", s(sort(after)))
                // RF-29; the tick writes candles before it marks wakes, so whoever was woken sees the candle that woke it.
                .consistent_read(true)
                .scan_index_forward(false)
                .limit(page)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| StoreError::of("Query", &e))?;
            for item in answer.items.unwrap_or_default() {
                rows.push(Row(item));
            }
            from = answer.last_evaluated_key;
            let oldest = rows.last().map(|row: &Row| row.json::<Candle>("candle")).transpose()?.map(|c| c.close_time);
            if from.is_none() || oldest.is_none_or(|oldest| oldest <= needed) {
                break;
            }
        }
        let Some(newest) = rows.first() else { return Ok(None) };
        let status = status_of(newest.text("status")?)?;
        let candles = rows.iter().rev().map(|row| row.json("candle")).collect::<Result<Vec<Candle>, _>>()?;
        let Some(last) = candles.last().copied() else { return Ok(None) };
        Ok(Some(Latest { candles, last, status }))
    }
    /// Records closed candles. A candle that is there already is written again with the same content.
    /// `status` is the symbol's, now; the latest candle's is the one that counts.
    pub async fn put_candles(
        &self,
        exchange: &str,
        pair: &Pair,
        candles: &[Candle],
        status: SymbolStatus,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut writes = Vec::with_capacity(candles.len());
        for candle in candles {
            let key = candle_key(exchange, pair, candle.close_time);
            let row = Row::keyed(&key)
                .with("candle", json(candle)?)
                .with("status", s(status_text(status)))
                .with("ttl", n(now.seconds() + CANDLES_KEPT_S));
            writes.push(Write::put(Table::Market, key, row));
        }
        // The usual tick brings one candle, which costs one plain write.
        if writes.len() == 1 {
            for write in writes {
                let _unconditional = self.write_one(write).await?;
            }
            return Ok(());
        }
        for (part, chunk) in writes.chunks(WRITES_MAX).enumerate() {
            let last = candles.last().map_or(0, |c| c.close_time.ms());
            let token = token(&[
                "candles",
                exchange,
                &pair.to_string(),
                &last.to_string(),
                &part.to_string(),
                &now.ms().to_string(),
            ]);
            match self.transact(&token, chunk).await {
                Ok(()) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
                Err(TransactFailed::Cancelled(_)) => {
                    return Err(StoreError::Unavailable { what: "candles: contention".into() });
                }
            }
        }
        Ok(())
    }
    /// Records the rules of a pair.
    pub async fn put_rules(&self, exchange: &str, pair: &Pair, rules: &MarketRules) -> Result<(), StoreError> {
        let key = rules_key(exchange, pair);
        let row = Row::keyed(&key).with("rules", json(&rules.rules)?).with("fees", json(&rules.fees)?);
        self.write_one(Write::put(Table::Market, key, row)).await.map(|_| ())
    }
    /// Moves `seen_until` forward, one write. `false`: somebody was further already, which is as good.
    pub async fn move_market(&self, exchange: &str, pair: &Pair, state: &MarketState) -> Result<bool, StoreError> {
        Ok(self.write_one(state.write(exchange, pair)).await?.is_ok())
    }
    /// Moves `seen_until` of many pairs in one call; one that is further already is left alone.
    pub async fn move_markets(&self, states: &[(&str, &Pair, MarketState)], now: WallTime) -> Result<(), StoreError> {
        for chunk in states.chunks(WRITES_MAX) {
            let writes: Vec<_> = chunk.iter().map(|(exchange, pair, state)| state.write(exchange, pair)).collect();
            let names = chunk
                .iter()
                .map(|(exchange, pair, state)| format!("{exchange}{pair}{}{:?}", state.seen_until.ms(), state))
                .collect::<String>();
            match self.transact(&token(&["markets", &names, &now.ms().to_string()]), &writes).await {
                Ok(()) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
                Err(TransactFailed::Cancelled(_)) => {
                    for (exchange, pair, state) in chunk {
                        self.move_market(exchange, pair, state).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A request token that is the same for the same content, so that a repeated call is recognised.
fn token(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(parts.join("|"))[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_sort_as_their_close_times_do() {
        let (early, late) = (MarketTime::from_ms(999_999_999_999), MarketTime::from_ms(1_000_000_000_000));
        assert!(sort(early) < sort(late));
        assert_eq!(sort(MarketTime::from_ms(-5)), sort(MarketTime::START));
    }

    #[test]
    fn a_state_comes_back_as_it_was_stored() {
        let state = MarketState {
            seen_until: MarketTime::from_ms(60_000),
            status: SymbolStatus::Break,
            last: Price::parse("2939.22").expect("a price"),
            rules_at: WallTime::from_ms(7),
        };
        let row = Row::default()
            .with("seen_until", n(60_000))
            .with("status", s("BREAK"))
            .with("last", s("2939.22"))
            .with("rules_at", n(7));
        assert_eq!(MarketState::from_row(&row).expect("readable"), state);
        assert!(MarketState::from_row(&row.with("status", s("OPEN"))).is_err());
    }
}
