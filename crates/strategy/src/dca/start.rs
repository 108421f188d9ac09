//! The start of a deal: the base order is proposed and funds for the whole ladder are set aside.

use super::draft::Draft;
use crate::config::{DcaConfig, Strategy};
use crate::deal::{Deal, DealStart};
use crate::decide::{Decision, StartDeal, StartRefused};
use crate::ladder;
use crate::market::{MarketView, SymbolStatus};
use crate::money::{Amount, Price};
use crate::order::Role;

/// See [`crate::decide::start_deal`].
pub(crate) fn start_dca(
    config: &DcaConfig,
    start: StartDeal<'_>,
    market: &MarketView<'_>,
) -> Result<Decision, StartRefused> {
    if market.status == SymbolStatus::Break {
        return Err(StartRefused::MarketHalted);
    }
    let plan = super::plan(config, start.rules, start.fees, market.last).ok_or(StartRefused::PriceTooSmall)?;
    let minimum = start.rules.notional_min;
    let check = |role: Role, level: u16, value: Amount, price: Price| {
        let smallest = ladder::smallest_value(price, start.rules.lot, minimum);
        // `is_zero`: rounding down may leave no quantity even where the exchange has no minimum.
        if value >= minimum && value > Amount::ZERO {
            Ok(())
        } else {
            Err(StartRefused::BelowMinimum { role, level, value, smallest })
        }
    };
    // Everything is checked before the first order: a deal that would stop half-way is not begun.
    check(Role::Base, 0, plan.base.value(), plan.base.price)?;
    for rung in &plan.rungs {
        check(Role::Averaging, rung.level(), rung.value(), rung.price)?;
    }
    let target = plan.take_profit.ok_or(StartRefused::PriceTooSmall)?;
    check(Role::TakeProfit, 0, target.value(), target.price)?;

    let deal = Deal::open(DealStart {
        id: start.deal,
        pair: start.pair.clone(),
        strategy: Strategy::Dca(config.clone()),
        rules: start.rules,
        fees: start.fees,
        at: market.now,
        price: market.last,
        reserved: plan.funds,
    });
    let mut draft = Draft::new(start.bot, config, &deal, &[], market);
    let text = format!("The deal starts at {}; {} is set aside for all its orders.", market.last, plan.funds);
    draft.tell("deal_started", text);
    if let Some(order) = draft.base_order() {
        draft.place(order);
    }
    Ok(draft.finish())
}
