//! Turns the conditions of a decision into stored wakes.

use store::Key;
use store::entity::bot::Bot;
use store::entity::wake::{self, Owner, Waits, Wake, WakeKind, market_steps, wake_steps};
use strategy::id::DealId;
use strategy::market::{Candle, MarketTime};
use strategy::wake::{PriceWake, Wakes};

use crate::Deps;

/// Whose wakes these are.
pub fn owner(bot: &Bot, deal: Option<DealId>) -> Owner {
    Owner {
        bot: bot.id,
        deal,
        user: bot.user,
        connection: bot.connection,
        exchange: bot.exchange.clone(),
        pair: bot.pair.clone(),
        epoch: bot.epoch,
        run: bot.run,
    }
}

/// The wakes of a decision, each under a new name, `written_at` the last candle that it saw.
pub fn of_decision(deps: &Deps, owner: &Owner, wakes: &Wakes, written_at: MarketTime) -> Vec<Wake> {
    let wake = |kind, waits| Wake { owner: owner.clone(), kind, id: deps.fresh().to_string(), written_at, waits };
    let price = |kind: WakeKind, price: &PriceWake| {
        let resting = price.resting.iter().map(|(order, at)| (order.clone(), wake_steps(kind, *at))).collect();
        wake(kind, Waits::Price { steps: wake_steps(kind, price.price), decide: price.decide, resting })
    };
    let below = wakes.below.as_ref().map(|p| price(WakeKind::Below, p));
    let above = wakes.above.as_ref().map(|p| price(WakeKind::Above, p));
    let time = wakes.at.map(|at| wake(WakeKind::Time, Waits::Time { at }));
    [below, above, time].into_iter().flatten().collect()
}

/// The wakes that were there and are not among the new ones.
pub fn gone(read: &[Wake], new: &[Wake]) -> Vec<Key> {
    read.iter().map(Wake::key).filter(|key| !new.iter().any(|wake| wake.key() == *key)).collect()
}

/// The three places where a deal's wakes are.
pub fn keys(hint: &wake::Hint) -> Vec<Key> {
    WakeKind::ALL.into_iter().map(|kind| wake::key(hint.bot, hint.deal, kind)).collect()
}

/// When a wake's deal had to decide, if one of these candles already crossed it.
pub fn crossed_at(wake: &Wake, candles: &[Candle]) -> Option<MarketTime> {
    candles
        .iter()
        .filter(|candle| candle.close_time > wake.written_at)
        .find(|candle| match (&wake.waits, wake.kind) {
            (Waits::Price { steps, decide: true, .. }, WakeKind::Below) => {
                market_steps(WakeKind::Below, candle.low) <= *steps
            }
            (Waits::Price { steps, decide: true, .. }, WakeKind::Above | WakeKind::Time) => {
                market_steps(WakeKind::Above, candle.high) >= *steps
            }
            // Resting orders alone are the tick's: it asks the exchange about them.
            (Waits::Price { decide: false, .. } | Waits::Due { .. }, _) => false,
            (Waits::Time { at }, _) => candle.close_time >= *at,
        })
        .map(|candle| candle.close_time)
}
