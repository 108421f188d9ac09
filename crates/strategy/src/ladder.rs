//! The averaging ladder: where its orders stand and how large they are. Never decides when they are placed.
//!
//! Long: with reference price `P`, deviation `d` %, step scale `s`, size `A`, volume scale `v`,
//! ```text
//! step_k  = d * s^(k-1)                           percent, k = 1..n
//! cum_k   = step_1 + .. + step_k                  reference: base
//!         = 100 * (1 - (1-step_1/100)..(1-step_k/100))   reference: last
//! price_k = floor_tick( P * (1 - cum_k/100) )     exists only while cum_k < 100
//! size_k  = A * v^(k-1)                           quote
//! qty_k   = ceil_lot( size_k / price_k )          or floor_lot, by `rounding`
//! ```
//! Source: worked examples DCA-1, DCA-4, DCA-5, DCA-5b and DCA-6. Powers are built step by step and stop at the first
//! order that does not exist, so that 200 orders with scale 10 cannot overflow.

use rust_decimal::Decimal;

use crate::config::{Averaging, LadderReference, QuantityRounding};
use crate::money::{Amount, Lot, Price, Quantity, Tick};

/// One order of the ladder before it meets tick and lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Counts from 1.
    pub level: u16,
    /// `step_k` in percent.
    pub step: Decimal,
    /// `cum_k` in percent below the reference.
    pub cumulative: Decimal,
    /// `size_k` in quote.
    pub size: Amount,
}

impl Step {
    /// `reference * (1 - cum_k/100)`, unrounded. `None` where the order does not exist.
    pub fn price(&self, reference: Price) -> Option<Price> {
        let left = Decimal::ONE_HUNDRED.checked_sub(self.cumulative)?;
        // Multiplied before it is divided, so that whole percentages stay exact.
        Price::admit(reference.decimal().checked_mul(left)?.checked_div(Decimal::ONE_HUNDRED)?).ok()
    }
}

/// One order of the ladder as it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// What it was computed from.
    pub step: Step,
    /// Quote per base, a multiple of the tick.
    pub price: Price,
    /// Base, a multiple of the lot; zero where rounding down leaves nothing.
    pub quantity: Quantity,
}

impl Rung {
    /// Counts from 1.
    pub const fn level(&self) -> u16 {
        self.step.level
    }
    /// Price times quantity, in quote, without fees.
    pub fn value(&self) -> Amount {
        self.price * self.quantity
    }
}

/// The steps of a ladder that exist (`cum_k < 100`), level 1 first.
pub fn steps(config: &Averaging) -> impl Iterator<Item = Step> + '_ {
    configured_steps(config).take_while(|step| step.cumulative < Decimal::ONE_HUNDRED)
}

/// All configured steps, also those at and beyond 100 %; ends early where a power leaves the range of a decimal.
pub fn configured_steps(config: &Averaging) -> impl Iterator<Item = Step> + '_ {
    let scale = config.step_scale.decimal();
    let volume = config.volume_scale.decimal();
    let mut next = Some((config.deviation.decimal(), Decimal::ZERO, config.amount.decimal()));
    (1..=config.count).map_while(move |level| {
        let (step, before, size) = next?;
        let cumulative = match config.reference {
            LadderReference::Base => before.checked_add(step)?,
            LadderReference::Last => {
                // 100 - (100 - before) * (100 - step) / 100: the share that is left shrinks by each step.
                let left = Decimal::ONE_HUNDRED.checked_sub(before)?;
                let kept = Decimal::ONE_HUNDRED.checked_sub(step)?.max(Decimal::ZERO);
                Decimal::ONE_HUNDRED.checked_sub(left.checked_mul(kept)?.checked_div(Decimal::ONE_HUNDRED)?)?
            }
        };
        next = step.checked_mul(scale).zip(size.checked_mul(volume)).map(|(step, size)| (step, cumulative, size));
        Some(Step { level, step, cumulative, size: Amount::admit(size).ok()? })
    })
}

/// The orders that exist, with prices on the tick and quantities on the lot.
pub fn rungs(config: &Averaging, reference: Price, tick: Tick, lot: Lot, rounding: QuantityRounding) -> Vec<Rung> {
    steps(config)
        .map_while(|step| {
            let price = step.price(reference)?.floor_to_tick(tick)?;
            Some(Rung { step, price, quantity: quantity(step.size, price, lot, rounding) })
        })
        .collect()
}

/// `ceil_lot( size / price )`, or `floor_lot` when quantities are rounded down.
pub fn quantity(size: Amount, price: Price, lot: Lot, rounding: QuantityRounding) -> Quantity {
    let exact = price.quantity_for(size);
    match rounding {
        QuantityRounding::Up => exact.ceil_to_lot(lot),
        QuantityRounding::Down => exact.floor_to_lot(lot),
    }
}

/// `max_funds = B + sum(size_k)` over the orders that exist: quote, unrounded, without fees.
pub fn max_funds(base: Amount, averaging: Option<&Averaging>) -> Amount {
    averaging.into_iter().flat_map(steps).fold(base, |sum, step| sum + step.size)
}

/// The smallest order value that the exchange takes at this price: `ceil_lot(minimum / price) * price`, at least one lot.
pub fn smallest_value(price: Price, lot: Lot, minimum: Amount) -> Amount {
    let one = Quantity::admit(lot.decimal()).unwrap_or(Quantity::ZERO);
    price * price.quantity_for(minimum).ceil_to_lot(lot).max(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Factor, Percent};

    fn ladder(count: u16, deviation: &str, step: &str, volume: &str) -> Averaging {
        Averaging {
            amount: Amount::parse("100").unwrap(),
            count,
            active: 1,
            deviation: Percent::parse(deviation).unwrap(),
            step_scale: Factor::parse(step).unwrap(),
            volume_scale: Factor::parse(volume).unwrap(),
            reference: LadderReference::Base,
        }
    }

    #[test]
    fn two_hundred_orders_with_scale_ten_end_instead_of_overflowing() {
        let all = steps(&ladder(200, "0.01", "10", "10")).collect::<Vec<_>>();
        assert_eq!(all.len(), 4);
        assert_eq!(all[3].cumulative, Decimal::new(1111, 2));
        assert!(configured_steps(&ladder(200, "99", "10", "10")).count() < 200);
    }

    #[test]
    fn an_order_at_exactly_one_hundred_percent_does_not_exist() {
        assert_eq!(steps(&ladder(3, "50", "1", "1")).count(), 1);
    }

    #[test]
    fn prices_go_down_to_the_tick_and_quantities_up_to_the_lot() {
        let tick = Tick::parse("0.1").unwrap();
        let lot = Lot::parse("0.01").unwrap();
        let reference = Price::parse("33.33").unwrap();
        let up = rungs(&ladder(1, "1", "1", "1"), reference, tick, lot, QuantityRounding::Up);
        let down = rungs(&ladder(1, "1", "1", "1"), reference, tick, lot, QuantityRounding::Down);
        assert_eq!(up[0].price, Price::parse("32.9").unwrap());
        assert_eq!(up[0].quantity, Quantity::parse("3.04").unwrap());
        assert_eq!(down[0].quantity, Quantity::parse("3.03").unwrap());
    }

    #[test]
    fn the_smallest_value_is_never_under_the_minimum() {
        let value = smallest_value(
            Price::parse("2939.22").unwrap(),
            Lot::parse("0.0001").unwrap(),
            Amount::parse("5").unwrap(),
        );
        assert_eq!(value, Amount::parse("5.290596").unwrap());
    }
}
