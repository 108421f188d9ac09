//! Candles, prices and the rules of pairs as answered.

use strategy::market::{Candle, MarketTime, Pair, SymbolRules, SymbolStatus};
use strategy::money::{Amount, Lot, Price, Quantity, Tick};

use super::{read, senseless};
use crate::{Failure, Received};

/// Reads minute candles, oldest first. The last one may still be open: the caller knows the market's time.
pub fn candles(received: Received<'_>) -> Result<Vec<Candle>, Failure> {
    read::<Vec<Vec<serde_json::Value>>>(received)?
        .iter()
        .map(|row| {
            let ms = |i: usize| row.get(i).and_then(serde_json::Value::as_i64).ok_or_else(|| senseless("candle time"));
            let text = |i: usize| row.get(i).and_then(serde_json::Value::as_str).ok_or_else(|| senseless("candle"));
            let price = |i: usize| Price::parse(text(i)?).map_err(|_| senseless("candle price"));
            Ok(Candle {
                open_time: MarketTime::from_ms(ms(0)?),
                // Binance's close time is the candle's last millisecond; ours is the next candle's open time.
                close_time: MarketTime::from_ms(ms(6)?.saturating_add(1)),
                open: price(1)?,
                high: price(2)?,
                low: price(3)?,
                close: price(4)?,
                volume: Quantity::parse(text(5)?).map_err(|_| senseless("candle volume"))?,
            })
        })
        .collect()
}

#[derive(serde::Deserialize)]
struct Ticker {
    price: String,
}

/// Reads the last price of one pair.
pub fn last_price(received: Received<'_>) -> Result<Price, Failure> {
    Price::parse(&read::<Ticker>(received)?.price).map_err(|_| senseless("price"))
}

/// A pair with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRules {
    /// The pair.
    pub pair: Pair,
    /// Steps and minimum.
    pub rules: SymbolRules,
    /// Whether orders are matched.
    pub status: SymbolStatus,
}

#[derive(serde::Deserialize)]
struct Info {
    symbols: Vec<Symbol>,
}
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Symbol {
    status: String,
    base_asset: String,
    quote_asset: String,
    filters: Vec<Filter>,
}
#[derive(serde::Deserialize)]
#[serde(tag = "filterType")]
enum Filter {
    #[serde(rename = "PRICE_FILTER", rename_all = "camelCase")]
    Price { tick_size: String },
    #[serde(rename = "LOT_SIZE", rename_all = "camelCase")]
    Lot { step_size: String },
    #[serde(rename = "NOTIONAL", alias = "MIN_NOTIONAL", rename_all = "camelCase")]
    Notional { min_notional: String },
    #[serde(other)]
    Other,
}

/// Reads pairs. A symbol whose names are not ours to trade (other letters, no steps) is left out, not an error: exchanges
/// list thousands.
pub fn pairs(received: Received<'_>) -> Result<Vec<PairRules>, Failure> {
    Ok(read::<Info>(received)?.symbols.into_iter().filter_map(rules).collect())
}

fn rules(symbol: Symbol) -> Option<PairRules> {
    let pair = format!("{}-{}", symbol.base_asset, symbol.quote_asset).parse().ok()?;
    let (mut tick, mut lot, mut notional_min) = (None, None, Amount::ZERO);
    for filter in &symbol.filters {
        match filter {
            Filter::Price { tick_size } => tick = Tick::parse(tick_size).ok(),
            Filter::Lot { step_size } => lot = Lot::parse(step_size).ok(),
            Filter::Notional { min_notional } => notional_min = Amount::parse(min_notional).ok()?,
            Filter::Other => {}
        }
    }
    // HALT, BREAK, CANCEL_ONLY and whatever comes next: nothing is placed.
    let status = if symbol.status == "TRADING" { SymbolStatus::Trading } else { SymbolStatus::Break };
    Some(PairRules { pair, rules: SymbolRules { tick: tick?, lot: lot?, notional_min }, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(body: &str) -> Received<'_> {
        Received { status: 200, retry_after_s: None, body: body.as_bytes() }
    }

    #[test]
    fn a_candle_ends_where_the_next_begins() {
        let body = r#"[[1747699200000,"105000.1","105100","104900","105050","12.5",1747699259999,"1312500",100,"6","600000","0"]]"#;
        let candle = candles(ok(body)).expect("readable").remove(0);
        assert_eq!((candle.open_time.ms(), candle.close_time.ms()), (1_747_699_200_000, 1_747_699_260_000));
        assert_eq!((candle.low.to_string(), candle.volume.to_string()), ("104900".into(), "12.5".into()));
    }
    #[test]
    fn a_candle_that_is_cut_or_priced_at_zero_is_no_candle() {
        for body in ["[[1]]", r#"[[1747699200000,"0","1","1","1","1",1747699259999]]"#, "[", "{}"] {
            assert!(matches!(candles(ok(body)), Err(Failure::Unknown { .. })), "{body}");
        }
    }
    #[test]
    fn a_pair_has_its_steps_and_a_halted_one_does_not_trade() {
        let body = r#"{"symbols":[
            {"status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},
              {"filterType":"LOT_SIZE","stepSize":"0.00001"},{"filterType":"NOTIONAL","minNotional":"5"},{"filterType":"NEW_ONE","x":1}]},
            {"status":"CANCEL_ONLY","baseAsset":"ETH","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},
              {"filterType":"LOT_SIZE","stepSize":"0.0001"}]},
            {"status":"TRADING","baseAsset":"币安","quoteAsset":"USDT","filters":[]}]}"#;
        let found = pairs(ok(body)).expect("readable");
        assert_eq!(
            found.iter().map(|p| (p.pair.to_string(), p.status)).collect::<Vec<_>>(),
            [("BTC-USDT".to_owned(), SymbolStatus::Trading), ("ETH-USDT".to_owned(), SymbolStatus::Break)]
        );
        assert_eq!(found[0].rules.notional_min.to_string(), "5");
    }
}
