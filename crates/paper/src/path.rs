//! The path of prices inside one candle: open, the nearer of high and low, the other one, close.
//!
//! Each of the three legs is walked in eight prints, after one print at the open: 25 prints that share the candle's
//! volume equally. Nearer to the open first; with equal distances the low first.

use rust_decimal::{Decimal, RoundingStrategy};
use strategy::market::{Candle, MarketTime};
use strategy::money::{Price, Tick};

/// Prints per leg.
const STEPS: usize = 8;
/// Prints per candle: the open, and eight on each of three legs.
pub const PRINTS: usize = 1 + 3 * STEPS;

/// Why a candle cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACandle {
    /// Open or close lies outside low and high, or low above high.
    #[error("the candle's open and close must lie between its low and its high")]
    PricesDisagree,
    /// It ends before it begins.
    #[error("the candle must close after it opens")]
    TimesDisagree,
}

/// One trade of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// 0 for the open, 24 for the close.
    pub index: usize,
    /// When, in market time; before the candle's close time.
    pub at: MarketTime,
    /// At which price; a multiple of the tick except where the candle's own prices are finer.
    pub price: Price,
    /// Base units traded in it.
    pub volume: Decimal,
}

/// Refuses a candle that contradicts itself.
pub fn check(candle: &Candle) -> Result<(), NotACandle> {
    let inside = |price: Price| candle.low <= price && price <= candle.high;
    if candle.close_time <= candle.open_time {
        Err(NotACandle::TimesDisagree)
    } else if !inside(candle.open) || !inside(candle.close) {
        Err(NotACandle::PricesDisagree)
    } else {
        Ok(())
    }
}

/// The 25 prints of a candle, in order.
pub fn prints(candle: &Candle, tick: Tick) -> Result<Vec<Print>, NotACandle> {
    check(candle)?;
    let up = candle.high.decimal() - candle.open.decimal();
    let down = candle.open.decimal() - candle.low.decimal();
    let turns = if down <= up {
        [candle.open, candle.low, candle.high, candle.close]
    } else {
        [candle.open, candle.high, candle.low, candle.close]
    };
    let volume = candle.volume.decimal() / Decimal::from(PRINTS);
    let duration = candle.close_time.ms().saturating_sub(candle.open_time.ms());
    let at = |index: usize| {
        let passed = duration.saturating_mul(index as i64) / PRINTS as i64;
        MarketTime::from_ms(candle.open_time.ms().saturating_add(passed))
    };
    let mut path = Vec::with_capacity(PRINTS);
    path.push(Print { index: 0, at: at(0), price: candle.open, volume });
    for (leg, ends) in turns.windows(2).enumerate() {
        let [from, to] = ends else { continue };
        for step in 1..=STEPS {
            let index = leg * STEPS + step;
            path.push(Print { index, at: at(index), price: between(*from, *to, step, tick), volume });
        }
    }
    Ok(path)
}

/// The price after `step` of eight steps, on the tick nearest to the straight line and never outside the leg.
fn between(from: Price, to: Price, step: usize, tick: Tick) -> Price {
    if step == STEPS {
        return to;
    }
    let line = from.decimal() + (to.decimal() - from.decimal()) * Decimal::from(step) / Decimal::from(STEPS);
    let ticks = (line / tick.decimal()).round_dp_with_strategy(0, RoundingStrategy::MidpointTowardZero);
    let near = Price::admit(ticks * tick.decimal()).unwrap_or(from);
    near.clamp(from.min(to), from.max(to))
}
