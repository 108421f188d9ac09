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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::extract::{RawQuery, State};
    use axum::routing::get;
    use wire::HttpTransport;

    use super::*;

    /// Serves the minutes from 0 to the present one, of which the last is still open, and notes every question.
    #[derive(Clone, Default)]
    struct Exchange {
        present: Arc<Mutex<i64>>,
        asked: Arc<Mutex<Vec<String>>>,
        broken: Arc<Mutex<bool>>,
    }

    async fn klines(State(exchange): State<Exchange>, RawQuery(query): RawQuery) -> String {
        let query = query.unwrap_or_default();
        let number = |name: &str| {
            let found = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|value| value.parse::<i64>().ok())
        };
        exchange.asked.lock().expect("asked").push(query.clone());
        if *exchange.broken.lock().expect("broken") {
            return "{\"code\":-1003,\"msg\":\"busy\"}".to_owned();
        }
        let present = *exchange.present.lock().expect("present");
        let limit = number("limit").expect("a limit");
        let first = number("startTime").map_or(present + 1 - limit, |start| (start + 59_999) / 60_000).max(0);
        let row = |m: i64| {
            let (open, close) = (m * 60_000, m * 60_000 + 59_999);
            format!("[{open},\"10\",\"11\",\"9\",\"10\",\"5\",{close},\"50\",1,\"1\",\"1\",\"0\"]")
        };
        let rows: Vec<_> = (first..=present).take(usize::try_from(limit).expect("small")).map(row).collect();
        format!("[{}]", rows.join(","))
    }

    async fn serving(exchange: Exchange) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().route("/api/v3/klines", get(klines)).with_state(exchange);
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn opens(minutes: &[Minute]) -> Vec<i64> {
        minutes.iter().map(|minute| minute.open.ms() / 60_000).collect()
    }

    #[tokio::test]
    async fn closed_candles_come_once_and_the_open_one_does_not_come() {
        let exchange = Exchange::default();
        *exchange.present.lock().expect("present") = 100;
        let address = serving(exchange.clone()).await;
        let pairs: Vec<Pair> = vec!["BTC-USDT".parse().expect("pair"), "ETH-USDT".parse().expect("pair")];
        let transport = Arc::new(HttpTransport::new().expect("transport"));
        let mut live = Live::new(transport, &address, pairs, None);
        let first = live.closed_minutes(100 * 60_000 + 30_000).await.expect("candles");
        assert_eq!(opens(&first), [98, 99], "the last closed ones; 100 is still open");
        assert_eq!(first[1].candles.len(), 2, "both pairs in one minute");
        assert_eq!(first[1].close, MarketTime::from_ms(100 * 60_000));
        assert_eq!(opens(&live.closed_minutes(100 * 60_000 + 40_000).await.expect("candles")), [0_i64; 0]);
        *exchange.present.lock().expect("present") = 103;
        assert_eq!(
            opens(&live.closed_minutes(103 * 60_000).await.expect("candles")),
            [100, 101, 102],
            "none is left out"
        );
        assert!(exchange.asked.lock().expect("asked").iter().all(|query| query.contains("interval=1m")));
    }

    #[tokio::test]
    async fn a_restart_goes_on_after_the_minute_done_and_a_refusal_is_no_end() {
        let exchange = Exchange::default();
        *exchange.present.lock().expect("present") = 100;
        let address = serving(exchange.clone()).await;
        let transport = Arc::new(HttpTransport::new().expect("transport"));
        let done = Some(MarketTime::from_ms(90 * 60_000));
        let mut live = Live::new(transport.clone(), &address, vec!["BTC-USDT".parse().expect("pair")], done);
        *exchange.broken.lock().expect("broken") = true;
        assert!(live.closed_minutes(100 * 60_000).await.is_err());
        *exchange.broken.lock().expect("broken") = false;
        assert_eq!(opens(&live.closed_minutes(100 * 60_000).await.expect("candles")), (91..100).collect::<Vec<_>>());
        let mut nobody = Live::new(transport, "http://127.0.0.1:1", vec!["BTC-USDT".parse().expect("pair")], None);
        let refused = nobody.closed_minutes(0).await.expect_err("nobody there").to_string();
        assert!(refused.contains("no candles from http://127.0.0.1:1"), "{refused}");
    }
}
