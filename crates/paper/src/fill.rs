//! One trade of an order, and what it does to the balances.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy::market::{MarketTime, Pair};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::Side;

/// One fill. Its times are market time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Number within the account.
    pub trade_id: u64,
    /// Of which order.
    pub order_id: u64,
    /// What was traded.
    pub pair: Pair,
    /// Bought or sold.
    pub side: Side,
    /// Price in quote.
    pub price: Price,
    /// Base units.
    pub quantity: Quantity,
    /// Quote units: price times quantity.
    pub value: Amount,
    /// Fee in `fee_asset`.
    pub fee: Decimal,
    /// The asset received.
    pub fee_asset: String,
    /// Whether the order rested.
    pub maker: bool,
    /// When it traded.
    pub at: MarketTime,
    /// Open time of the candle in which it traded.
    pub candle: MarketTime,
    /// Which print of the candle's path it traded at.
    pub print: usize,
}

impl Fill {
    /// What it changed in the account as a whole: (asset, units) received after the fee, and (asset, units) given.
    pub fn exchanged(&self) -> [(&str, Decimal); 2] {
        let (base, quote) = (self.quantity.decimal(), self.value.decimal());
        match self.side {
            Side::Buy => [(self.pair.base(), base - self.fee), (self.pair.quote(), -quote)],
            Side::Sell => [(self.pair.quote(), quote - self.fee), (self.pair.base(), -base)],
        }
    }
}
