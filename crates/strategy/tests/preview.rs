//! The preview says before the start what the deal will do, and warns where it will not.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use strategy::config::{BotForm, Strategy};
use strategy::market::{FeeAsset, Fees, SymbolRules};
use strategy::money::{Amount, Lot, Percent, Price, Tick};
use strategy::preview::{Preview, preview};

fn report(averaging: &str, stop: &str, base: &str, minimum: &str) -> Preview {
    let text = format!(
        r#"{{"kind": "dca", "name": "n", "pair": "ETH-USDT", "base_order": {{"amount": "{base}"}},
            "averaging": {averaging}, "take_profit": {{"pct": "1"}}, "stop_loss": {stop}}}"#
    );
    let settings = serde_json::from_str::<BotForm>(&text).unwrap().parse().unwrap();
    let strategy: &Strategy = &settings.strategy;
    let rules = SymbolRules {
        tick: Tick::parse("0.01").unwrap(),
        lot: Lot::parse("0.001").unwrap(),
        notional_min: Amount::parse(minimum).unwrap(),
    };
    let fee = Percent::parse("0.1").unwrap();
    let fees = Fees { maker: fee, taker: fee, asset: FeeAsset::Quote };
    preview(strategy, rules, fees, Price::parse("100").unwrap()).unwrap()
}
fn codes(report: &Preview) -> Vec<&'static str> {
    report.warnings.iter().map(|warning| warning.code).collect()
}

const LADDER: &str = r#"{"amount": "100", "count": 3, "deviation_pct": "1"}"#;

#[test]
fn the_answer_has_the_shape_of_the_contract_with_decimal_strings() {
    let report = report(LADDER, r#"{"pct": "10"}"#, "100", "5");
    assert_eq!(codes(&report), [""; 0]);
    assert!(report.can_start());
    let json = serde_json::to_value(&report).unwrap();
    let expected = serde_json::json!({
        "role": "averaging", "level": 1, "side": "buy", "price": "99.09", "quantity": "1.01", "value": "100.0809",
        "deviation_pct": "1"
    });
    assert_eq!(json["orders"][2], expected);
    assert_eq!(json["orders"][0]["role"], "base");
    assert_eq!(json["orders"][1]["role"], "take_profit");
    assert_eq!(json["orders"][1]["deviation_pct"], serde_json::Value::Null);
    assert_eq!(json["funds"]["base"], "0");
    assert_eq!(json["stop_loss"], "90.09");
    assert_eq!(json["cadence"][2]["what"], "stop_loss");
    assert_eq!(json["cadence"][2]["native"], false);
    // Every order filled, then everything sold at the stop, net of the exit fee.
    let value = |i: usize| json["orders"][i]["value"].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
    let held = |i: usize| json["orders"][i]["quantity"].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
    let decimal = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap();
    let cost: rust_decimal::Decimal = [0, 2, 3, 4].map(value).iter().sum::<rust_decimal::Decimal>() * decimal("1.001");
    let sold = [0, 2, 3, 4].map(held).iter().sum::<rust_decimal::Decimal>() * decimal("90.09") * decimal("0.999");
    assert_eq!(report.worst_case_loss.decimal(), cost - sold);
    assert_eq!(report.funds.quote.decimal(), cost);
}

#[test]
fn without_a_stop_everything_can_be_lost() {
    let report = report(LADDER, "null", "100", "5");
    assert_eq!(codes(&report), ["no_stop_loss"]);
    assert_eq!(report.worst_case_loss, report.funds.quote);
    assert_eq!(report.stop_loss, None);
}

#[test]
fn orders_under_the_minimum_are_named_with_the_amount_that_would_do() {
    let report =
        report(r#"{"amount": "8", "count": 2, "deviation_pct": "1", "volume_scale": "0.5"}"#, "null", "4", "5");
    assert!(!report.can_start());
    assert_eq!(codes(&report), ["below_minimum", "below_minimum", "take_profit_below_minimum", "no_stop_loss"]);
    assert!(report.warnings[0].detail.contains("base_order.amount to at least 5"), "{:?}", report.warnings[0]);
    // Order 2 needs 0.051 at 98.09, which is 5.00259; its size is half of the first.
    assert!(report.warnings[1].detail.contains("at least 10.00518"), "{:?}", report.warnings[1]);
}

#[test]
fn orders_below_the_stop_and_beyond_one_hundred_percent_are_counted() {
    let below = report(LADDER, r#"{"pct": "1.5"}"#, "100", "5");
    assert_eq!(codes(&below), ["orders_below_stop_loss"]);
    assert!(below.warnings[0].detail.starts_with("2 "));
    let beyond = report(r#"{"amount": "100", "count": 5, "deviation_pct": "40"}"#, r#"{"pct": "90"}"#, "100", "5");
    assert_eq!(codes(&beyond), ["ladder_beyond_100_percent"]);
    assert!(beyond.warnings[0].detail.contains("2 of 5"));
    let same = report(r#"{"amount": "100", "count": 5, "deviation_pct": "0.001"}"#, r#"{"pct": "90"}"#, "100", "5");
    assert_eq!(codes(&same), ["orders_share_a_price"]);
}
