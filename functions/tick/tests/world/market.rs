//! A public market that a test writes candle by candle, in Binance's words.

use std::sync::Mutex;

use exchange::{Endpoint, Parts};
use serde_json::json;
use strategy::market::{Candle, MarketTime};
use wire::{Answer, Limits, Sent, Transport};

use super::{MINUTE_MS, START_MS};

#[derive(Debug, Default)]
struct Inner {
    candles: Vec<Candle>,
    hidden: Vec<i64>,
    minutes: i64,
    halted: bool,
    fails: u32,
}

/// Candles so far, and what it does not tell.
#[derive(Debug, Default)]
pub struct FakeMarket(Mutex<Inner>);

impl FakeMarket {
    /// The next minute.
    pub fn candle(&self, open: &str, low: &str, high: &str, close: &str) {
        let mut inner = self.0.lock().unwrap();
        let from = START_MS + inner.minutes * MINUTE_MS;
        inner.minutes += 1;
        inner.candles.push(Candle {
            open_time: MarketTime::from_ms(from),
            close_time: MarketTime::from_ms(from + MINUTE_MS),
            open: open.parse().unwrap(),
            high: high.parse().unwrap(),
            low: low.parse().unwrap(),
            close: close.parse().unwrap(),
            volume: "10".parse().unwrap(),
        });
    }
    /// A minute of which there is no candle.
    pub fn gap(&self) {
        self.0.lock().unwrap().minutes += 1;
    }
    pub fn halt(&self, halted: bool) {
        self.0.lock().unwrap().halted = halted;
    }
    /// The next requests are not answered.
    pub fn fail(&self, times: u32) {
        self.0.lock().unwrap().fails = times;
    }
    pub fn last(&self) -> Candle {
        *self.0.lock().unwrap().candles.last().unwrap()
    }
    pub fn all(&self) -> Vec<Candle> {
        self.0.lock().unwrap().candles.clone()
    }
}

#[async_trait::async_trait]
impl Transport for FakeMarket {
    async fn send(&self, _: &str, parts: Parts, _: Limits) -> Sent {
        let mut inner = self.0.lock().unwrap();
        if inner.fails > 0 {
            inner.fails -= 1;
            return Sent::Unknown { why: "injected".into() };
        }
        let query = parts.query.expose(String::clone);
        let parameter =
            |name: &str| query.split('&').find_map(|p| p.strip_prefix(&format!("{name}="))).map(str::to_owned);
        let body = match parts.endpoint {
            Endpoint::Klines => {
                let from = parameter("startTime").and_then(|t| t.parse::<i64>().ok());
                let limit: usize = parameter("limit").unwrap().parse().unwrap();
                let rows: Vec<_> = inner
                    .candles
                    .iter()
                    .filter(|c| from.is_none_or(|from| c.open_time.ms() >= from))
                    .map(|c| {
                        json!([
                            c.open_time.ms(),
                            c.open.to_string(),
                            c.high.to_string(),
                            c.low.to_string(),
                            c.close.to_string(),
                            c.volume.to_string(),
                            c.close_time.ms() - 1,
                            "0",
                            1,
                            "0",
                            "0",
                            "0",
                        ])
                    })
                    .collect();
                let skip = if from.is_some() { 0 } else { rows.len().saturating_sub(limit) };
                json!(rows.into_iter().skip(skip).take(limit).collect::<Vec<_>>())
            }
            Endpoint::ExchangeInfo => json!({"symbols": [{
                "status": if inner.halted { "BREAK" } else { "TRADING" }, "baseAsset": "BTC", "quoteAsset": "USDT",
                "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "0.00001"},
                    {"filterType": "NOTIONAL", "minNotional": "5"}],
            }]}),
            other => panic!("the tick asks for {other:?}"),
        };
        Sent::Answered(Answer { status: 200, retry_after_s: None, body: body.to_string().into_bytes() })
    }
}
