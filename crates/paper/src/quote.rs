//! Bid and ask around a trade, and the levels behind them.

use rust_decimal::Decimal;
use strategy::market::SymbolRules;
use strategy::money::{Price, Quantity, Tick};
use strategy::order::Side;

use crate::profile::Profile;

/// The best prices of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// What a seller gets. At least one tick.
    pub bid: Price,
    /// What a buyer pays.
    pub ask: Price,
}

impl Quote {
    /// Around a trade at `price`: half the spread away on each side, rounded outwards to the tick.
    pub fn around(price: Price, profile: &Profile, tick: Tick) -> Self {
        let half = tick.decimal() * Decimal::from(profile.half_spread_ticks);
        let one_tick = Price::admit(tick.decimal()).unwrap_or(price);
        let bid = Price::admit(price.decimal() - half).ok().and_then(|p| p.floor_to_tick(tick)).unwrap_or(one_tick);
        let ask = Price::admit(price.decimal() + half).map_or(price, |p| p.ceil_to_tick(tick));
        Self { bid, ask }
    }
    /// What an order on this side would pay or get at best.
    pub const fn taken_by(self, side: Side) -> Price {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
    /// Whether a limit order at `price` would take at once.
    pub fn is_crossed_by(self, side: Side, price: Price) -> bool {
        reaches(side, price, self.taken_by(side))
    }
}

/// Whether an order on `side` limited to `limit` accepts `price`.
pub fn reaches(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// The prices that an order on `side` meets, best first, one tick apart; fewer where prices would end.
pub fn levels(quote: Quote, side: Side, profile: &Profile, tick: Tick) -> impl Iterator<Item = Price> {
    let best = quote.taken_by(side).decimal();
    (0..profile.levels).map_while(move |level| {
        let away = tick.decimal() * Decimal::from(level);
        let price = match side {
            Side::Buy => best + away,
            Side::Sell => best - away,
        };
        Price::admit(price).ok()
    })
}

/// What stands on each level for one account: candle volume x share / levels, in whole lots.
pub fn depth_per_level(volume: Quantity, profile: &Profile, rules: &SymbolRules) -> Quantity {
    let share = volume.decimal() * profile.volume_share / Decimal::from(profile.levels.max(1));
    Quantity::admit(share).unwrap_or(Quantity::ZERO).floor_to_lot(rules.lot)
}
