//! Candles that a story writes by hand.

use local_stack::feed::Minute;
use strategy::market::{Candle, MarketTime, Pair};
use strategy::money::Price;

/// Where a story's market starts: 2025-06-01T00:00:00Z.
const START_MS: i64 = 1_748_736_000_000;

/// A market that goes on minute by minute from the last close.
#[derive(Debug)]
pub struct CandleTape {
    next_open_ms: i64,
    last: Price,
}

impl CandleTape {
    /// Starts at a price.
    pub fn new(start: i64) -> Self {
        Self { next_open_ms: START_MS, last: start.to_string().parse().unwrap() }
    }
    /// The last close.
    pub fn last(&self) -> String {
        self.last.to_string()
    }
    /// The next minute: opens at the last close, widened to hold it, with plenty of volume.
    pub fn next(&mut self, pair: &Pair, low: &str, high: &str, close: &str) -> Minute {
        let [low, high, close]: [Price; 3] = [low, high, close].map(|text| text.parse().unwrap());
        let candle = minute(self.next_open_ms, self.last, low, high, close);
        self.next_open_ms = candle.close_time.ms();
        self.last = close;
        Minute { open: candle.open_time, close: candle.close_time, candles: vec![(pair.clone(), candle)] }
    }
    /// Leaves out some minutes, as an exchange that was down.
    pub fn gap(&mut self, minutes: i64) {
        self.next_open_ms += minutes * 60_000;
    }
}

/// One candle, widened so that high and low enclose open and close.
pub fn minute(open_ms: i64, open: Price, low: Price, high: Price, close: Price) -> Candle {
    Candle {
        open_time: MarketTime::from_ms(open_ms),
        close_time: MarketTime::from_ms(open_ms + 60_000),
        open,
        close,
        high: high.max(open).max(close),
        low: low.min(open).min(close),
        volume: "1000".parse().unwrap(),
    }
}
/// A candle that stands still.
pub fn flat(open_ms: i64, at: Price) -> Candle {
    minute(open_ms, at, at, at, at)
}
