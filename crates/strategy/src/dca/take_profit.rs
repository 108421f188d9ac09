//! The take profit: one resting sell over everything that is held.
//!
//! It is planned from all buys and from the sales of settled orders; its own fills do not change its plan. When a buy
//! changes the plan, it is cancelled, the cancel awaited, and a new one placed. To avoid churn a buy that is still
//! filling does not move it until the order ends or the price leaves it (one tick above).

use super::draft::{Draft, Intended, name};
use crate::config::ProfitOf;
use crate::deal::Outcome;
use crate::formula;
use crate::money::{Price, Quantity};
use crate::order::{Filled, OrderKind, OrderState, Role, Side, Slot};

const TAKE_PROFIT: Slot = Slot::of(Role::TakeProfit);

/// What should rest.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Target {
    price: Price,
    /// Base, a multiple of the lot.
    quantity: Quantity,
}

impl Draft<'_> {
    /// With sales behind it the target is what makes the whole deal end with the percentage of all that was bought:
    /// `(cost + profit - proceeds) / (held * (1 - f))`; before the first sale that is the formula of DCA-1.
    /// `f` is the maker rate, since the order rests.
    fn target(&self, bought: Filled, sold: Filled) -> Option<Target> {
        let pct = self.config.take_profit.pct;
        let fee = self.deal.fees.maker;
        let held = bought.received().less(sold.given());
        let profit = match self.config.take_profit.of {
            ProfitOf::Total => bought.cost().share(pct),
            ProfitOf::Base => self.deal.booked.base.cost().share(pct),
        };
        let exact = formula::price_for_net(bought.cost() + profit - sold.proceeds(), held, fee)
            // Sales that already paid for more than everything: the rest is sold like the first.
            .or_else(|| formula::price_for_net(bought.cost() + profit, bought.received(), fee))?;
        Some(Target {
            price: exact.ceil_to_tick(self.deal.rules.tick),
            quantity: held.floor_to_lot(self.deal.rules.lot),
        })
    }
    fn sellable(&self, target: Option<Target>) -> Option<Target> {
        target.filter(|t| !t.quantity.is_zero() && t.price * t.quantity >= self.deal.rules.notional_min)
    }
    /// Bought and sold as the take profit is planned from: its own fills left out.
    fn planned_from(&self, without_unfinished: bool) -> (Filled, Filled) {
        let buys = self.known.iter().enumerate().filter(|(index, known)| {
            let unfinished = without_unfinished && self.leaves_at(*index).is_some();
            known.side == Side::Buy && !unfinished
        });
        let bought = buys.fold(self.deal.booked.bought, |sum, (_, known)| sum.plus(known.filled));
        (bought, self.deal.booked.sold)
    }

    /// Whether so much was sold that what is left cannot be sold: the deal is over.
    pub(super) fn target_reached(&self) -> bool {
        let (bought, sold) = self.executed();
        let sold_out = !self.deal.booked.sold.quantity.is_zero() && self.live(TAKE_PROFIT).is_none();
        sold_out && self.sellable(self.target(bought, sold)).is_none()
    }
    pub(super) fn finish_after_take_profit(&mut self) {
        self.cancel_all("the take profit was filled.");
        if self.deal.working.is_empty() {
            self.close(Outcome::TakeProfit, "The take profit was filled.");
        }
    }

    /// Brings the take profit to its plan. `true` when nothing of it is pending, so that the ladder may go on.
    pub(super) fn keep_take_profit(&mut self) -> bool {
        let (bought, sold) = self.planned_from(false);
        let target = self.target(bought, sold);
        let Some(index) = self.live(TAKE_PROFIT) else {
            self.place_take_profit(target);
            return true;
        };
        let Some(known) = self.known.get(index) else { return false };
        if known.cancel_pending {
            return false;
        }
        let state = known.state;
        let rests = known.kind.resting_price().map(|price| Target { price, quantity: known.quantity });
        if rests == target {
            return true;
        }
        let unfinished: Vec<usize> = (0..self.known.len()).filter(|index| self.leaves_at(*index).is_some()).collect();
        if !unfinished.is_empty() && !unfinished.iter().any(|index| self.is_left(*index)) {
            let (bought, sold) = self.planned_from(true);
            let least = self.target(bought, sold).map_or(Quantity::ZERO, |target| target.quantity);
            let most = target.map_or(Quantity::ZERO, |target| target.quantity);
            if rests.is_some_and(|rests| (least..=most).contains(&rests.quantity)) {
                return true;
            }
        }
        if state == OrderState::Open {
            self.cancel(index, "the position changed; a new one follows.");
        }
        // Proposed, authorised or unknown: nothing that depends on it proceeds.
        false
    }

    fn place_take_profit(&mut self, target: Option<Target>) {
        let Some(fits) = self.sellable(target) else {
            if self.note_once(TAKE_PROFIT) {
                let least = self.deal.rules.notional_min;
                let text = format!(
                    "What is held is worth less than the exchange's minimum of {least}: {} cannot be placed until an averaging order enlarges it.",
                    name(TAKE_PROFIT)
                );
                self.tell("below_minimum", text);
            }
            return;
        };
        if self.waits(TAKE_PROFIT) || self.halted() {
            return;
        }
        let of = match self.config.take_profit.of {
            ProfitOf::Total => "everything bought",
            ProfitOf::Base => "the base order",
        };
        self.place(Intended {
            slot: TAKE_PROFIT,
            side: Side::Sell,
            kind: OrderKind::Limit { price: fits.price },
            quantity: fits.quantity,
            reference_price: fits.price,
            reason: format!(
                "Take profit: sell {} at {}, {} % of {of} net of both fees.",
                fits.quantity, fits.price, self.config.take_profit.pct
            ),
        });
    }
}
