//! The symbol's filters, checked in Binance's order and named as Binance names them.

use std::fmt;

use rust_decimal::Decimal;
use strategy::money::{Price, Quantity};

use crate::order::Kind;
use crate::symbol::Symbol;

/// Open orders one account may have on one symbol, as on Binance.
pub const OPEN_ORDERS_MAX: usize = 200;

/// The filter that an order failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Price outside the range or not a multiple of the tick.
    Price,
    /// Quantity outside the range or not a multiple of the lot.
    LotSize,
    /// Worth less than the symbol's minimum.
    Notional,
    /// Too many open orders on the symbol.
    MaxNumOrders,
}
impl fmt::Display for Filter {
    /// Binance's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Filter::Price => "PRICE_FILTER",
            Filter::LotSize => "LOT_SIZE",
            Filter::Notional => "NOTIONAL",
            Filter::MaxNumOrders => "MAX_NUM_ORDERS",
        })
    }
}

/// Checks an order against the symbol's filters. `last` values market orders.
pub fn check(symbol: &Symbol, kind: Kind, last: Price) -> Result<(), Filter> {
    if let Some(price) = kind.limit()
        && (price.decimal() > symbol.price_max() || !price.is_multiple_of(symbol.rules.tick))
    {
        return Err(Filter::Price);
    }
    if let Some(quantity) = kind.quantity() {
        check_lot(symbol, quantity)?;
    }
    let worth = match kind {
        Kind::Limit { price, quantity, .. } | Kind::LimitMaker { price, quantity } => price * quantity,
        Kind::Market { quantity } => last * quantity,
        Kind::MarketByQuote { amount } => amount,
    };
    if worth < symbol.rules.notional_min || worth.decimal() <= Decimal::ZERO { Err(Filter::Notional) } else { Ok(()) }
}

fn check_lot(symbol: &Symbol, quantity: Quantity) -> Result<(), Filter> {
    let inside = quantity.decimal() >= symbol.rules.lot.decimal() && quantity <= symbol.quantity_max();
    if inside && quantity.is_multiple_of(symbol.rules.lot) { Ok(()) } else { Err(Filter::LotSize) }
}
