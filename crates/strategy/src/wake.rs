//! When a deal can next matter. Nothing else wakes a bot.

use serde::{Deserialize, Serialize};

use crate::id::ClientOrderId;
use crate::market::MarketTime;
use crate::money::Price;

/// A price at which something must happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceWake {
    /// The nearest price of all below; the wake matches when the market touches it.
    pub price: Price,
    /// Whether one of the prices on this side is the deal's own (a stop), so that the deal must decide and not only have
    /// its resting orders looked at. The own price may lie further away than `price`; deciding early changes nothing.
    pub decide: bool,
    /// Resting orders with their prices, nearest first: the tick asks the exchange about those the market crossed.
    pub resting: Vec<(ClientOrderId, Price)>,
}

/// The conditions a deal waits for; all absent means that only an order event can matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wakes {
    /// The market at or below this price.
    pub below: Option<PriceWake>,
    /// The market at or above this price.
    pub above: Option<PriceWake>,
    /// The market clock at or past this moment.
    pub at: Option<MarketTime>,
}

impl Wakes {
    /// Waits for nothing but order events.
    pub const NONE: Wakes = Wakes { below: None, above: None, at: None };
}
