//! Fills in parts: a thin market gives an order piece by piece, and every piece counts once.

use rust_decimal::Decimal;
use serde_json::Value;
use tests::world::{Owner, World, dca};

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("no decimal: {value}")).parse().unwrap()
}
fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An owner whose bot has bought its base order; averaging 1 rests at 59459.46.
async fn bought(world: &World) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    let form = dca(&owner.connection);
    owner.starts_a_bot(&form).await;
    world.drain().await;
    world.quiet_minutes(1).await;
    owner
}

/// One market minute with so little volume; a tenth of what prints beyond a price reaches the orders there.
async fn thin(world: &World, low: &str, high: &str, close: &str, volume: &str) {
    let mut minute = world.tape.lock().unwrap().next(&world.pair(), low, high, close);
    minute.candles[0].1.volume = volume.parse().unwrap();
    world.machine.market_minute(&minute).await.expect("the market minute");
}

fn order<'a>(deal: &'a Value, role: &str, open: bool) -> Option<&'a Value> {
    let list = if open { "open_orders" } else { "orders" };
    deal[list]
        .as_array()
        .unwrap()
        .iter()
        .find(|order| order["role"] == role && (role != "averaging" || order["level"] == 1))
}

/// The sums of the deal are those of its orders, and it never offers more than it holds.
fn counts_once(deal: &Value) {
    let sum = |side: &str, of: &dyn Fn(&Value) -> Decimal| {
        deal["orders"].as_array().unwrap().iter().filter(|order| order["side"] == side).map(of).sum::<Decimal>()
    };
    let received = sum("buy", &|order| decimal(&order["executed"]) - decimal(&order["fee_base"]));
    let sold = sum("sell", &|order| decimal(&order["executed"]) + decimal(&order["fee_base"]));
    assert_eq!((received, sold), (decimal(&deal["bought"]), decimal(&deal["sold"])), "{deal}");
    assert_eq!(received - sold, decimal(&deal["held"]));
    let offered: Decimal = deal["open_orders"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|order| order["side"] == "sell")
        .map(|order| decimal(&order["quantity"]) - decimal(&order["executed"]))
        .sum();
    assert!(offered <= decimal(&deal["held"]), "{offered} offered: {deal}");
}

#[tokio::test]
async fn an_averaging_order_that_fills_in_parts_is_one_order_and_the_take_profit_follows_what_is_held() {
    let world = World::seeded(521);
    let owner = bought(&world).await;
    let (mut parts, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        thin(&world, "59459", "60000", "59460", "0.03").await;
        world.quiet_minutes(1).await;
        let deal = owner.deal().await;
        counts_once(&deal);
        let executed = decimal(&order(&deal, "averaging", false).expect("it was placed")["executed"]);
        if parts.last() != Some(&executed) {
            parts.push(executed);
        }
        let target = order(&deal, "take_profit", true).expect("something is offered");
        targets.push((decimal(&target["price"]), decimal(&target["quantity"])));
        // What is offered is what is held, down to the lot.
        assert!(decimal(&deal["held"]) - decimal(&target["quantity"]) < number("0.00001"), "{deal}");
        if executed == number("0.00169") {
            break;
        }
    }
    assert!(
        parts.len() >= 3 && parts.windows(2).all(|pair| pair[0] < pair[1]),
        "in parts, each more than the last: {parts:?}"
    );
    assert_eq!(parts.last(), Some(&number("0.00169")), "and at last whole");
    // The same end as in one piece (the fee of each piece is rounded up to 8 decimals at the exchange).
    let last = targets.last().unwrap();
    assert_eq!(last.1, number("0.00335"));
    assert!((last.0 - number("60446.24")).abs() <= number("1"), "{last:?}");
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_take_profit_that_fills_in_parts_ends_the_deal_once_and_sells_nothing_twice() {
    let world = World::seeded(522);
    let owner = bought(&world).await;
    let mut parts = Vec::new();
    for _ in 0..20 {
        thin(&world, "60000", "60722", "60700", "0.05").await;
        world.quiet_minutes(1).await;
        let deal = owner.deal().await;
        counts_once(&deal);
        let sold = decimal(&deal["sold"]);
        if parts.last() != Some(&sold) {
            parts.push(sold);
        }
        if deal["status"] == "closed" {
            break;
        }
    }
    assert!(parts.len() >= 3, "in parts: {parts:?}");
    let all = owner.get(&format!("/v1/bots/{}/deals", owner.bot)).await.ok();
    let first =
        all["items"].as_array().unwrap().iter().min_by_key(|deal| deal["started_at"].to_string()).unwrap().clone();
    assert_eq!((first["status"].as_str(), first["outcome"].as_str()), (Some("closed"), Some("take_profit")), "{first}");
    assert_eq!(decimal(&first["sold"]), number("0.00166"));
    assert!(decimal(&first["net_profit"]) > Decimal::ZERO, "net of both fees");
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_deal_that_is_left_with_an_order_half_filled_keeps_exactly_what_it_has() {
    let world = World::seeded(523);
    let owner = bought(&world).await;
    thin(&world, "59459", "60000", "59460", "0.1").await;
    world.quiet_minutes(1).await;
    let deal = owner.deal().await;
    let part = decimal(&order(&deal, "averaging", false).unwrap()["executed"]);
    assert!(part > Decimal::ZERO && part < number("0.00169"), "half filled: {part}");
    owner.post(&format!("/v1/bots/{}/stop", owner.bot), &serde_json::json!({ "deals": "cancel" })).await.ok();
    world.drain().await;
    world.quiet_minutes(2).await;
    let deal = owner.deal().await;
    counts_once(&deal);
    assert_eq!(deal["status"], "closed", "{deal}");
    assert_eq!(deal["open_orders"], serde_json::json!([]));
    assert_eq!(decimal(&order(&deal, "averaging", false).unwrap()["executed"]), part);
    let btc = world.dump("paper").await.into_iter().find(|item| item["sk"] == "ACCOUNT").expect("the account");
    let state: Value = serde_json::from_str(btc["state"].as_str().unwrap()).unwrap();
    assert_eq!(decimal(&state["balances"]["BTC"]["free"]), decimal(&deal["held"]), "the exchange agrees");
    world.no_call_was_refused();
}
