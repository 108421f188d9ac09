//! The door's faults, one replaced text at a time.

use super::*;

const WHOLE: &str = r#"{
    "kind": "dca", "name": "eth ladder", "connection": "con_1", "pair": "ETH-USDT", "direction": "long",
    "base_order": {"amount": "80", "unit": "quote", "type": "limit"},
    "averaging": {"amount": "30", "unit": "quote",
                  "count": 3, "active": 2, "deviation_pct": "1", "step_scale": "4", "volume_scale": "1.7",
                  "reference": "base"},
    "reference_price": "fill_with_fee",
    "take_profit": {"pct": "1", "of": "total", "trailing_pct": null, "steps": []},
    "stop_loss": {"pct": "22", "reference": "base", "then": "keep_running", "timeout_s": null, "trailing": false},
    "start": {"when": "immediately"},
    "limits": {"deals": 1, "cooldown_s": 0, "stop_after_deals": null}
}"#;

/// Replaces one text of the whole form and names the faults as `pointer code`.
fn check(replace: &str, with: &str, expected: &[&str]) {
    assert!(WHOLE.contains(replace), "{replace}");
    let form: BotForm = serde_json::from_str(&WHOLE.replacen(replace, with, 1)).unwrap();
    let faults = form.parse().err().unwrap_or_default();
    let found: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect();
    assert_eq!(found, expected, "{replace} -> {with}");
}

#[test]
fn the_documented_form_is_taken_and_comes_back_the_same() {
    let form: BotForm = serde_json::from_str(WHOLE).unwrap();
    let settings = form.parse().unwrap();
    let written = serde_json::to_string(&settings.to_form()).unwrap();
    let again: BotForm = serde_json::from_str(&written).unwrap();
    assert_eq!(again.parse().unwrap(), settings);
    let stored = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<BotSettings>(&stored).unwrap(), settings);
    let Strategy::Dca(config) = &settings.strategy;
    assert_eq!(DcaConfig::parse(&config.to_form()).as_ref(), Ok(config));
    assert_eq!(config.averaging.as_ref().map(|a| (a.count, a.active)), Some((3, 2)));
}

#[test]
fn numbers_where_decimal_strings_belong_are_refused_at_their_pointer() {
    check(r#""amount": "80""#, r#""amount": 80"#, &["/base_order/amount not_a_string"]);
    check(r#""pct": "22""#, r#""pct": 22.5"#, &["/stop_loss/pct not_a_string"]);
    check(r#""amount": "80""#, r#""amount": "8e1""#, &["/base_order/amount not_a_number"]);
    check(r#""count": 3"#, r#""count": "3""#, &["/averaging/count not_whole"]);
    check(r#""count": 3"#, r#""count": -3"#, &["/averaging/count not_whole"]);
}

#[test]
fn every_range_has_both_its_ends() {
    for absurd in ["0", "-5"] {
        check(r#""amount": "80""#, &format!(r#""amount": "{absurd}""#), &["/base_order/amount out_of_range"]);
    }
    let many = r#""amount": "99999999999999999999""#;
    check(r#""amount": "80""#, many, &["/base_order/amount out_of_range"]);
    check(r#""count": 3"#, r#""count": 201"#, &["/averaging/count out_of_range"]);
    check(r#""active": 2"#, r#""active": 4"#, &["/averaging/active out_of_range"]);
    check(r#""active": 2"#, r#""active": 0"#, &["/averaging/active out_of_range"]);
    check(r#""step_scale": "4""#, r#""step_scale": "0.09""#, &["/averaging/step_scale out_of_range"]);
    check(r#""step_scale": "4""#, r#""step_scale": "0.1""#, &[]);
    check(r#""volume_scale": "1.7""#, r#""volume_scale": "10.01""#, &["/averaging/volume_scale out_of_range"]);
    check(r#""volume_scale": "1.7""#, r#""volume_scale": "10""#, &[]);
    check(r#""deviation_pct": "1""#, r#""deviation_pct": "0""#, &["/averaging/deviation_pct out_of_range"]);
    check(r#""deviation_pct": "1""#, r#""deviation_pct": "100""#, &["/averaging/deviation_pct out_of_range"]);
    check(r#""pct": "1""#, r#""pct": "0""#, &["/take_profit/pct out_of_range"]);
    check(r#""pct": "22""#, r#""pct": "100""#, &["/stop_loss/pct out_of_range"]);
    check(r#""pct": "22""#, r#""pct": "0""#, &[]);
    check(r#""cooldown_s": 0"#, r#""cooldown_s": 2592001"#, &["/limits/cooldown_s out_of_range"]);
    check(r#""cooldown_s": 0"#, r#""cooldown_s": 2592000"#, &[]);
    let deals = r#""stop_after_deals": null"#;
    check(deals, r#""stop_after_deals": 0"#, &["/limits/stop_after_deals out_of_range"]);
    check(r#""name": "eth ladder""#, r#""name": """#, &["/name out_of_range"]);
}

#[test]
fn what_is_not_built_yet_is_refused_by_name() {
    check(r#""direction": "long""#, r#""direction": "short""#, &["/direction not_supported_yet"]);
    check(r#""kind": "dca""#, r#""kind": "grid""#, &["/kind not_supported_yet"]);
    check(r#""trailing_pct": null"#, r#""trailing_pct": "5""#, &["/take_profit/trailing_pct not_supported_yet"]);
    check(r#""steps": []"#, r#""steps": [{"pct": "1"}]"#, &["/take_profit/steps not_supported_yet"]);
    check(r#""timeout_s": null"#, r#""timeout_s": 60"#, &["/stop_loss/timeout_s not_supported_yet"]);
    check(r#""trailing": false"#, r#""trailing": true"#, &["/stop_loss/trailing not_supported_yet"]);
    check(r#""unit": "quote""#, r#""unit": "percent""#, &["/base_order/unit not_supported_yet"]);
    check(r#""deals": 1"#, r#""deals": 2"#, &["/limits/deals not_supported_yet"]);
    check(r#""when": "immediately""#, r#""when": "signal""#, &["/start/when not_supported_yet"]);
    let custom = r#""reference": "base", "steps": [{"deviation": "1"}]}"#;
    check(r#""reference": "base"}"#, custom, &["/averaging/steps not_supported_yet"]);
}

#[test]
fn words_that_nobody_knows_and_settings_without_default_are_named_all_at_once() {
    check(r#""direction": "long""#, r#""direction": "up""#, &["/direction unknown_value"]);
    check(r#""pair": "ETH-USDT""#, r#""pair": "ETHUSDT""#, &["/pair unknown_value"]);
    let faults = BotForm::default().parse().unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect();
    let required = ["/kind", "/name", "/pair", "/base_order/amount", "/take_profit"];
    assert_eq!(found, required.map(|pointer| format!("{pointer} required")));
    assert!(serde_json::from_str::<BotForm>(r#"{"kind": "dca", "leverage": "3"}"#).is_err());
    assert!(serde_json::from_str::<BotForm>(r#"{"limits": {"speed": 1}}"#).is_err());
}

#[test]
fn a_ladder_that_would_cost_more_than_money_exists_is_refused() {
    let ladder = r#""count": 30, "active": 2, "deviation_pct": "0.01", "step_scale": "1", "volume_scale": "10""#;
    let old = r#""count": 3, "active": 2, "deviation_pct": "1", "step_scale": "4", "volume_scale": "1.7""#;
    check(old, ladder, &["/averaging/volume_scale ladder_too_expensive"]);
}
