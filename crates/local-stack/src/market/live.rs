//! Live candles from an exchange's public endpoint, asked for once per wall minute. Only for paper trading on real prices.

use std::fmt;
use std::sync::Arc;

use exchange::{Outgoing, Parts, PublicQuestion, PublicRequest, Venue};
use strategy::market::{Candle, MarketTime, Pair};
use wire::{Limits, Sent, Transport};

use crate::feed::Minute;

/// Binance's public address.
pub const BINANCE: &str = "https://api.binance.com";

/// Follows the closed one-minute candles of some pairs.
pub struct Live {
    transport: Arc<dyn Transport>,
    base_url: String,
    pairs: Vec<(Pair, Option<MarketTime>)>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({})", self.base_url)
    }
}

/// Why no candle came; asked again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no candles from {from}: {why}")]
pub struct NoCandles {
    /// Whose answer it was.
    pub from: String,
    /// What was seen.
    pub why: String,
}

impl Live {
    /// Follows these pairs from now on, or from the last minute that was done.
    pub fn new(transport: Arc<dyn Transport>, base_url: &str, pairs: Vec<Pair>, done: Option<MarketTime>) -> Self {
        Self { transport, base_url: base_url.to_owned(), pairs: pairs.into_iter().map(|p| (p, done)).collect() }
    }
    /// The pairs.
    pub fn pairs(&self) -> Vec<Pair> {
        self.pairs.iter().map(|(pair, _)| pair.clone()).collect()
    }

    /// The minutes that closed by `now_ms` (wall, which on a live market is the market's own) and were not given yet.
    pub async fn closed_minutes(&mut self, now_ms: i64) -> Result<Vec<Minute>, NoCandles> {
        let mut all: Vec<(Pair, Candle)> = Vec::new();
        for (pair, last) in &self.pairs {
            let candles = self.ask(pair, *last).await?;
            // The newest candle is still open: a decision sees closed ones alone.
            all.extend(
                candles
                    .into_iter()
                    .filter(|c| c.close_time.ms() <= now_ms && last.is_none_or(|l| c.open_time > l))
                    .map(|c| (pair.clone(), c)),
            );
        }
        all.sort_by_key(|(_, c)| c.open_time);
        let mut minutes: Vec<Minute> = Vec::new();
        for (pair, candle) in all {
            match minutes.last_mut() {
                Some(minute) if minute.open == candle.open_time => minute.candles.push((pair, candle)),
                _ => minutes.push(Minute {
                    open: candle.open_time,
                    close: candle.close_time,
                    candles: vec![(pair, candle)],
                }),
            }
        }
        for (pair, last) in &mut self.pairs {
            let newest =
                minutes.iter().flat_map(|m| &m.candles).filter(|(p, _)| p == pair).map(|(_, c)| c.open_time).max();
            *last = newest.or(*last);
        }
        Ok(minutes)
    }
    async fn ask(&self, pair: &Pair, last: Option<MarketTime>) -> Result<Vec<Candle>, NoCandles> {
        let failed = |why: String| NoCandles { from: self.base_url.clone(), why };
        // Binance's public protocol is what the paper venue speaks, so its request is built by the same code.
        let question =
            PublicQuestion::Candles { pair: pair.clone(), from: last, limit: if last.is_some() { 500 } else { 3 } };
        let parts: Parts = PublicRequest::build(Venue::Paper, &question).into_parts();
        let limits = Limits { total: std::time::Duration::from_secs(10), body_bytes_max: 1 << 20 };
        match self.transport.send(&self.base_url, parts, limits).await {
            Sent::Answered(answer) => {
                exchange::binance::candles(answer.received()).map_err(|e| failed(format!("{e:?}")))
            }
            Sent::NotSent { why } | Sent::Unknown { why } => Err(failed(why)),
        }
    }
}
