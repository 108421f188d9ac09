//! One listed pair: its rules, whether it trades, and the last candle that was applied to it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy::market::{Candle, MarketTime, Pair, SymbolRules, SymbolStatus};
use strategy::money::{Amount, Lot, NotMoney, Price, Quantity, Tick};

/// Decimals of tick and lot together: their product is the step of amounts, and a million millions of them must stay
/// exact in the 28 digits of a decimal.
const SCALE_MAX: u32 = 16;

/// Why a pair cannot be listed under these rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tick and lot have more than 16 decimals together: amounts would not be exact")]
pub struct RulesTooFine;

/// The state of one symbol, apart from its orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// What is traded.
    pub pair: Pair,
    /// Price step, quantity step, least value of an order.
    pub rules: SymbolRules,
    /// Whether orders are taken and filled.
    pub status: SymbolStatus,
    /// The candle applied last. None before the first: there is no price yet, so no order is taken.
    pub last: Option<Candle>,
}

/// Tick 0.01, lot 0.00001, minimum notional 5: what holds unless the owner gives filters.
pub fn default_rules() -> Result<SymbolRules, NotMoney> {
    Ok(SymbolRules {
        tick: Tick::admit(Decimal::new(1, 2))?,
        lot: Lot::admit(Decimal::new(1, 5))?,
        notional_min: Amount::admit(Decimal::from(5))?,
    })
}

impl Symbol {
    /// Lists a pair: trading, and waiting for its first candle.
    pub fn list(pair: Pair, rules: SymbolRules) -> Result<Self, RulesTooFine> {
        let scale = rules.tick.decimal().normalize().scale() + rules.lot.decimal().normalize().scale();
        if scale > SCALE_MAX {
            Err(RulesTooFine)
        } else {
            Ok(Self { pair, rules, status: SymbolStatus::Trading, last: None })
        }
    }
    /// Close of the last candle.
    pub fn last_price(&self) -> Option<Price> {
        self.last.map(|candle| candle.close)
    }
    /// Market time: the close of the last candle, or the start of time before the first.
    pub fn now(&self) -> MarketTime {
        self.last.map_or(MarketTime::START, |candle| candle.close_time)
    }
    /// Whether the candle is later than everything applied; an older or repeated one changes nothing (idempotence).
    pub fn is_due(&self, candle: &Candle) -> bool {
        self.last.is_none_or(|last| candle.open_time > last.open_time)
    }
    /// The symbol after the candle.
    pub fn advanced(&self, candle: Candle) -> Self {
        Self { last: Some(candle), ..self.clone() }
    }
    /// Whether orders are taken: the symbol trades and has a price.
    pub fn is_open(&self) -> bool {
        match self.status {
            SymbolStatus::Trading => self.last.is_some(),
            SymbolStatus::Break => false,
        }
    }
    /// What a limit order may be priced at most, in quote, by PRICE_FILTER.
    pub fn price_max(&self) -> Decimal {
        Decimal::from(1_000_000_000)
    }
    /// What an order may be sized at most, in base, by LOT_SIZE.
    pub fn quantity_max(&self) -> Quantity {
        Quantity::admit(Decimal::from(1_000_000_000)).unwrap_or(Quantity::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_whose_amounts_would_not_be_exact_is_not_listed() {
        let mut rules = default_rules().unwrap();
        assert!(Symbol::list("BTC-USDT".parse().unwrap(), rules).is_ok());
        rules.tick = Tick::parse("0.000000001").unwrap();
        rules.lot = Lot::parse("0.00000001").unwrap();
        assert_eq!(Symbol::list("BTC-USDT".parse().unwrap(), rules), Err(RulesTooFine));
    }
}
