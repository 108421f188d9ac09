//! A seeded simulation: the same seed gives the same candles, whichever pairs are asked and in whichever order.
//!
//! A random walk in basis points with a slow pull to its start, so that a DCA deal sees falls and recoveries. Not a
//! model of any market; its only promise is to be repeatable.

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use strategy::market::{Candle, MarketTime, Pair};
use strategy::money::{Price, Quantity};

use super::Source;

/// 2025-01-01T00:00:00Z: where simulated time starts.
const START_MS: i64 = 1_735_689_600_000;
const MINUTE_MS: i64 = 60_000;

/// One simulated pair.
#[derive(Debug)]
pub struct Simulation {
    pair: Pair,
    seed: u64,
    start: Decimal,
    last: Decimal,
    minute: i64,
    traded: Decimal,
}

impl Simulation {
    /// The pair starts at this price. `traded` is the typical volume of a minute in base units.
    pub const fn new(pair: Pair, seed: u64, start: Decimal, traded: Decimal) -> Self {
        Self { pair, seed, start, last: start, minute: 0, traded }
    }

    /// The pairs of the default market.
    pub fn pairs(seed: u64) -> Vec<Self> {
        [("BTC-USDT", 60_000, 30), ("ETH-USDT", 3_000, 400)]
            .into_iter()
            .filter_map(|(pair, start, traded)| {
                Some(Self::new(pair.parse().ok()?, seed, Decimal::from(start), Decimal::from(traded)))
            })
            .collect()
    }

    /// A whole number below `bound`, from (seed, pair, minute, purpose) alone.
    fn draw(&self, purpose: &str, bound: u64) -> i64 {
        let digest = Sha256::digest(format!("{}|{}|{}|{purpose}", self.seed, self.pair, self.minute).as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::try_from(u64::from_be_bytes(first) % bound).unwrap_or(0)
    }
    fn basis_points(&self, points: i64) -> Decimal {
        (self.last * Decimal::new(points, 4)).round_dp(2)
    }
}

impl Source for Simulation {
    fn pair(&self) -> &Pair {
        &self.pair
    }
    fn interval_ms(&self) -> i64 {
        MINUTE_MS
    }
    fn next_candle(&mut self) -> Option<Candle> {
        let open = self.last;
        // Up to 20 basis points either way a minute, and a pull of one point per percent away from the start.
        let away = ((self.last - self.start) * Decimal::from(100) / self.start).trunc();
        let pull = i64::try_from(away.mantissa()).unwrap_or(0);
        let close = (open + self.basis_points(self.draw("close", 41) - 20 - pull)).max(Decimal::ONE);
        let high = open.max(close) + self.basis_points(self.draw("high", 9));
        let low = (open.min(close) - self.basis_points(self.draw("low", 9))).max(Decimal::new(1, 2));
        let volume = self.traded * Decimal::new(50 + self.draw("volume", 100), 2);
        let opened = START_MS + self.minute * MINUTE_MS;
        self.minute += 1;
        self.last = close;
        Some(Candle {
            open_time: MarketTime::from_ms(opened),
            close_time: MarketTime::from_ms(opened + MINUTE_MS),
            open: Price::admit(open).ok()?,
            high: Price::admit(high).ok()?,
            low: Price::admit(low).ok()?,
            close: Price::admit(close).ok()?,
            volume: Quantity::admit(volume).ok()?,
        })
    }
    fn skip_to(&mut self, open_ms: i64) {
        while START_MS + self.minute * MINUTE_MS < open_ms && self.next_candle().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_candles_and_another_seed_others() {
        let run = |seed| {
            Simulation::pairs(seed)
                .into_iter()
                .flat_map(|mut s| (0..500).map_while(move |_| s.next_candle()).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert_eq!(run(7).len(), 1000);
        assert!(run(7).iter().all(|c| c.low <= c.open && c.low <= c.close && c.high >= c.open && c.high >= c.close));
    }
    #[test]
    fn skipping_leads_to_the_same_candle() {
        let mut straight = Simulation::pairs(3).remove(0);
        let mut skipped = Simulation::pairs(3).remove(0);
        let hundredth = (0..101).filter_map(|_| straight.next_candle()).last().expect("candle");
        skipped.skip_to(hundredth.open_time.ms());
        assert_eq!(skipped.next_candle(), Some(hundredth));
    }
}
