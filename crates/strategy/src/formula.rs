//! The formulas of exits, unrounded and rounded. Never looks at a deal or the market: numbers in, numbers out.
//!
//! Results are computed with one division at the end, so that an exact multiple of the tick stays one. `None` means
//! that the result is not a positive number inside the admitted range.

use rust_decimal::Decimal;

use crate::money::{Amount, Percent, Price, Quantity, Tick};

/// 1 - pct/100.
fn below(pct: Percent) -> Decimal {
    Decimal::ONE.saturating_sub(pct.fraction())
}

/// The price at which selling `quantity` for `amount` net of the exit fee is reached: `amount / (quantity * (1 - f))`.
/// Quote per base, unrounded; `fee` is the exit rate in percent.
pub fn price_for_net(amount: Amount, quantity: Quantity, fee: Percent) -> Option<Price> {
    let per = quantity.decimal().checked_mul(below(fee))?;
    Price::admit(amount.decimal().checked_div(per)?).ok()
}

/// TP (total) = `ceil_tick( avg * (1 + tp/100) / (1 - f) )` with `avg = cost / quantity`, fees included; written as
/// `cost * (1 + tp/100) / (quantity * (1 - f))`. The percentage is net of both fees. Source: worked example DCA-1.
pub fn take_profit_total(cost: Amount, quantity: Quantity, pct: Percent, fee: Percent) -> Option<Price> {
    price_for_net(cost + cost.share(pct), quantity, fee)
}

/// TP (base) = `ceil_tick( (cost + tp/100 * base_cost) / (quantity * (1 - f)) )`: the profit is a percentage of the base
/// order's cost alone. Source: worked example DCA-1, last row.
pub fn take_profit_base(
    cost: Amount,
    base_cost: Amount,
    quantity: Quantity,
    pct: Percent,
    fee: Percent,
) -> Option<Price> {
    price_for_net(cost + base_cost.share(pct), quantity, fee)
}

/// SL = `reference * (1 - sl/100)`, unrounded.
pub fn stop_price(reference: Price, pct: Percent) -> Option<Price> {
    Price::admit(reference.decimal().checked_mul(below(pct))?).ok()
}

/// The stop of a long position, rounded towards the market (up), so that rounding never adds to the loss.
pub fn stop_trigger(reference: Price, pct: Percent, tick: Tick) -> Option<Price> {
    Some(stop_price(reference, pct)?.ceil_to_tick(tick))
}

/// Trailing take profit of a long position: `peak * (1 - trailing/100)`, multiplicative on the price.
pub fn trailing_exit(peak: Price, pct: Percent) -> Option<Price> {
    stop_price(peak, pct)
}

/// Trailing stop of a long position after `highs`: it follows the best price at a constant percentage and never falls.
pub fn trailing_stop(entry: Price, highs: &[Price], pct: Percent) -> Option<Price> {
    stop_price(highs.iter().copied().fold(entry, Price::max), pct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_multiple_of_the_tick_is_not_pushed_up() {
        let cost = Amount::parse("300").unwrap();
        let quantity = Quantity::parse("3").unwrap();
        let price = take_profit_total(cost, quantity, Percent::parse("1").unwrap(), Percent::ZERO).unwrap();
        assert_eq!(price.ceil_to_tick(Tick::parse("0.01").unwrap()), Price::parse("101").unwrap());
    }

    #[test]
    fn a_fee_of_everything_or_nothing_held_has_no_price() {
        let cost = Amount::parse("300").unwrap();
        assert_eq!(price_for_net(cost, Quantity::ZERO, Percent::ZERO), None);
        assert_eq!(price_for_net(cost, Quantity::parse("1").unwrap(), Percent::parse("100").unwrap()), None);
    }
}
