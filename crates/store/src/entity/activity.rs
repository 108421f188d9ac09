//! Activity: what was decided for a bot and why, for its owner; and what each decision saw, so that it can be replayed.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `ACTIVITY#<ulid>` | `user`, `pair` S; `deal` S; `at_market` N (absent for what the owner did), `at_wall` N; `entries` S (JSON list of `TimelineEntry`); `saw` S (JSON of [`Saw`]; decisions alone); `version` N (of the deal, after it); `user_key` S = `USER#<user>` (display index); `ttl` N |
//!
//! Never read by a decision.

use account::{UserId, WallTime};
use serde::{Deserialize, Serialize};
use strategy::decide::TimelineEntry;
use strategy::id::{BotId, DealId};
use strategy::market::{MarketTime, Pair, SymbolStatus};
use strategy::money::Price;
use strategy::order::KnownOrder;
use ulid::Ulid;

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Kept for 90 days by the wall clock, in seconds.
const KEPT_S: i64 = 90 * 24 * 3600;

/// Where a row is; rows of a bot are in the order of their time.
pub fn key(bot: BotId, id: Ulid) -> Key {
    Key::new(super::bot::partition(bot), format!("ACTIVITY#{id}"))
}

/// The input of one decision beside the deal itself: the closed candles in `(after, until]`, and what is named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saw {
    pub after: MarketTime,
    pub until: MarketTime,
    pub last: Price,
    pub status: SymbolStatus,
    pub orders: Vec<KnownOrder>,
    /// Actions beyond one transaction, left to the next decision.
    #[serde(default)]
    pub left_over: usize,
    /// Where the kill switch was.
    #[serde(default)]
    pub entries_stopped: bool,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub id: Ulid,
    pub bot: BotId,
    pub user: UserId,
    pub pair: Pair,
    pub deal: Option<DealId>,
    pub at_market: Option<MarketTime>,
    pub at_wall: WallTime,
    pub entries: Vec<TimelineEntry>,
    pub saw: Option<Saw>,
    /// The deal's version after the decision.
    pub version: u64,
}

impl Activity {
    /// The write that adds it.
    pub fn write(&self) -> Result<Write, StoreError> {
        let key = key(self.bot, self.id);
        let row = Row::keyed(&key)
            .with("user", s(self.user))
            .with("pair", s(&self.pair))
            .with_some("deal", self.deal.map(s))
            .with_some("at_market", self.at_market.map(|t| n(t.ms())))
            .with("at_wall", n(self.at_wall.ms()))
            .with("entries", json(&self.entries)?)
            .with_some("saw", self.saw.as_ref().map(json).transpose()?)
            .with("version", n(self.version))
            .with("user_key", s(format!("USER#{}", self.user)))
            .with("ttl", n(self.at_wall.seconds() + KEPT_S));
        Ok(Write::put(Table::Trading, key, row).when("attribute_not_exists(pk)"))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of an activity") };
        let part = |name: &str, prefix: &str| {
            row.text(name).ok().and_then(|t| t.strip_prefix(prefix)).ok_or_else(|| bad(name)).map(str::to_owned)
        };
        Ok(Self {
            id: Ulid::from_string(&part("sk", "ACTIVITY#")?).map_err(|_| bad("sk"))?,
            bot: part("pk", "BOT#")?.parse().map_err(|_| bad("pk"))?,
            user: row.parse("user")?,
            pair: row.parse("pair")?,
            deal: row.text_if("deal").map(str::parse).transpose().map_err(|_| bad("deal"))?,
            at_market: row.number_if("at_market")?.map(MarketTime::from_ms),
            at_wall: WallTime::from_ms(row.number("at_wall")?),
            entries: row.json("entries")?,
            saw: if row.text_if("saw").is_some() { Some(row.json("saw")?) } else { None },
            version: row.number("version")?,
        })
    }
}

impl Store {
    /// A user's latest rows that say something, newest first, older than `before`; from the display index.
    pub async fn recent_activity(
        &self,
        user: UserId,
        before: Option<Ulid>,
        limit: usize,
    ) -> Result<Vec<Activity>, StoreError> {
        let (mut found, mut from) = (Vec::new(), None);
        // `~` follows every character of an id.
        let until = before.map_or_else(|| "ACTIVITY#~".to_owned(), |id| format!("ACTIVITY#{id}"));
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(self.table(Table::Trading))
                .index_name("user")
                .key_condition_expression("user_key = :user AND sk BETWEEN :first AND :until")
                .expression_attribute_values(":user", s(format!("USER#{user}")))
                .expression_attribute_values(":first", s("ACTIVITY#"))
                .expression_attribute_values(":until", s(&until))
                .scan_index_forward(false)
                .limit(200)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| StoreError::of("Query", &e))?;
            for item in answer.items.unwrap_or_default() {
                let row = Activity::from_row(&Row(item))?;
                if before != Some(row.id) && !row.entries.is_empty() {
                    found.push(row);
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
    /// The activity of a bot, oldest first, read consistently.
    pub async fn activity_of(&self, bot: BotId) -> Result<Vec<Activity>, StoreError> {
        let rows = self.read_partition(Table::Trading, &super::bot::partition(bot), "ACTIVITY#").await?;
        rows.iter().map(Activity::from_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_stored() {
        let ulid = Ulid::from_parts(1, 2);
        let at = MarketTime::from_ms(60_000);
        let activity = Activity {
            id: ulid,
            bot: BotId::new(ulid),
            user: UserId::new(ulid),
            pair: "ETH-USDT".parse().expect("a pair"),
            deal: Some(DealId::new(ulid)),
            at_market: Some(at),
            at_wall: WallTime::from_ms(5),
            entries: vec![TimelineEntry { at, code: "deal_opened".into(), text: "The deal is open.".into() }],
            saw: Some(Saw {
                after: MarketTime::START,
                until: at,
                last: Price::parse("7").expect("a price"),
                status: SymbolStatus::Trading,
                orders: vec![],
                left_over: 0,
                entries_stopped: false,
            }),
            version: 4,
        };
        let Ok(write) = activity.write() else { unreachable!("writable") };
        assert_eq!(Activity::from_row(write.row().expect("a put")).expect("readable"), activity);
    }
}
