//! The plan of a deal before its base order is filled: every order, what it costs and whether the exchange takes it.
//!
//! The base order is assumed to be filled at its planned price; fees are assumed in the account's asset.

use crate::config::{DcaConfig, EntryType, ProfitOf};
use crate::figures::{self, Position};
use crate::formula;
use crate::ladder::{self, Rung};
use crate::market::{Fees, SymbolRules};
use crate::money::{Amount, Price, Quantity};
use crate::order::{Filled, OrderKind};

/// One planned buy or sell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedRow {
    pub(crate) kind: OrderKind,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}
impl PlannedRow {
    pub(crate) fn value(&self) -> Amount {
        self.price * self.quantity
    }
}

/// A whole deal, planned at one price.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) base: PlannedRow,
    /// The base order as it is expected to execute.
    pub(crate) base_filled: Filled,
    /// The price ladder and stop are measured from.
    pub(crate) reference: Price,
    pub(crate) rungs: Vec<Rung>,
    /// Over the base order alone; absent where the position cannot be valued.
    pub(crate) take_profit: Option<PlannedRow>,
    /// Quote needed when every order is filled, from the rounded quantities, with fees where they are taken in quote.
    pub(crate) funds: Amount,
}

/// Plans a deal at `price`. `None` when the price is below one tick or the base order would be nothing.
pub(crate) fn plan(config: &DcaConfig, rules: SymbolRules, fees: Fees, price: Price) -> Option<Plan> {
    let (kind, price, rate) = match config.entry {
        EntryType::Market => (OrderKind::Market, price, fees.taker),
        EntryType::Limit => {
            let price = price.floor_to_tick(rules.tick)?;
            (OrderKind::Limit { price }, price, fees.maker)
        }
    };
    let quantity = ladder::quantity(config.base_amount, price, rules.lot, config.rounding);
    let base_filled = figures::planned_buy(price, quantity, rate, fees.asset);
    let reference = figures::reference(base_filled, config.reference_price)?;
    let rungs = config
        .averaging
        .as_ref()
        .map_or_else(Vec::new, |averaging| ladder::rungs(averaging, reference, rules.tick, rules.lot, config.rounding));
    let funds = rungs.iter().fold(base_filled.cost(), |sum, rung| sum + planned_rung(rung, fees).cost());
    let position = Position::over(base_filled, Filled::ZERO, fees.taker);
    let take_profit = take_profit(config, rules, fees, base_filled, position.held);
    Some(Plan { base: PlannedRow { kind, price, quantity }, base_filled, reference, rungs, take_profit, funds })
}

/// An averaging order as it is expected to execute: it rests, so the maker rate holds.
pub(crate) fn planned_rung(rung: &Rung, fees: Fees) -> Filled {
    figures::planned_buy(rung.price, rung.quantity, fees.maker, fees.asset)
}

fn take_profit(config: &DcaConfig, rules: SymbolRules, fees: Fees, base: Filled, held: Quantity) -> Option<PlannedRow> {
    let pct = config.take_profit.pct;
    let exact = match config.take_profit.of {
        ProfitOf::Total => formula::take_profit_total(base.cost(), held, pct, fees.maker)?,
        ProfitOf::Base => formula::take_profit_base(base.cost(), base.cost(), held, pct, fees.maker)?,
    };
    let price = exact.ceil_to_tick(rules.tick);
    Some(PlannedRow { kind: OrderKind::Limit { price }, price, quantity: held.floor_to_lot(rules.lot) })
}
