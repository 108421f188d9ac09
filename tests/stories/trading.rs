//! A DCA deal on hand-made candles, to the last digit: through HTTP, tick, trader, signer and the paper exchange.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tests::world::{Browser, FakeClock, Owner, World, dca};

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("no decimal: {value}")).parse().unwrap()
}
fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An owner with a key and this bot, started; the market has one candle at 60,000.
async fn starts(world: &World, change: impl FnOnce(&mut Value)) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    let mut form = dca(&owner.connection);
    change(&mut form);
    owner.starts_a_bot(&form).await;
    world.drain().await;
    owner
}

/// All deals of a bot, oldest first, in full.
async fn deals(who: &Browser, bot: &str) -> Vec<Value> {
    let listed = who.get(&format!("/v1/bots/{bot}/deals")).await.ok();
    let mut all = Vec::new();
    for deal in listed["items"].as_array().expect("a list") {
        all.push(who.get(&format!("/v1/deals/{}", deal["id"].as_str().expect("an id"))).await.ok());
    }
    all.sort_by_key(|deal| deal["started_at"].to_string());
    all
}

/// The orders of a deal as `role level side price quantity status executed`, sorted: what happened, without ids.
fn orders(deal: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines: Vec<_> = deal["orders"]
        .as_array()
        .expect("orders")
        .iter()
        .map(|order| {
            let parts =
                ["role", "level", "side", "price", "quantity", "status", "executed"].map(|field| text(&order[field]));
            parts.join(" ").replace("null", "market")
        })
        .collect();
    lines.sort();
    lines
}

/// Every order says why it was placed, and the timeline why everything else was done.
fn has_a_reason(deal: &Value) {
    for order in deal["orders"].as_array().expect("orders") {
        assert!(order["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{order}");
    }
    let placed = deal["orders"].as_array().map_or(0, Vec::len);
    let told = deal["timeline"].as_array().expect("a timeline");
    assert!(
        told.iter().all(|line| line["code"].is_string() && line["text"].as_str().is_some_and(|text| !text.is_empty())),
        "{told:?}"
    );
    let placements =
        told.iter().filter(|line| line["code"].as_str().is_some_and(|code| code.contains("placed"))).count();
    assert!(placements >= placed, "{placements} told, {placed} placed: {told:#?}");
}

/// The exchange's own books: free and locked of an asset.
async fn balance(world: &World, asset: &str) -> Decimal {
    let items = world.dump("paper").await;
    let account = items.iter().find(|item| item["sk"] == "ACCOUNT").expect("the account");
    let state: Value = serde_json::from_str(account["state"].as_str().expect("a state")).expect("JSON");
    let of = |part: &str| state["balances"][asset][part].as_str().map_or(Decimal::ZERO, number);
    of("free") + of("locked")
}

/// start + realised + unrealised = now, fees net, on the balances of the exchange itself (P6).
async fn figures_add_up(world: &World, who: &Browser, bot: &str) {
    let last = number(&world.tape.lock().unwrap().last());
    let net = last * number("0.999");
    let (mut realised, mut unrealised, mut cash) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for deal in deals(who, bot).await {
        let (held, cost, proceeds) = (decimal(&deal["held"]), decimal(&deal["cost"]), decimal(&deal["proceeds"]));
        let average = deal["average"].as_str().map_or(Decimal::ZERO, number);
        realised += decimal(&deal["net_profit"]);
        unrealised += net * held - average * held;
        cash += proceeds - cost;
        // No order sells more than is held.
        let sold: Decimal = deal["orders"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|order| order["side"] == "sell")
            .map(|order| decimal(&order["executed"]))
            .sum();
        assert!(sold <= decimal(&deal["bought"]), "{deal}");
        let open_sells: Decimal = deal["open_orders"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|order| order["side"] == "sell")
            .map(|order| decimal(&order["quantity"]) - decimal(&order["executed"]))
            .sum();
        assert!(open_sells <= held, "{open_sells} offered, {held} held: {deal}");
    }
    let (usdt, btc) = (balance(world, "USDT").await, balance(world, "BTC").await);
    let start = number("10000");
    assert_eq!(start + cash, usdt, "what was paid and received, to the last digit");
    // The average is a quotient of 28 digits; the sum is exact to 18 decimals.
    assert_eq!(
        (start + realised + unrealised).round_dp(18),
        (usdt + btc * net).round_dp(18),
        "start + realised + unrealised = now"
    );
}

#[tokio::test]
async fn a_deal_opens_averages_twice_takes_profit_and_the_next_one_starts_after_the_cooldown() {
    let world = World::seeded(501);
    let owner = starts(&world, |form| form["limits"]["cooldown_s"] = json!(120)).await;
    // The base order arrives at the open of the next minute: half a spread above 60,000. 100 / 60000 up to the lot.
    world.quiet_minutes(1).await;
    let deal = owner.deal().await;
    assert_eq!(
        orders(&deal),
        [
            "averaging 1 buy 59459.46 0.00169 open 0",
            "averaging 2 buy 58858.86 0.0017 open 0",
            "base 0 buy market 0.00167 filled 0.00167",
            "take_profit 0 sell 60721.4 0.00166 open 0",
        ]
    );
    // 0.00167 - 0.1 % of it; 0.00167 * 60000.01.
    assert_eq!((decimal(&deal["bought"]), decimal(&deal["cost"])), (number("0.00166833"), number("100.2000167")));
    figures_add_up(&world, &owner, &owner.bot).await;

    // Averaging 1: the old take profit is cancelled before the new one is placed, and averaging 3 follows.
    world.candle("59390", "60000", "59400").await;
    let deal = owner.deal().await;
    assert_eq!(
        orders(&deal),
        [
            "averaging 1 buy 59459.46 0.00169 filled 0.00169",
            "averaging 2 buy 58858.86 0.0017 open 0",
            "averaging 3 buy 58258.26 0.00172 open 0",
            "base 0 buy market 0.00167 filled 0.00167",
            "take_profit 0 sell 60446.24 0.00335 open 0",
            "take_profit 0 sell 60721.4 0.00166 cancelled 0",
        ]
    );
    assert_eq!((decimal(&deal["bought"]), decimal(&deal["cost"])), (number("0.00335664"), number("200.6865041")));
    the_cancel_came_first(&world).await;
    figures_add_up(&world, &owner, &owner.bot).await;

    world.candle("58790", "59400", "58800").await;
    let deal = owner.deal().await;
    assert!(orders(&deal).contains(&"take_profit 0 sell 60150.69 0.00505 open 0".to_owned()), "{deal}");
    assert_eq!((decimal(&deal["bought"]), decimal(&deal["cost"])), (number("0.00505494"), number("300.7465661")));
    the_cancel_came_first(&world).await;
    figures_add_up(&world, &owner, &owner.bot).await;

    // Take profit: 0.00505 * 60150.69 less 0.1 %, rounded up to 8 decimals: 303.7609845 - 0.30376099.
    world.candle("58800", "60500", "60000").await;
    let deal = owner.deal().await;
    assert_eq!((deal["status"].as_str(), deal["outcome"].as_str()), (Some("closed"), Some("take_profit")));
    assert_eq!(
        orders(&deal),
        [
            "averaging 1 buy 59459.46 0.00169 filled 0.00169",
            "averaging 2 buy 58858.86 0.0017 filled 0.0017",
            "averaging 3 buy 58258.26 0.00172 cancelled 0",
            "base 0 buy market 0.00167 filled 0.00167",
            "take_profit 0 sell 60150.69 0.00505 filled 0.00505",
            "take_profit 0 sell 60446.24 0.00335 cancelled 0",
            "take_profit 0 sell 60721.4 0.00166 cancelled 0",
        ]
    );
    assert_eq!(
        (decimal(&deal["proceeds"]), decimal(&deal["held"]), decimal(&deal["dust"])),
        (number("303.45722351"), number("0.00000494"), number("0.00000494"))
    );
    // 303.45722351 - 300.7465661 / 0.00505494 * 0.00505.
    assert_eq!(decimal(&deal["net_profit"]).round_dp(12), number("3.004565554614"));
    has_a_reason(&deal);
    figures_add_up(&world, &owner, &owner.bot).await;

    // The cooldown of two minutes; then the next deal, with the same orders at the same price.
    world.quiet_minutes(1).await;
    assert_eq!(deals(&owner, &owner.bot).await.len(), 1);
    world.quiet_minutes(3).await;
    let all = deals(&owner, &owner.bot).await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        orders(&all[1]),
        [
            "averaging 1 buy 59459.46 0.00169 open 0",
            "averaging 2 buy 58858.86 0.0017 open 0",
            "base 0 buy market 0.00167 filled 0.00167",
            "take_profit 0 sell 60721.4 0.00166 open 0",
        ]
    );
    all.iter().for_each(has_a_reason);
    figures_add_up(&world, &owner, &owner.bot).await;
    world.no_call_was_refused();
}

/// At the exchange: of two take profits the earlier one ended before or when the later one came.
async fn the_cancel_came_first(world: &World) {
    let mut sells: Vec<(u64, String)> = Vec::new();
    for item in world.dump("paper").await {
        let Some(order) = item.get("order").and_then(Value::as_str) else { continue };
        let order: Value = serde_json::from_str(order).unwrap();
        if order["side"] == "sell" {
            sells.push((order["id"].as_u64().unwrap(), order["status"].as_str().unwrap().to_owned()));
        }
    }
    sells.sort();
    let (last, before) = sells.split_last().expect("sells");
    assert_eq!(last.1, "NEW");
    assert!(before.iter().all(|(_, status)| status == "CANCELED" || status == "FILLED"), "{sells:?}");
}

#[tokio::test]
async fn a_stop_by_base_sells_everything_at_market_and_stops_the_bot() {
    let world = World::seeded(502);
    let owner =
        starts(&world, |form| form["stop_loss"] = json!({ "pct": "5", "reference": "base", "then": "stop_bot" })).await;
    world.quiet_minutes(1).await;
    // 60060.07007 * 0.95 = 57057.0665, towards the market: 57057.07. A cent above it nothing happens.
    world.candle("57057.08", "60000", "57057.08").await;
    let deal = owner.deal().await;
    assert_eq!(deal["status"], "open", "{deal}");
    world.candle("57057.07", "57057.08", "57057.07").await;
    assert_eq!(owner.deal().await["status"], "exiting");
    world.quiet_minutes(2).await;
    let deal = owner.deal().await;
    assert_eq!((deal["status"].as_str(), deal["outcome"].as_str()), (Some("closed"), Some("stop_loss")), "{deal}");
    assert!(decimal(&deal["net_profit"]) < Decimal::ZERO);
    assert!(decimal(&deal["held"]) < number("0.00001"), "less than a lot is left: {deal}");
    assert_eq!(deal["open_orders"], json!([]));
    has_a_reason(&deal);
    figures_add_up(&world, &owner, &owner.bot).await;
    let bot = owner.get(&format!("/v1/bots/{}", owner.bot)).await.ok();
    assert_eq!(bot["bot"]["status"].as_str().or(bot["status"].as_str()), Some("stopped"), "{bot}");
    world.quiet_minutes(3).await;
    assert_eq!(deals(&owner, &owner.bot).await.len(), 1, "no next deal");
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_stop_by_average_moves_with_the_average_and_keeps_the_bot_running() {
    for (reference, stops_at_58700) in [("base", true), ("average", false)] {
        let world = World::seeded(503);
        let owner = starts(&world, |form| {
            form["averaging"]["count"] = json!(1);
            form["averaging"]["active"] = json!(1);
            form["stop_loss"] = json!({ "pct": "2", "reference": reference, "then": "keep_running" });
        })
        .await;
        world.quiet_minutes(1).await;
        // Averaging 1 at 59459.46 moves the average to 59787.91: 2 % below is 58592.16; of the base 58858.87.
        world.candle("59400", "60000", "59400").await;
        world.candle("58700", "59400", "58700").await;
        assert_eq!(owner.deal().await["status"] == "exiting", stops_at_58700, "{reference}");
        world.candle("58592.16", "58700", "58592.16").await;
        world.quiet_minutes(3).await;
        let all = deals(&owner, &owner.bot).await;
        assert_eq!(all[0]["outcome"], "stop_loss", "{reference}: {}", all[0]);
        assert_eq!(all.len(), 2, "{reference}: the bot keeps running");
        figures_add_up(&world, &owner, &owner.bot).await;
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn stopping_lets_a_deal_finish_cancels_it_or_closes_it() {
    for (how, status, outcome) in [
        ("finish", "open", None),
        ("cancel", "closed", Some("cancelled")),
        ("close", "closed", Some("closed_by_owner")),
    ] {
        let world = World::seeded(504);
        let owner = starts(&world, |_| {}).await;
        world.quiet_minutes(1).await;
        let before = owner.deal().await;
        owner.post(&format!("/v1/bots/{}/stop", owner.bot), &json!({ "deals": how })).await.ok();
        world.drain().await;
        world.quiet_minutes(2).await;
        let deal = owner.deal().await;
        assert_eq!(deal["status"], status, "{how}: {deal}");
        if outcome.is_some() {
            assert!(deal["outcome"].is_string(), "{how}: {deal}");
            assert_eq!(deal["open_orders"], json!([]), "{how}");
        }
        let kept = decimal(&deal["held"]);
        match how {
            "finish" => assert_eq!(deal["open_orders"], before["open_orders"], "nothing changes for the deal"),
            "cancel" => assert_eq!(kept, number("0.00166833"), "the coins stay"),
            _ => assert!(kept < number("0.00001"), "sold: {deal}"),
        }
        has_a_reason(&deal);
        figures_add_up(&world, &owner, &owner.bot).await;
        // FINISHING goes on averaging and takes profit; then no next deal starts.
        world.candle("59400", "60000", "59400").await;
        world.candle("59400", "60500", "60400").await;
        world.quiet_minutes(3).await;
        let all = deals(&owner, &owner.bot).await;
        assert_eq!(all.len(), 1, "{how}: no next deal");
        assert_eq!(all[0]["status"], "closed", "{how}");
        if how == "finish" {
            assert_eq!(all[0]["outcome"], "take_profit");
            assert!(orders(&all[0]).iter().any(|order| order.starts_with("averaging 1") && order.contains("filled")));
        }
        figures_add_up(&world, &owner, &owner.bot).await;
        world.no_call_was_refused();
    }
}

/// The rest of a deal from its first averaging order on.
async fn goes_on(world: &World) {
    world.candle("58790", "59400", "58800").await;
    world.quiet_minutes(1).await;
    world.candle("58800", "60500", "60000").await;
    world.quiet_minutes(3).await;
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_deal_changes_nothing() {
    let straight = {
        let world = World::seeded(505);
        let owner = starts(&world, |form| form["limits"]["stop_after_deals"] = json!(1)).await;
        world.quiet_minutes(1).await;
        world.candle("59390", "60000", "59400").await;
        goes_on(&world).await;
        deals(&owner, &owner.bot).await
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at_noon());
    let (bot, token, tape) = {
        let world = World::in_folder(505, folder.path(), clock.clone());
        let owner = starts(&world, |form| form["limits"]["stop_after_deals"] = json!(1)).await;
        world.quiet_minutes(1).await;
        world.candle("59390", "60000", "59400").await;
        let tape = std::mem::replace(&mut *world.tape.lock().unwrap(), tests::world::CandleTape::new(1));
        (owner.bot.clone(), owner.token.clone(), tape)
    };
    let world = World::in_folder(506, folder.path(), clock);
    *world.tape.lock().unwrap() = tape;
    let mut owner = world.stranger("owner@example.org");
    owner.token = token;
    goes_on(&world).await;
    let restarted = deals(&owner, &bot).await;
    assert_eq!(restarted.len(), straight.len());
    for (one, other) in straight.iter().zip(&restarted) {
        assert_eq!(orders(one), orders(other));
        for figure in [
            "status",
            "outcome",
            "bought",
            "cost",
            "sold",
            "proceeds",
            "held",
            "net_profit",
            "dust",
            "started_at",
            "closed_at",
        ] {
            assert_eq!(one[figure], other[figure], "{figure}");
        }
        let told = |deal: &Value| {
            deal["timeline"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| format!("{} {}", line["market_at"], line["text"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(one), told(other));
    }
    figures_add_up(&world, &owner, &bot).await;
    world.no_call_was_refused();
}

/// What stops entries, and is switched on by hand of an auditor in the first landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brake {
    Kill,
    Gate,
    Freeze,
}

async fn pulls(world: &World, brake: Brake) {
    use aws_sdk_dynamodb::types::AttributeValue::{Bool, N, S};
    let client =
        aws_sdk_dynamodb::Client::new(&world.machine.emulators().sdk_config(emulators::Caller::owner("auditor")));
    let user = world.dump("identity").await.into_iter().find(|item| item["sk"] == "STATE").expect("the user")["pk"]
        .as_str()
        .unwrap()
        .to_owned();
    match brake {
        Brake::Kill => {
            client
                .put_item()
                .table_name("shearpin-trading")
                .item("pk", S(user))
                .item("sk", S("KILL".into()))
                .item("on", Bool(true))
                .send()
                .await
                .expect("put");
        }
        Brake::Gate => {
            client
                .put_item()
                .table_name("shearpin-trading")
                .item("pk", S("GATE".into()))
                .item("sk", S("ALL".into()))
                .item("closed", Bool(true))
                .send()
                .await
                .expect("put");
        }
        Brake::Freeze => {
            client
                .update_item()
                .table_name("shearpin-identity")
                .key("pk", S(user))
                .key("sk", S("STATE".into()))
                .update_expression("SET frozen_until = :far, frozen_why = :why")
                .expression_attribute_values(":far", N("253402214400000".into()))
                .expression_attribute_values(":why", S("administrator".into()))
                .send()
                .await
                .expect("updated");
        }
    }
}

async fn opens_the_gate(world: &World) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let client =
        aws_sdk_dynamodb::Client::new(&world.machine.emulators().sdk_config(emulators::Caller::owner("auditor")));
    client
        .delete_item()
        .table_name("shearpin-trading")
        .key("pk", S("GATE".into()))
        .key("sk", S("ALL".into()))
        .send()
        .await
        .expect("deleted");
}

#[tokio::test]
async fn kill_switch_and_freeze_refuse_entries_and_let_exits_go_on() {
    for brake in [Brake::Kill, Brake::Freeze] {
        let world = World::seeded(507);
        let owner = starts(&world, |_| {}).await;
        world.quiet_minutes(1).await;
        pulls(&world, brake).await;
        // Averaging 1, which rests already, fills: the exit follows it, and averaging 3 is refused.
        world.candle("59390", "60000", "59400").await;
        world.quiet_minutes(2).await;
        let deal = owner.deal().await;
        let lines = orders(&deal);
        assert!(lines.contains(&"take_profit 0 sell 60446.24 0.00335 open 0".to_owned()), "{brake:?}: {lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("averaging 3")), "{brake:?}: {lines:?}");
        let refused: Vec<_> = world.placements().await.into_iter().filter(|item| item["state"] == "REFUSED").collect();
        // The trader looks at the switch itself, and takes the other resting entry back; of a freeze only the signer knows.
        assert_eq!(refused.is_empty(), brake == Brake::Kill, "{brake:?}: {refused:?}");
        assert!(
            refused.iter().all(|item| item["why"].as_str().is_some_and(|why| why.contains("no new positions"))),
            "{brake:?}: {refused:?}"
        );
        // The take profit ends the deal, and no base order follows.
        world.candle("59400", "60500", "60400").await;
        world.quiet_minutes(3).await;
        let all = deals(&owner, &owner.bot).await;
        assert_eq!(all[0]["outcome"], "take_profit", "{brake:?}");
        assert!(all.iter().skip(1).all(|deal| decimal(&deal["bought"]).is_zero()), "{brake:?}: {all:?}");
        figures_add_up(&world, &owner, &owner.bot).await;
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn a_closed_gate_lets_no_order_out_and_what_waits_goes_on_when_it_opens() {
    let world = World::seeded(508);
    let owner = starts(&world, |_| {}).await;
    world.quiet_minutes(1).await;
    pulls(&world, Brake::Gate).await;
    let sent = world.exchange.count(exchange::Endpoint::PlaceOrder);
    world.candle("59390", "60000", "59400").await;
    world.candle("58790", "59400", "58800").await;
    world.quiet_minutes(1).await;
    assert_eq!(world.exchange.count(exchange::Endpoint::PlaceOrder), sent, "nothing is sent");
    assert_eq!(owner.get(&format!("/v1/bots/{}", owner.bot)).await.status.as_u16(), 200, "everything can be looked at");
    opens_the_gate(&world).await;
    for _ in 0..4 {
        world.after(61).await;
        world.sweep().await;
        world.quiet_minutes(1).await;
    }
    let deal = owner.deal().await;
    let lines = orders(&deal);
    assert!(lines.contains(&"take_profit 0 sell 60150.69 0.00505 open 0".to_owned()), "{lines:?}");
    figures_add_up(&world, &owner, &owner.bot).await;
    world.no_call_was_refused();
}
