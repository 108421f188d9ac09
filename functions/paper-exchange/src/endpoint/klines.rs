//! `GET /api/v3/klines`: the last candles applied, as they are or gathered into longer ones.

use paper::path;
use paper::symbol::Symbol;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy::market::{Candle, MarketTime};

use crate::decimal::text;
use crate::item::candle;
use crate::refusal::Refusal;
use crate::router::Call;

const MINUTE_MS: i64 = 60_000;

/// A row of the answer while it is gathered.
struct Row {
    candle: Candle,
    value: Decimal,
    trades: usize,
}

/// Answers candles oldest first; times are market time. The exchange keeps a thousand candles per symbol.
pub async fn list(call: Call) -> Result<Value, Refusal> {
    let symbol = call.symbol().await?;
    let interval = interval_ms(call.parameters.needed("interval")?)?;
    let limit = call.parameters.limit(500, 1000)?;
    let (start, end) = (call.parameters.moment("startTime")?, call.parameters.moment("endTime")?);
    let candles = candle::all(&call.deps.store, &symbol.pair.symbol()).await?;
    let mut rows = gather(&symbol, &candles, interval)?;
    rows.retain(|row| {
        let open = row.candle.open_time.ms();
        start.is_none_or(|start| open >= start) && end.is_none_or(|end| open <= end)
    });
    // From a start on: the first ones; otherwise the latest.
    let skipped = if start.is_some() { 0 } else { rows.len().saturating_sub(limit) };
    Ok(rows.iter().skip(skipped).take(limit).map(write).collect())
}

/// Candles of the interval. Refuses one that is not a multiple of the candles that were applied.
fn gather(symbol: &Symbol, candles: &[Candle], interval: i64) -> Result<Vec<Row>, Refusal> {
    let mut rows: Vec<Row> = Vec::new();
    for candle in candles {
        let duration = candle.close_time.ms() - candle.open_time.ms();
        if duration <= 0 || interval % duration != 0 {
            return Err(Refusal::bad_interval());
        }
        let prints = path::prints(candle, symbol.rules.tick).unwrap_or_default();
        let value: Decimal = prints.iter().map(|print| print.price.decimal() * print.volume).sum();
        let open_time = candle.open_time.ms().div_euclid(interval) * interval;
        match rows.last_mut().filter(|row| row.candle.open_time.ms() == open_time) {
            Some(row) => {
                row.candle = Candle {
                    high: row.candle.high.max(candle.high),
                    low: row.candle.low.min(candle.low),
                    close: candle.close,
                    volume: row.candle.volume + candle.volume,
                    ..row.candle
                };
                row.value += value;
                row.trades += prints.len();
            }
            None => {
                let times = (MarketTime::from_ms(open_time), MarketTime::from_ms(open_time.saturating_add(interval)));
                rows.push(Row {
                    candle: Candle { open_time: times.0, close_time: times.1, ..*candle },
                    value,
                    trades: prints.len(),
                });
            }
        }
    }
    Ok(rows)
}

fn write(row: &Row) -> Value {
    let Candle { open_time, close_time, open, high, low, close, volume } = row.candle;
    json!([
        open_time.ms(),
        text(open.decimal()),
        text(high.decimal()),
        text(low.decimal()),
        text(close.decimal()),
        // Binance's close time is the last millisecond inside the candle.
        text(volume.decimal()),
        close_time.ms() - 1,
        text(row.value),
        row.trades,
        "0.00000000",
        "0.00000000",
        "0",
    ])
}

fn interval_ms(text: &str) -> Result<i64, Refusal> {
    let minutes = match text {
        "1m" => 1,
        "3m" => 3,
        "5m" => 5,
        "15m" => 15,
        "30m" => 30,
        "1h" => 60,
        "2h" => 120,
        "4h" => 240,
        "6h" => 360,
        "8h" => 480,
        "12h" => 720,
        "1d" => 1440,
        _ => return Err(Refusal::bad_interval()),
    };
    Ok(minutes * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_are_gathered_from_five_candles() {
        let symbol = Symbol::list("BTC-USDT".parse().unwrap(), paper::symbol::default_rules().unwrap()).unwrap();
        let candles: Vec<Candle> = (4..=10)
            .map(|minute| Candle {
                open_time: MarketTime::from_ms(minute * MINUTE_MS),
                close_time: MarketTime::from_ms((minute + 1) * MINUTE_MS),
                open: minute.to_string().parse().unwrap(),
                high: (minute + 2).to_string().parse().unwrap(),
                low: (minute - 1).to_string().parse().unwrap(),
                close: (minute + 1).to_string().parse().unwrap(),
                volume: "1".parse().unwrap(),
            })
            .collect();
        let rows = gather(&symbol, &candles, 5 * MINUTE_MS).unwrap();
        let shown: Vec<String> = rows
            .iter()
            .map(|row| {
                let c = row.candle;
                format!("{} {} {} {} {} {}", c.open_time.ms() / MINUTE_MS, c.open, c.high, c.low, c.close, c.volume)
            })
            .collect();
        assert_eq!(shown, ["0 4 6 3 5 1", "5 5 11 4 10 5", "10 10 12 9 11 1"]);
        assert!(gather(&symbol, &candles, MINUTE_MS / 2).is_err());
    }
}
