//! Records what an exchange said about an order, whoever asked: the placement, a cancel or a QUERY.
//!
//! | write | condition |
//! | --- | --- |
//! | `ORDER#`: status, executed, fills | new, or not final yet and executed at most as much as now |
//! | the intent that was answered: SENT | AUTHORISED or UNKNOWN |
//! | its PLACE intent, when that is another and still open: SENT | AUTHORISED or UNKNOWN |
//! | `TRADES#<pair>`: the highest trade id seen, when there is one | none: any value seen is a lower bound |
//! | `DEAL#`: orders_version + 1 | open |
//! | `WAKE#<deal>#time`: due at once | none |
//!
//! Executed quantity never falls, a final status never changes, an intent is answered once: a failed condition discards the
//! answer, so that a thawed signer never overwrites the truth. An order of a closed deal is recorded without deal and wake.

use account::WallTime;
use host::Host;
use rust_decimal::prelude::ToPrimitive;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{MarketTime, Pair};
use strategy::money::Quantity;
use strategy::order::{Filled, PlannedOrder};

use super::authorising;
use crate::attribute::{json, n, s};
use crate::entity::intent::Intent;
use crate::entity::order::{self, VenueStatus};
use crate::entity::wake::{Owner, Wake};
use crate::entity::{bot, deal};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// Tries until contention or a lost answer is given up; the intent then stays AUTHORISED, and the sweep asks.
const TRIES_MAX: u32 = 8;
/// How long intents are kept once they are final, in seconds: 90 days, longer than any deal's rebuilding looks back.
const KEPT_S: i64 = 90 * 24 * 3600;

/// Where the highest trade id seen of a bot's pair is; attribute `trade_id_seen` N. Written by the signer alone.
pub fn trades_key(bot: BotId, pair: &Pair) -> Key {
    Key::new(bot::partition(bot), format!("TRADES#{pair}"))
}

/// What the exchange said about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderNews {
    pub status: VenueStatus,
    pub exchange_order_id: String,
    /// Sums over all its fills so far.
    pub filled: Filled,
    /// The highest trade id among them.
    pub trade_id: Option<i64>,
}

/// What is recorded.
#[derive(Debug)]
pub struct Recording<'a> {
    /// The intent that this answers.
    pub answered: &'a Intent,
    /// The order's PLACE intent, when it is another one and still AUTHORISED or UNKNOWN.
    pub place: Option<&'a Key>,
    pub order: &'a PlannedOrder,
    pub bot: BotId,
    pub deal: DealId,
    pub pair: &'a Pair,
    pub news: &'a OrderNews,
    /// The highest trade id known when it was authorised.
    pub trade_id_seen: i64,
    pub sent_at: WallTime,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Written; the deal is due by this wake, of which the trader is to be told.
    Due(Box<Wake>),
    /// Written; the deal is over.
    Written,
    /// Something truer is recorded already.
    Discarded,
}

macro_rules! order_set { () => { "SET #deal = :deal, #user = :user, #connection = :connection, #exchange = :exchange, #pair = :pair, \
    #order = :order, #status = :status, #exchange_order_id = :exchange_order_id, #executed = :executed, #executed_units = :units, \
    #filled = :filled, #trade_id_seen = if_not_exists(#trade_id_seen, :trade_id_seen), #sent_at = if_not_exists(#sent_at, :sent_at), \
    #seen_at = :now" } }
const ORDER_OPEN: &str = concat!(order_set!(), ", #user_key = :user_key");
const ORDER_FINAL: &str = concat!(order_set!(), " REMOVE #user_key");
const ORDER_IF: &str =
    "attribute_not_exists(pk) OR (#executed_units <= :units AND (#status = :new OR #status = :partial))";
const ANSWERED: &str = "SET #state = :sent, #ttl = :ttl REMOVE #intent_key, #intent_ms, #user_key";
const ANSWERED_IF: &str = "#state = :authorised OR #state = :unknown";
const TRADES: &str = "SET #trade_id_seen = :trade_id";
pub(super) const DEAL: &str = "SET #orders_version = #orders_version + :one";
pub(super) const DEAL_IF: &str = "#phase = :open";

impl Store {
    /// Records the news, or discards them.
    pub async fn record_order(&self, what: &Recording<'_>, host: &Host) -> Result<Recorded, StoreError> {
        let now = host.clock.now();
        let mut writes = vec![order_write(what, now)?, answered(&what.answered.key, now)];
        writes.extend(what.place.map(|place| answered(place, now)));
        let facts = writes.len();
        writes.extend(what.news.trade_id.map(|id| {
            Write::update(Table::Trading, trades_key(what.bot, what.pair), TRADES).value(":trade_id", n(id))
        }));
        let wake = due(what.answered, what.bot, what.deal, what.pair, host);
        self.with_wake(writes, facts, what.bot, what.deal, wake, host).await
    }

    /// The last trade id seen of a bot's pair, read consistently; 0 when none is.
    pub async fn find_trade_id_seen(&self, bot: BotId, pair: &Pair) -> Result<i64, StoreError> {
        let row = self.read(Table::Trading, &trades_key(bot, pair)).await?;
        row.map_or(Ok(0), |row| row.number("trade_id_seen"))
    }

    /// Notes that the exchange was asked and said nothing new: one write, nobody is woken.
    pub async fn note_seen(&self, bot: BotId, order: &ClientOrderId, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Trading, order::key(bot, order), "SET #seen_at = :now")
            .when("attribute_exists(pk)")
            .value(":now", n(now.ms()));
        self.write_one(write).await.map(|_| ())
    }

    /// Commits `facts` conditional writes with the deal's version and a wake; without the last two when the deal is over.
    pub(super) async fn with_wake(
        &self,
        mut writes: Vec<Write>,
        facts: usize,
        bot: BotId,
        deal: DealId,
        wake: Wake,
        host: &Host,
    ) -> Result<Recorded, StoreError> {
        let alone = writes.len();
        writes.push(
            Write::update(Table::Trading, deal::key(bot, deal), DEAL)
                .when(DEAL_IF)
                .value(":one", n(1))
                .value(":open", s("open")),
        );
        writes.push(wake.write()?);
        match self.settle(&writes, host).await? {
            None => Ok(Recorded::Due(Box::new(wake))),
            Some(failed) if failed < facts => Ok(Recorded::Discarded),
            Some(_) => {
                writes.truncate(alone);
                Ok(self.settle(&writes, host).await?.map_or(Recorded::Written, |_| Recorded::Discarded))
            }
        }
    }

    /// Commits; answers the first write whose condition failed. Contention is tried again under a new token, a lost answer
    /// under the same one, which is harmless for ten minutes.
    pub(super) async fn settle(&self, writes: &[Write], host: &Host) -> Result<Option<usize>, StoreError> {
        let mut token = host.entropy.ulid(host.clock.now()).to_string();
        let mut last = StoreError::Unavailable { what: "contention".into() };
        for attempt in 0..TRIES_MAX {
            match self.transact(&token, writes).await {
                Ok(()) => return Ok(None),
                Err(TransactFailed::Cancelled(cancelled)) => match cancelled.first_failed_condition() {
                    Some((index, _)) => return Ok(Some(index)),
                    None => token = host.entropy.ulid(host.clock.now()).to_string(),
                },
                Err(TransactFailed::Store(
                    error @ (StoreError::OutcomeUnknown { .. } | StoreError::Unavailable { .. }),
                )) => last = error,
                Err(TransactFailed::Store(error)) => return Err(error),
            }
            host.clock.wait(authorising::pause(attempt)).await;
        }
        Err(last)
    }
}

/// A wake that is due at once: market time 0 lies before every tick.
pub(super) fn due(intent: &Intent, bot: BotId, deal: DealId, pair: &Pair, host: &Host) -> Wake {
    let now = host.clock.now();
    let owner = Owner {
        bot,
        deal: Some(deal),
        user: intent.user,
        connection: intent.connection,
        exchange: intent.exchange.clone(),
        pair: pair.clone(),
        epoch: intent.epoch,
        run: intent.run,
    };
    Wake::due(owner, host.entropy.ulid(now).to_string(), MarketTime::START, now)
}

fn answered(key: &Key, now: WallTime) -> Write {
    Write::update(Table::Trading, key.clone(), ANSWERED)
        .when(ANSWERED_IF)
        .value(":sent", s("SENT"))
        .value(":authorised", s("AUTHORISED"))
        .value(":unknown", s("UNKNOWN"))
        .value(":ttl", n(kept_until(now)))
}
pub(super) const fn kept_until(now: WallTime) -> i64 {
    now.seconds() + KEPT_S
}

fn order_write(what: &Recording<'_>, now: WallTime) -> Result<Write, StoreError> {
    let id: &ClientOrderId = &what.order.client_order_id;
    let (intent, news) = (what.answered, what.news);
    let write = Write::update(
        Table::Trading,
        order::key(what.bot, id),
        if news.status.is_final() { ORDER_FINAL } else { ORDER_OPEN },
    )
    .when(ORDER_IF)
    .value(":deal", s(what.deal))
    .value(":user", s(intent.user))
    .value(":connection", s(intent.connection))
    .value(":exchange", s(&intent.exchange))
    .value(":pair", s(what.pair))
    .value(":order", json(what.order)?)
    .value(":status", s(news.status.as_str()))
    .value(":exchange_order_id", s(&news.exchange_order_id))
    .value(":executed", s(news.filled.quantity))
    .value(":units", n(units(news.filled.quantity)?))
    .value(":filled", json(&news.filled)?)
    .value(":trade_id_seen", n(what.trade_id_seen))
    .value(":sent_at", n(what.sent_at.ms()))
    .value(":now", n(now.ms()))
    .value(":new", s(VenueStatus::New.as_str()))
    .value(":partial", s(VenueStatus::PartiallyFilled.as_str()));
    Ok(if news.status.is_final() { write } else { write.value(":user_key", s(format!("USER#{}", intent.user))) })
}

/// Whole units of 1e-8 base, by which a condition compares quantities.
pub(crate) fn units(quantity: Quantity) -> Result<i64, StoreError> {
    let units = quantity.decimal() * rust_decimal::Decimal::new(100_000_000, 0);
    units.trunc().to_i64().ok_or_else(|| StoreError::Corrupt { what: format!("a quantity of {quantity}") })
}
