//! Intents: what the signer is asked to do. PLACE and CANCEL come from the trader, QUERY from the tick and its sweep.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `INTENT#<client id>` (PLACE), `INTENT#CANCEL#<client id>#<number>`, `INTENT#QUERY#<subject>#<wall minute>` | `kind` S = `intent` (the stream filter); `what` S `PLACE`, `CANCEL`, `QUERY`; `state` S (see [`IntentState`]); `user`, `connection`, `exchange`, `pair`, `deal` S; `order` S (JSON of `PlannedOrder`; PLACE); `subject` S (client order id, `BALANCES`, `PERMISSIONS`; CANCEL and QUERY); `entry` BOOL; `run`, `epoch` N; `proposed_at`, `authorised_at` N (wall ms); `drive` N (raised by the sweep to make the stream deliver again); `why` S (refusals, signer errors); `intent_key` S = state while PROPOSED, AUTHORISED or UNKNOWN, `intent_ms` N (wall ms; the sweep's index); `user_key` S = `USER#<user>` while a PLACE is AUTHORISED or UNKNOWN (display index: a reset names what may still arrive); `ttl` N once final |
//!
//! A QUERY for a connection (balances, permissions) lives under pk `USER#<user>` instead of a bot.

use std::str::FromStr;

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::Pair;
use strategy::order::PlannedOrder;

use crate::attribute::{Row, json, n, s, truth};
use crate::write::Write;
use crate::{Key, StoreError, Table};

/// Where a PLACE intent is.
pub fn place_key(bot: BotId, order: &ClientOrderId) -> Key {
    Key::new(super::bot::partition(bot), format!("INTENT#{order}"))
}
/// Where the `number`th CANCEL of an order is.
pub fn cancel_key(bot: BotId, order: &ClientOrderId, number: u32) -> Key {
    Key::new(super::bot::partition(bot), format!("INTENT#CANCEL#{order}#{number}"))
}
/// Where a QUERY about an order is; one per wall minute at a time.
pub fn query_key(bot: BotId, order: &ClientOrderId, now: WallTime) -> Key {
    Key::new(super::bot::partition(bot), format!("INTENT#QUERY#{order}#{}", now.ms().div_euclid(60_000)))
}
/// Where a QUERY about a connection is; one per wall minute at a time.
pub fn connection_query_key(user: UserId, connection: ConnectionId, subject: ConnectionSubject, now: WallTime) -> Key {
    Key::new(
        format!("USER#{user}"),
        format!("INTENT#QUERY#{connection}#{}#{}", subject.as_str(), now.ms().div_euclid(60_000)),
    )
}

/// What a connection is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionSubject {
    Balances,
    Permissions,
}
impl ConnectionSubject {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConnectionSubject::Balances => "BALANCES",
            ConnectionSubject::Permissions => "PERMISSIONS",
        }
    }
}

/// Where an intent stands. An intent that is not PROPOSED is never authorised again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    Proposed,
    Authorised,
    /// The answer was lost; only a QUERY ends this.
    Unknown,
    /// The exchange answered; the order item has the truth. Final.
    Sent,
    /// Proven absent. Final; the next attempt may be proposed.
    Absent,
    /// Too old before it was authorised. Final; the next attempt may be proposed.
    Expired,
    /// A guard or a condition refused it, or the exchange did. Final.
    Refused,
    /// Cut off by a fence. Final, without a further attempt.
    Fenced,
}
impl IntentState {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            IntentState::Proposed => "PROPOSED",
            IntentState::Authorised => "AUTHORISED",
            IntentState::Unknown => "UNKNOWN",
            IntentState::Sent => "SENT",
            IntentState::Absent => "ABSENT",
            IntentState::Expired => "EXPIRED",
            IntentState::Refused => "REFUSED",
            IntentState::Fenced => "FENCED",
        }
    }
}
impl FromStr for IntentState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        use IntentState::*;
        [Proposed, Authorised, Unknown, Sent, Absent, Expired, Refused, Fenced]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(())
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Place(PlannedOrder),
    Cancel { order: ClientOrderId, number: u32 },
    QueryOrder { order: ClientOrderId },
    QueryConnection(ConnectionSubject),
}

/// An intent as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub key: Key,
    pub ask: Ask,
    pub state: IntentState,
    pub user: UserId,
    pub connection: ConnectionId,
    pub exchange: String,
    /// Absent for a QUERY about a connection.
    pub bot: Option<BotId>,
    pub deal: Option<DealId>,
    pub pair: Option<Pair>,
    pub run: u64,
    pub epoch: Epoch,
    pub proposed_at: WallTime,
    pub authorised_at: Option<WallTime>,
    pub why: Option<String>,
}

impl Intent {
    /// The write that proposes it, unless there is one of its name (P3).
    pub fn write_if_absent(&self) -> Result<Write, StoreError> {
        Ok(Write::put(Table::Trading, self.key.clone(), self.to_row()?).when("attribute_not_exists(pk)"))
    }
    /// The write that proposes a question, unless it is being asked now. One that was answered is asked anew: at many
    /// market minutes to a wall minute an order is crossed again before the wall minute is over, and its fill must be seen.
    pub fn write_unless_asked(&self) -> Result<Write, StoreError> {
        Ok(Write::put(Table::Trading, self.key.clone(), self.to_row()?)
            .when("attribute_not_exists(pk) OR (#state <> :proposed AND #state <> :authorised)")
            .value(":proposed", s(IntentState::Proposed.as_str()))
            .value(":authorised", s(IntentState::Authorised.as_str())))
    }
    /// As stored when proposed.
    pub fn to_row(&self) -> Result<Row, StoreError> {
        let (what, order, subject, entry, number) = match &self.ask {
            Ask::Place(order) => {
                ("PLACE", Some(json(order)?), order.client_order_id.to_string(), order.key.slot.role.is_entry(), None)
            }
            Ask::Cancel { order, number } => ("CANCEL", None, order.to_string(), false, Some(n(*number))),
            Ask::QueryOrder { order } => ("QUERY", None, order.to_string(), false, None),
            Ask::QueryConnection(subject) => ("QUERY", None, subject.as_str().to_owned(), false, None),
        };
        // From its authorisation to its end an order may arrive at the exchange (G2).
        let in_flight =
            matches!(self.ask, Ask::Place(_)) && matches!(self.state, IntentState::Authorised | IntentState::Unknown);
        let open = matches!(self.state, IntentState::Proposed | IntentState::Authorised | IntentState::Unknown);
        Ok(Row::keyed(&self.key)
            .with("kind", s("intent"))
            .with("what", s(what))
            .with("state", s(self.state.as_str()))
            .with("user", s(self.user))
            .with("connection", s(self.connection))
            .with("exchange", s(&self.exchange))
            .with_some("bot", self.bot.map(s))
            .with_some("deal", self.deal.map(s))
            .with_some("pair", self.pair.as_ref().map(s))
            .with_some("order", order)
            .with("subject", s(subject))
            .with("entry", truth(entry))
            .with_some("number", number)
            .with("run", n(self.run))
            .with("epoch", n(self.epoch.value()))
            .with("proposed_at", n(self.proposed_at.ms()))
            .with_some("authorised_at", self.authorised_at.map(|t| n(t.ms())))
            .with("drive", n(0))
            .with_some("why", self.why.as_ref().map(s))
            .with_some("intent_key", open.then(|| s(self.state.as_str())))
            .with_some("intent_ms", open.then(|| n(self.proposed_at.ms())))
            .with_some("user_key", in_flight.then(|| s(format!("USER#{}", self.user)))))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of an intent") };
        let subject = row.text("subject")?;
        let order_id = || ClientOrderId::try_from(subject.to_owned()).map_err(|_| bad("subject"));
        let ask = match row.text("what")? {
            "PLACE" => Ask::Place(row.json("order")?),
            "CANCEL" => Ask::Cancel { order: order_id()?, number: row.number("number")? },
            "QUERY" => match subject {
                "BALANCES" => Ask::QueryConnection(ConnectionSubject::Balances),
                "PERMISSIONS" => Ask::QueryConnection(ConnectionSubject::Permissions),
                _ => Ask::QueryOrder { order: order_id()? },
            },
            _ => return Err(bad("what")),
        };
        let id = |name: &str| row.text_if(name).map(str::to_owned);
        Ok(Self {
            key: Key::new(row.text("pk")?, row.text("sk")?),
            ask,
            state: row.parse("state")?,
            user: row.parse("user")?,
            connection: row.parse("connection")?,
            exchange: row.text("exchange")?.to_owned(),
            bot: id("bot").map(|t| t.parse()).transpose().map_err(|_| bad("bot"))?,
            deal: id("deal").map(|t| t.parse()).transpose().map_err(|_| bad("deal"))?,
            pair: id("pair").map(|t| t.parse()).transpose().map_err(|_| bad("pair"))?,
            run: row.number("run")?,
            epoch: Epoch::from_stored(row.number("epoch")?),
            proposed_at: WallTime::from_ms(row.number("proposed_at")?),
            authorised_at: row.number_if("authorised_at")?.map(WallTime::from_ms),
            why: id("why"),
        })
    }
}
