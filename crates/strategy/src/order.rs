//! Orders as a deal sees them: what was asked for, in which state it is, and what was filled.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ClientOrderId;
use crate::market::MarketTime;
use crate::money::{Amount, Price, Quantity};

/// Which way money flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Base comes in, quote goes out.
    Buy,
    /// Base goes out, quote comes in.
    Sell,
}

/// What an order is for in its deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens the position.
    Base,
    /// Enlarges the position at a better price: a rung of the ladder.
    Averaging,
    /// Rests above the position and closes it with profit.
    TakeProfit,
    /// Sells at market when the stop was hit.
    StopLoss,
    /// Sells at market because the owner closes the deal.
    Close,
}

impl Role {
    /// Whether the order opens or enlarges the position; kill switch and freeze refuse these alone.
    pub const fn is_entry(self) -> bool {
        matches!(self, Role::Base | Role::Averaging)
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Base => "base",
            Role::Averaging => "averaging",
            Role::TakeProfit => "take_profit",
            Role::StopLoss => "stop_loss",
            Role::Close => "close",
        })
    }
}

/// A place in a deal that at most one live order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// What the order is for.
    pub role: Role,
    /// 0 for all but averaging orders, which count from 1.
    pub level: u16,
}

impl Slot {
    /// The only slot of a role without levels.
    pub const fn of(role: Role) -> Slot {
        Slot { role, level: 0 }
    }
    /// The slot of an averaging order; levels count from 1.
    pub const fn averaging(level: u16) -> Slot {
        Slot { role: Role::Averaging, level }
    }
}

/// Names one placement in a slot: `revision` counts deliberate placements, `attempt` counts proven absences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderKey {
    /// Which place in the deal.
    pub slot: Slot,
    /// Counts deliberate placements in the slot, from 0.
    pub revision: u32,
    /// Counts proven absences of this placement, from 0.
    pub attempt: u32,
}

/// How an order trades. A limit order rests until filled or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum OrderKind {
    /// Takes what is there, at once.
    Market,
    /// Trades at this price or better.
    Limit {
        /// Quote per base, a multiple of the tick.
        price: Price,
    },
}

impl OrderKind {
    /// The price at which the order rests; `None` for a market order.
    pub const fn resting_price(self) -> Option<Price> {
        match self {
            OrderKind::Market => None,
            OrderKind::Limit { price } => Some(price),
        }
    }
}

/// What a deal asks the signer to place. Quantity is in base units, a multiple of the lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOrder {
    /// The name the order carries at the exchange.
    pub client_order_id: ClientOrderId,
    /// Which placement in which slot.
    pub key: OrderKey,
    /// Buy or sell.
    pub side: Side,
    /// How it trades.
    #[serde(flatten)]
    pub kind: OrderKind,
    /// Base units, a multiple of the lot.
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
    /// Sum of the fills' quantities, before fees.
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

impl Filled {
    /// Nothing executed.
    pub const ZERO: Filled = Filled {
        quantity: Quantity::ZERO,
        value: Amount::ZERO,
        fee_base: Quantity::ZERO,
        fee_quote: Amount::ZERO,
        last_at: None,
    };

    /// Both together; the later of the two times.
    pub fn plus(self, other: Filled) -> Filled {
        Filled {
            quantity: self.quantity + other.quantity,
            value: self.value + other.value,
            fee_base: self.fee_base + other.fee_base,
            fee_quote: self.fee_quote + other.fee_quote,
            last_at: self.last_at.max(other.last_at),
        }
    }
    /// What a buy brought, in base: `sum(q) - fees in base`.
    pub fn received(self) -> Quantity {
        self.quantity.less(self.fee_base)
    }
    /// What a buy cost, in quote: `sum(p*q) + fees in quote`.
    pub fn cost(self) -> Amount {
        self.value + self.fee_quote
    }
    /// What a sell took, in base: `sum(q) + fees in base`.
    pub fn given(self) -> Quantity {
        self.quantity + self.fee_base
    }
    /// What a sell brought, in quote: `sum(p*q) - fees in quote`.
    pub fn proceeds(self) -> Amount {
        self.value - self.fee_quote
    }
}

/// One order of the deal, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOrder {
    /// Which placement in which slot.
    pub key: OrderKey,
    /// The name the order carries at the exchange.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// How it trades.
    #[serde(flatten)]
    pub kind: OrderKind,
    /// Base units asked for.
    pub quantity: Quantity,
    /// Where it stands.
    pub state: OrderState,
    /// What was executed of it so far.
    pub filled: Filled,
    /// Whether a cancel was asked for and not yet answered. The transaction that writes a cancel intent makes this true;
    /// an order that is open without it may be asked to cancel again.
    pub cancel_pending: bool,
    /// Why the exchange or a guard refused it, for the timeline.
    pub refusal: Option<String>,
}
