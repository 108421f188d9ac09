//! Merges the candles of several pairs into market minutes. Never fills a gap: no candle, no minute.

use std::fmt;

use strategy::market::{Candle, MarketTime, Pair};

use crate::market::Source;

/// One market minute: the candles that open at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// When all of them open.
    pub open: MarketTime,
    /// When they close.
    pub close: MarketTime,
    /// One candle per pair that has one.
    pub candles: Vec<(Pair, Candle)>,
}

/// The candles of all pairs, minute by minute.
pub struct Feed {
    sources: Vec<(Box<dyn Source>, Option<Candle>)>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs()).finish()
    }
}

impl Feed {
    /// Starts after the minute that was done last.
    pub fn new(sources: Vec<Box<dyn Source>>, done: Option<MarketTime>) -> Self {
        let sources = sources
            .into_iter()
            .map(|mut source| {
                if let Some(done) = done {
                    source.skip_to(done.ms() + 1);
                }
                let first = source.next_candle();
                (source, first)
            })
            .collect();
        Self { sources }
    }
    /// The pairs.
    pub fn pairs(&self) -> Vec<Pair> {
        self.sources.iter().map(|(source, _)| source.pair().clone()).collect()
    }
    /// The pairs that have no candle left.
    pub fn ended(&self) -> Vec<Pair> {
        self.sources.iter().filter(|(_, next)| next.is_none()).map(|(source, _)| source.pair().clone()).collect()
    }
    /// Whether no pair has a candle left.
    pub fn is_at_end(&self) -> bool {
        self.sources.iter().all(|(_, next)| next.is_none())
    }
    /// The next minute: the earliest open time of all, with every candle that opens then.
    pub fn next_minute(&mut self) -> Option<Minute> {
        let open = self.sources.iter().filter_map(|(_, next)| next.map(|c| c.open_time)).min()?;
        let mut candles = Vec::new();
        for (source, next) in &mut self.sources {
            if let Some(candle) = next.filter(|c| c.open_time == open) {
                candles.push((source.pair().clone(), candle));
                *next = source.next_candle();
            }
        }
        let close = candles.iter().map(|(_, c)| c.close_time).max()?;
        Some(Minute { open, close, candles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::sim::Simulation;
    use crate::remembered::Done;

    fn feed(done: Option<MarketTime>) -> Feed {
        Feed::new(Simulation::pairs(5).into_iter().map(|s| Box::new(s) as Box<dyn Source>).collect(), done)
    }

    #[test]
    fn a_restart_goes_on_with_the_first_minute_not_done() {
        let folder = tempfile::tempdir().expect("folder");
        let mut straight = feed(None);
        let minutes: Vec<_> = (0..4).filter_map(|_| straight.next_minute()).collect();
        assert_eq!(minutes[0].candles.len(), 2);
        let mut done = Done::open(Some(folder.path())).expect("fresh");
        done.record(minutes[1].open).expect("recorded");
        let mut again = feed(Done::open(Some(folder.path())).expect("again").last());
        assert_eq!(again.next_minute().as_ref(), Some(&minutes[2]));
    }
}
