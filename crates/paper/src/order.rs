//! An order of the exchange: what was asked, where it stands, what it still locks.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy::market::{MarketTime, Pair};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::Side;

/// How long a limit order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TimeInForce {
    /// Takes what it can on arrival; the rest stays until filled or cancelled.
    Gtc,
    /// Takes what it can on arrival; the rest expires.
    Ioc,
    /// Takes all of it on arrival, or expires.
    Fok,
}

/// What kind of order, with what belongs to it. Quantities in base units, amounts in quote units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Kind {
    /// At this price or better.
    Limit { price: Price, quantity: Quantity, time_in_force: TimeInForce },
    /// Rests at this price, and never takes.
    LimitMaker { price: Price, quantity: Quantity },
    /// Takes this quantity at whatever the book offers.
    Market { quantity: Quantity },
    /// Takes as much as this much quote buys, or must be sold for it, in whole lots.
    MarketByQuote { amount: Amount },
}

impl Kind {
    /// The price it insists on.
    pub const fn limit(self) -> Option<Price> {
        match self {
            Kind::Limit { price, .. } | Kind::LimitMaker { price, .. } => Some(price),
            Kind::Market { .. } | Kind::MarketByQuote { .. } => None,
        }
    }
    /// The base quantity asked for; unknown for a market order by quote.
    pub const fn quantity(self) -> Option<Quantity> {
        match self {
            Kind::Limit { quantity, .. } | Kind::LimitMaker { quantity, .. } | Kind::Market { quantity } => {
                Some(quantity)
            }
            Kind::MarketByQuote { .. } => None,
        }
    }
}

/// Where an order stands; names as on Binance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted, nothing filled. Also a market order that waits for the next candle's open.
    New,
    /// Rests, partly filled.
    PartiallyFilled,
    /// Wholly filled.
    Filled,
    /// Cancelled by its owner, perhaps partly filled.
    Canceled,
    /// Ended by the exchange: remainder of a taking order, or a maker order that would have taken.
    Expired,
    /// Ended because the same account's other order would have traded with it (EXPIRE_MAKER).
    ExpiredInMatch,
}

impl Status {
    /// Whether something can still happen to it.
    pub const fn is_open(self) -> bool {
        matches!(self, Status::New | Status::PartiallyFilled)
    }
}

/// What is asked for. The quantity and price have passed no filter yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The id the owner gave it, unique among the account's open orders of the symbol; none: one is derived.
    pub client_id: Option<String>,
    /// Buy or sell.
    pub side: Side,
    /// What kind.
    pub kind: Kind,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Number within the account.
    pub id: u64,
    /// The owner's id for it.
    pub client_id: String,
    /// What is traded.
    pub pair: Pair,
    /// Buy or sell.
    pub side: Side,
    /// What was asked.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Base units filled.
    pub executed: Quantity,
    /// Quote units of the fills, without fees.
    pub value: Amount,
    /// What is still locked for it: quote units for a buy, base units for a sell.
    pub locked: Decimal,
    /// Whether it has reached the book: at the open of the first candle after it was placed (plus latency).
    pub arrived: bool,
    /// Open time of the last candle that changed it; that candle is never applied to it again.
    pub changed_in: Option<MarketTime>,
    /// Market time of the latest fill.
    pub last_fill_at: Option<MarketTime>,
}

impl Order {
    /// The asset that is locked for it.
    pub fn locked_asset(&self) -> &str {
        match self.side {
            Side::Buy => self.pair.quote(),
            Side::Sell => self.pair.base(),
        }
    }
    /// Base units that are still to be filled; nothing for a market order by quote.
    pub fn remaining(&self) -> Quantity {
        self.kind.quantity().unwrap_or(Quantity::ZERO).less(self.executed)
    }
}
