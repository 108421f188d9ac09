//! Finds due bots through the wake index, and sweeps what was left behind.
//!
//! Never looks at a bot that nothing has happened to (P5): the calls of a tick are the same for ten idle bots and for ten
//! thousand. Every step is conditional or put-if-absent, so a tick that failed, or ran twice, is made good by the next.
//! Never decides, never sees a secret.

mod ask_market;
mod config;
mod crossed;
mod market;
mod sweep;

use serde::Deserialize;
use store::StoreError;
use strategy::market::MarketTime;

pub use config::{Deps, StartRefused};

/// Which of the two schedules fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Once per market minute.
    Market,
    /// Once per wall minute, always.
    Sweep,
}

/// The event, as the schedule's input says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Tick {
    /// Which schedule.
    pub schedule: Schedule,
    /// The market's time, where the host moves it: no candle that closes later is looked at.
    #[serde(default)]
    pub market_now: Option<MarketTime>,
}

/// Something was not done. The rest was; the next tick does what is missing.
#[derive(Debug, thiserror::Error)]
pub enum TickFailed {
    /// The exchange did not answer for a pair, or its answer makes no sense.
    #[error("the market of {pair} could not be read: {why}")]
    Market {
        /// Which pair.
        pair: String,
        /// Why, for logs.
        why: String,
    },
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs one tick.
pub async fn handle(deps: &Deps, tick: Tick) -> Result<(), TickFailed> {
    match tick.schedule {
        // Boxed: the futures of many AWS calls in one are too deep for the compiler.
        Schedule::Market => Box::pin(market::market(deps, tick.market_now)).await,
        Schedule::Sweep => Box::pin(sweep::sweep(deps)).await,
    }
}

/// Keeps the first failure and logs the others: one pair or step must not keep the rest from its work.
struct Failures(Option<TickFailed>);
impl Failures {
    const fn none() -> Self {
        Self(None)
    }
    fn note(&mut self, failed: impl Into<TickFailed>) {
        let failed = failed.into();
        tracing::warn!(error = %failed, "left to the next tick");
        self.0.get_or_insert(failed);
    }
    fn settle(self) -> Result<(), TickFailed> {
        self.0.map_or(Ok(()), Err)
    }
}
