//! Orders as a deal sees them: what was asked for, in which state it is, and what was filled.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ClientOrderId;
use crate::market::MarketTime;
use crate::money::{Amount, Price, Quantity};

/// Which way money flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side { Buy, Sell }

/// What an order is for in its deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role { Base, Averaging, TakeProfit, StopLoss, Close }

impl Role {
    /// Whether the order opens or enlarges the position; kill switch and freeze refuse these alone.
    pub const fn is_entry(self) -> bool { matches!(self, Role::Base | Role::Averaging) }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Base => "base", Role::Averaging => "averaging", Role::TakeProfit => "take_profit",
            Role::StopLoss => "stop_loss", Role::Close => "close",
        })
    }
}

/// A place in a deal that at most one live order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot { pub role: Role, /** 0 for all but averaging orders, which count from 1. */ pub level: u16 }

/// Names one placement in a slot: `revision` counts deliberate placements, `attempt` counts proven absences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderKey { pub slot: Slot, pub revision: u32, pub attempt: u32 }

/// How an order trades. A limit order rests until filled or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum OrderKind { Market, Limit { price: Price } }

/// What a deal asks the signer to place. Quantity is in base units, a multiple of the lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOrder {
    pub client_order_id: ClientOrderId,
    pub key: OrderKey,
    pub side: Side,
    #[serde(flatten)]
    pub kind: OrderKind,
    pub quantity: Quantity,
    /// The price the plan was made at; for a limit order its price. Guards and previews value the order with it.
    pub reference_price: Price,
    /// Why, in a sentence for the owner; the timeline shows it.
    pub reason: String,
}

/// Where an order stands, as far as recorded answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Written by the trader, not yet looked at by the signer.
    Proposed,
    /// Authorised; the send is under way or its answer is awaited.
    Authorised,
    /// The answer was lost. Never taken for failure; only the query protocol ends this state.
    Unknown,
    /// Rests on the exchange, perhaps partly filled.
    Open,
    /// Wholly filled. Final.
    Filled,
    /// Cancelled on the exchange, perhaps partly filled. Final.
    Cancelled,
    /// Ended by the exchange (market remainder, maintenance), perhaps partly filled. Final.
    ExpiredAtExchange,
    /// The exchange refused it. Final.
    Rejected,
    /// A guard or an authorising condition refused it. Final; `decide` is told so as a reason.
    Refused,
    /// The intent grew too old before it was authorised. Final; the next attempt may be proposed.
    Expired,
    /// Proven absent from the exchange. Final; the next attempt may be proposed.
    Absent,
    /// Cut off by a fence. Final; no further attempt.
    Fenced,
}
impl OrderState {
    /// Whether nothing more can happen to the order.
    pub const fn is_final(self) -> bool {
        !matches!(self, OrderState::Proposed | OrderState::Authorised | OrderState::Unknown | OrderState::Open)
    }
}

/// The executed part of an order. Sums over fills; quantities in base, money in quote units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    pub quantity: Quantity,
    /// Sum of price times quantity over the fills, without fees.
    pub value: Amount,
    /// Fees taken in base.
    pub fee_base: Quantity,
    /// Fees taken in quote, and third-asset fees converted at the fill's price.
    pub fee_quote: Amount,
    /// Market time of the latest fill.
    pub last_at: Option<MarketTime>,
}

/// One order of the deal, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOrder {
    pub key: OrderKey,
    pub client_order_id: ClientOrderId,
    pub side: Side,
    #[serde(flatten)]
    pub kind: OrderKind,
    pub quantity: Quantity,
    pub state: OrderState,
    pub filled: Filled,
    /// Whether a cancel was asked for and not yet answered.
    pub cancel_pending: bool,
    /// Why the exchange or a guard refused it, for the timeline.
    pub refusal: Option<String>,
}
