//! The report before a start: every order, what it costs, where it exits, what it can lose and how fast it reacts.
//!
//! Computed from the plan that also starts a deal, so that the report and the deal cannot differ. Promises nothing about
//! the market: the base order is assumed to be filled at the given price.

use rust_decimal::RoundingStrategy;
use serde::Serialize;

use crate::config::{DcaConfig, StopReference, Strategy};
use crate::dca::{Plan, plan, planned_rung};
use crate::figures::Position;
use crate::formula;
use crate::ladder;
use crate::market::{Fees, SymbolRules};
use crate::money::{Amount, Percent, Price, Quantity};
use crate::order::{Filled, Role, Side};

/// The answer of `POST /v1/bots/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Preview {
    /// Base order, take profit, then the averaging orders that exist: the order in which they are placed.
    pub orders: Vec<PreviewOrder>,
    /// What must be on the account.
    pub funds: Funds,
    /// Price of the take profit while only the base order is filled.
    pub take_profit: Option<Price>,
    /// Price at which the stop triggers while only the base order is filled.
    pub stop_loss: Option<Price>,
    /// The price at which selling after the base order ends at zero, both fees included.
    pub breakeven: Option<Price>,
    /// Quote lost in the worst case: every order above the stop fills and the stop sells at its trigger, or, without a
    /// stop, everything bought becomes worthless. A market that jumps over the stop can lose more.
    pub worst_case_loss: Amount,
    /// What deserves a second look.
    pub warnings: Vec<Warning>,
    /// What rests on the exchange and what waits for the next tick.
    pub cadence: Vec<Cadence>,
}

/// One planned order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PreviewOrder {
    /// What it is for.
    pub role: Role,
    /// 0, or the averaging level from 1.
    pub level: u16,
    /// Buy or sell.
    pub side: Side,
    /// Quote per base; for a market order the price it is assumed to get.
    pub price: Price,
    /// Base units.
    pub quantity: Quantity,
    /// Price times quantity, in quote, without fees.
    pub value: Amount,
    /// Percent below the reference, as configured; absent for the take profit.
    pub deviation_pct: Option<Percent>,
}

/// What the deal needs, from rounded quantities, with fees where they are taken in quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Funds {
    /// Quote units.
    pub quote: Amount,
    /// Base units: nothing, since a long deal buys what it sells.
    pub base: Quantity,
}

/// Something that deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Warning {
    /// Stable: `below_minimum`, `ladder_beyond_100_percent`, `take_profit_below_minimum`, `orders_share_a_price`,
    /// `orders_below_stop_loss` or `no_stop_loss`.
    pub code: &'static str,
    /// A sentence with the numbers and what would do.
    pub detail: String,
}

/// How fast one part of the deal reacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Cadence {
    /// What reacts.
    pub what: &'static str,
    /// Whether it rests on the exchange and so reacts at once.
    pub native: bool,
    /// A sentence with the worst delay.
    pub detail: &'static str,
}

/// Why there is no preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreviewRefused {
    /// The amounts buy nothing at this price.
    #[error("at this price the base order buys less than one lot; raise its amount")]
    PriceTooSmall,
}

/// Previews a deal that would start at `price`. Errors: [`PreviewRefused`].
pub fn preview(strategy: &Strategy, rules: SymbolRules, fees: Fees, price: Price) -> Result<Preview, PreviewRefused> {
    let Strategy::Dca(config) = strategy;
    let plan = plan(config, rules, fees, price).ok_or(PreviewRefused::PriceTooSmall)?;
    let position = Position::over(plan.base_filled, Filled::ZERO, fees.taker);
    Ok(Preview {
        orders: orders(&plan),
        funds: Funds { quote: plan.funds, base: Quantity::ZERO },
        take_profit: plan.take_profit.map(|order| order.price),
        stop_loss: stop_trigger(config, rules, plan.reference, position),
        breakeven: position.breakeven,
        worst_case_loss: worst_case_loss(config, rules, fees, &plan),
        warnings: warnings(config, rules, fees, &plan),
        cadence: cadence(config),
    })
}

fn orders(plan: &Plan) -> Vec<PreviewOrder> {
    let base = PreviewOrder {
        role: Role::Base,
        level: 0,
        side: Side::Buy,
        price: plan.base.price,
        quantity: plan.base.quantity,
        value: plan.base.value(),
        deviation_pct: Some(Percent::ZERO),
    };
    let take_profit = plan.take_profit.map(|order| PreviewOrder {
        role: Role::TakeProfit,
        level: 0,
        side: Side::Sell,
        price: order.price,
        quantity: order.quantity,
        value: order.value(),
        deviation_pct: None,
    });
    let averaging = plan.rungs.iter().map(|rung| PreviewOrder {
        role: Role::Averaging,
        level: rung.level(),
        side: Side::Buy,
        price: rung.price,
        quantity: rung.quantity,
        value: rung.value(),
        deviation_pct: Percent::admit(rung.step.cumulative).ok(),
    });
    [base].into_iter().chain(take_profit).chain(averaging).collect()
}

fn stop_trigger(config: &DcaConfig, rules: SymbolRules, reference: Price, position: Position) -> Option<Price> {
    let stop = config.stop_loss.as_ref()?;
    let from = match stop.reference {
        StopReference::Base => reference,
        StopReference::Average => position.average?,
    };
    formula::stop_trigger(from, stop.pct, rules.tick)
}

/// Buys downwards until the stop is above the next order: what is bought then, and how many orders lie below it.
fn bought_before_stop(config: &DcaConfig, rules: SymbolRules, fees: Fees, plan: &Plan) -> (Filled, usize) {
    let mut bought = plan.base_filled;
    for (index, rung) in plan.rungs.iter().enumerate() {
        let position = Position::over(bought, Filled::ZERO, fees.taker);
        if stop_trigger(config, rules, plan.reference, position).is_some_and(|trigger| trigger >= rung.price) {
            return (bought, plan.rungs.len() - index);
        }
        bought = bought.plus(planned_rung(rung, fees));
    }
    (bought, 0)
}

fn worst_case_loss(config: &DcaConfig, rules: SymbolRules, fees: Fees, plan: &Plan) -> Amount {
    let (bought, _) = bought_before_stop(config, rules, fees, plan);
    let position = Position::over(bought, Filled::ZERO, fees.taker);
    match stop_trigger(config, rules, plan.reference, position) {
        Some(trigger) => {
            let value = trigger * position.held.floor_to_lot(rules.lot);
            position.cost - (value - value.share(fees.taker))
        }
        None => position.cost,
    }
}

fn warnings(config: &DcaConfig, rules: SymbolRules, fees: Fees, plan: &Plan) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, detail| warnings.push(Warning { code, detail });
    let minimum = rules.notional_min;
    if plan.base.value() < minimum || plan.base.quantity.is_zero() {
        let smallest = smallest_base(config, rules, fees, plan.base.price);
        warn(
            "below_minimum",
            format!(
                "The base order would be worth {}, less than the exchange's minimum of {minimum}; set base_order.amount to at least {smallest}.",
                plan.base.value()
            ),
        );
    }
    if let Some(detail) = averaging_below_minimum(config, rules, plan) {
        warn("below_minimum", detail);
    }
    if let Some(order) = plan.take_profit.filter(|order| order.value() < minimum || order.quantity.is_zero()) {
        warn(
            "take_profit_below_minimum",
            format!(
                "After fees and rounding to the lot only {} could be sold, worth {}; the exchange's minimum is {minimum}. Set base_order.amount to at least {}.",
                order.quantity,
                order.value(),
                smallest_base(config, rules, fees, plan.base.price)
            ),
        );
    }
    if let Some(averaging) = &config.averaging {
        let real = plan.rungs.len();
        let configured = usize::from(averaging.count);
        if real < configured {
            warn(
                "ladder_beyond_100_percent",
                format!(
                    "Only {real} of {configured} averaging orders exist: the others would lie 100 % or more below the reference. Together with the base order they cost {}.",
                    plan.funds
                ),
            );
        }
        if plan.rungs.windows(2).any(|pair| matches!(pair, [a, b] if a.price == b.price)) {
            let detail = "Some averaging orders fall on the same tick; raise deviation_pct or step_scale.";
            warn("orders_share_a_price", detail.to_owned());
        }
    }
    if config.stop_loss.is_none() {
        warn("no_stop_loss", format!("Without a stop the whole {} can be lost.", plan.funds));
    } else {
        let (_, beyond) = bought_before_stop(config, rules, fees, plan);
        if beyond > 0 {
            warn(
                "orders_below_stop_loss",
                format!("{beyond} averaging orders lie below the stop and will never be filled before it."),
            );
        }
    }
    warnings
}

/// The smallest base order that the exchange takes, together with its take profit: fees and the lot make that smaller.
fn smallest_base(config: &DcaConfig, rules: SymbolRules, fees: Fees, price: Price) -> Amount {
    /// A fee of 0.1 % costs one lot more below a thousand lots, and 0.1 % of them above; each step adds that much.
    const STEPS_MAX: usize = 64;
    let mut smallest = ladder::smallest_value(price, rules.lot, rules.notional_min);
    for _ in 0..STEPS_MAX {
        let tried = DcaConfig { base_amount: smallest, ..config.clone() };
        let Some(plan) = plan(&tried, rules, fees, price) else { return smallest };
        let exit = plan.take_profit.map_or(Amount::ZERO, |order| order.value());
        if plan.base.value() >= rules.notional_min && exit >= rules.notional_min {
            return smallest;
        }
        let short = rules.notional_min - exit;
        smallest = smallest
            + ladder::smallest_value(price, rules.lot, if short > Amount::ZERO { short } else { Amount::ZERO });
    }
    smallest
}

/// The smallest setting that lifts every averaging order over the minimum, when one is under it.
fn averaging_below_minimum(config: &DcaConfig, rules: SymbolRules, plan: &Plan) -> Option<String> {
    let averaging = config.averaging.as_ref()?;
    let under = |rung: &&ladder::Rung| rung.value() < rules.notional_min || rung.quantity.is_zero();
    let first = plan.rungs.iter().find(under)?;
    let count = plan.rungs.iter().filter(under).count();
    // size_k grows with averaging.amount in proportion: amount * smallest / size_k lifts order k.
    let needed = plan.rungs.iter().filter(under).filter_map(|rung| {
        let smallest = ladder::smallest_value(rung.price, rules.lot, rules.notional_min).decimal();
        smallest.checked_mul(averaging.amount.decimal())?.checked_div(rung.step.size.decimal())
    });
    let needed = needed.max()?.round_dp_with_strategy(8, RoundingStrategy::ToPositiveInfinity).normalize();
    Some(format!(
        "Averaging orders worth less than the exchange's minimum of {}: {count}, the first is number {} with {}; set averaging.amount to at least {needed}.",
        rules.notional_min,
        first.level(),
        first.value()
    ))
}

fn cadence(config: &DcaConfig) -> Vec<Cadence> {
    let mut rows = vec![Cadence {
        what: "take_profit",
        native: true,
        detail: "Rests on the exchange. After an averaging order was filled it is cancelled and placed anew, which takes until the next tick, at most one minute.",
    }];
    if config.averaging.is_some() {
        rows.push(Cadence {
            what: "averaging",
            native: true,
            detail: "The active orders rest on the exchange; the next one follows at the tick after a fill, at most one minute later.",
        });
    }
    if config.stop_loss.is_some() {
        rows.push(Cadence {
            what: "stop_loss",
            native: false,
            detail: "Watched in software: decided when the minute that touched it has closed, then sold at market.",
        });
    }
    rows
}

impl Preview {
    /// Whether a deal could start: no order is under the exchange's minimum.
    pub fn can_start(&self) -> bool {
        !self.warnings.iter().any(|warning| matches!(warning.code, "below_minimum" | "take_profit_below_minimum"))
    }
}
