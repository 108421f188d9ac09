//! The figures of a deal, one definition each. Never rounds and never guesses: only what was executed counts.
//!
//! Over the filled orders, fees by asset:
//! ```text
//! bought      = sum(q) - fees in base            over buys, base
//! cost        = sum(p*q) + fees in quote         over buys, quote
//! sold        = sum(q) + fees in base            over sells, base
//! proceeds    = sum(p*q) - fees in quote         over sells, quote
//! held        = bought - sold
//! average     = cost / bought
//! break-even  = (cost - proceeds) / (held * (1 - f))      = average / (1 - f) before the first sale
//! realised    = proceeds - average * sold
//! unrealised  = last * held * (1 - f) - average * held
//! ```
//! so that `realised + unrealised = proceeds + last * held * (1 - f) - cost` at every moment. `f` is the taker rate: the
//! figures value a position as if it were sold at market now.

use serde::Serialize;

use crate::deal::Deal;
use crate::formula;
use crate::market::{FeeAsset, MarketTime};
use crate::money::{Amount, Percent, Price, Quantity};
use crate::order::{Filled, KnownOrder, Side};

/// What a deal holds and what it paid for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Base that the buys brought, net of fees in base.
    pub bought: Quantity,
    /// Quote that the buys cost, fees included.
    pub cost: Amount,
    /// Base that the sells took.
    pub sold: Quantity,
    /// Quote that the sells brought, net of fees.
    pub proceeds: Amount,
    /// Base that is held now.
    pub held: Quantity,
    /// `cost / bought`, quote per base; `None` before the first fill.
    pub average: Option<Price>,
    /// The price at which selling what is held makes the whole deal end at zero; `None` with nothing held, or when the
    /// sales have already paid for everything.
    pub breakeven: Option<Price>,
    /// Market time of the latest fill.
    pub last_fill_at: Option<MarketTime>,
}

impl Position {
    /// The figures over everything `bought` and `sold`; `fee` is the exit rate in percent.
    pub fn over(bought: Filled, sold: Filled, fee: Percent) -> Position {
        let held = bought.received().less(sold.given());
        Position {
            bought: bought.received(),
            cost: bought.cost(),
            sold: sold.given(),
            proceeds: sold.proceeds(),
            held,
            average: bought.cost().per(bought.received()),
            breakeven: formula::price_for_net(bought.cost() - sold.proceeds(), held, fee),
            last_fill_at: bought.last_at.max(sold.last_at),
        }
    }
    /// `average * quantity`: the part of the cost that stands for a quantity.
    fn cost_of(&self, quantity: Quantity) -> Amount {
        self.average.map_or(Amount::ZERO, |average| average * quantity)
    }
    /// `proceeds - average * sold`: net of both fees, in quote.
    pub fn realised(&self) -> Amount {
        self.proceeds - self.cost_of(self.sold)
    }
    /// `last * held * (1 - f) - average * held`: net of the entry fee and of the exit fee at rate `fee`, in quote.
    pub fn unrealised(&self, last: Price, fee: Percent) -> Amount {
        let value = last * self.held;
        value - value.share(fee) - self.cost_of(self.held)
    }
}

/// The sums over settled orders and over what the working `orders` executed so far: (bought, sold).
pub fn executed(deal: &Deal, orders: &[KnownOrder]) -> (Filled, Filled) {
    let working = orders.iter().filter(|order| deal.working.iter().any(|working| working.key == order.key));
    working.fold((deal.booked.bought, deal.booked.sold), |(bought, sold), order| match order.side {
        Side::Buy => (bought.plus(order.filled), sold),
        Side::Sell => (bought, sold.plus(order.filled)),
    })
}

/// The position of a deal; `orders` holds the recorded states of its working orders.
pub fn position(deal: &Deal, orders: &[KnownOrder]) -> Position {
    let (bought, sold) = executed(deal, orders);
    Position::over(bought, sold, deal.fees.taker)
}

/// Net profit of what was sold so far in settled orders, in quote; final once the deal is closed.
pub fn realised(deal: &Deal) -> Amount {
    position(deal, &[]).realised()
}

/// What a buy is expected to execute before it did: `rate` in percent, taken in the account's fee asset.
pub fn planned_buy(price: Price, quantity: Quantity, rate: Percent, asset: FeeAsset) -> Filled {
    let value = price * quantity;
    let (fee_base, fee_quote) = match asset {
        FeeAsset::Received => {
            let fee = quantity.decimal().saturating_mul(rate.fraction());
            (Quantity::admit(fee).unwrap_or(Quantity::ZERO), Amount::ZERO)
        }
        FeeAsset::Quote => (Quantity::ZERO, value.share(rate)),
    };
    Filled { quantity, value, fee_base, fee_quote, last_at: None }
}

/// The price that ladder and stop are measured from: of the base order, with or without its fee.
pub fn reference(base: Filled, reference: crate::config::ReferencePrice) -> Option<Price> {
    match reference {
        crate::config::ReferencePrice::FillWithFee => base.cost().per(base.received()),
        crate::config::ReferencePrice::Fill => base.value.per(base.quantity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(quantity: &str, value: &str, fee_base: &str, fee_quote: &str) -> Filled {
        Filled {
            quantity: Quantity::parse(quantity).unwrap(),
            value: Amount::parse(value).unwrap(),
            fee_base: Quantity::parse(fee_base).unwrap(),
            fee_quote: Amount::parse(fee_quote).unwrap(),
            last_at: None,
        }
    }

    #[test]
    fn realised_and_unrealised_add_up_to_what_a_sale_now_would_bring() {
        let fee = Percent::parse("0.1").unwrap();
        let position = Position::over(filled("2", "200", "0.002", "0"), filled("1", "110", "0", "0.11"), fee);
        let last = Price::parse("120").unwrap();
        let all = position.realised() + position.unrealised(last, fee);
        let value = last * position.held;
        let expected = position.proceeds + value - value.share(fee) - position.cost;
        assert!((all - expected).decimal().abs() < rust_decimal::Decimal::new(1, 20));
    }

    #[test]
    fn selling_at_break_even_brings_back_the_cost() {
        let fee = Percent::parse("0.1").unwrap();
        let position = Position::over(filled("2", "200", "0", "0.2"), Filled::ZERO, fee);
        let value = position.breakeven.unwrap() * position.held;
        let net = value - value.share(fee) - position.cost;
        assert!(net.decimal().abs() < rust_decimal::Decimal::new(1, 20));
    }
}
