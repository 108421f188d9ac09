//! Runs the worked numbers under `tests/vectors/paper`: a new case is a line of JSON and no Rust.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use paper::fee::fee_on;
use paper::path::{PRINTS, prints};
use serde_json::Value;
use strategy::market::{Candle, MarketTime};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/vectors/paper/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["cases"].as_array().unwrap().clone()
}
fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

#[test]
fn fees_are_a_share_of_what_is_received_rounded_up_to_8_decimals() {
    for case in cases("fees.json") {
        let fee = fee_on(text(&case, "received").parse().unwrap(), text(&case, "rate_pct").parse().unwrap());
        assert_eq!(fee.to_string(), text(&case, "fee"), "{}", case["id"]);
    }
}

#[test]
fn a_candle_becomes_the_written_path() {
    for case in cases("paths.json") {
        let price = |field: &str| text(&case, field).parse().unwrap();
        let candle = Candle {
            open_time: MarketTime::from_ms(60_000),
            close_time: MarketTime::from_ms(120_000),
            open: price("open"),
            high: price("high"),
            low: price("low"),
            close: price("close"),
            volume: text(&case, "volume").parse().unwrap(),
        };
        let path = prints(&candle, text(&case, "tick").parse().unwrap()).unwrap();
        let walked: Vec<String> = path.iter().map(|print| print.price.to_string()).collect();
        let written: Vec<&str> = case["prices"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        assert_eq!(walked, written, "{}", case["id"]);
        assert_eq!(path.len(), PRINTS, "{}", case["id"]);
        let volume: rust_decimal::Decimal = path.iter().map(|print| print.volume).sum();
        assert_eq!(volume, candle.volume.decimal(), "{}", case["id"]);
        assert!(
            path.iter().all(|print| candle.open_time <= print.at && print.at < candle.close_time),
            "{}",
            case["id"]
        );
    }
}
