//! Orders whose answers are lost: UNKNOWN, found again by their client order id, never sent twice, booked exactly (P3).

use std::collections::BTreeMap;

use account::WallTime;
use exchange::Endpoint;
use serde_json::{Value, json};
use tests::world::{Lost, Owner, World, dca};

/// What happens to an answer after the exchange has accepted the order: the kinds that `wire` tells apart on a socket.
const WAYS: [Lost; 3] = [Lost::Answer, Lost::Body, Lost::Status(502)];

async fn about_to_start(seed: u64) -> (World, Owner) {
    let world = World::seeded(seed);
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    (world, owner)
}
async fn start(world: &World, owner: &mut Owner) {
    let mut form = dca(&owner.connection);
    form["limits"]["stop_after_deals"] = json!(1);
    owner.starts_a_bot(&form).await;
    world.drain().await;
}
/// Minutes in which the market stands still and the sweep works: long enough for the window, its grace, and two looks.
async fn quiet_minutes_with_sweeps(world: &World, minutes: usize) {
    for _ in 0..minutes {
        world.after(61).await;
        world.sweep().await;
        world.quiet_minutes(1).await;
    }
}
/// How often the exchange accepted each name.
async fn accepted(world: &World) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for order in world.accepted_since(WallTime::from_ms(0)).await {
        *times.entry(order.client_order_id).or_default() += 1;
    }
    times
}
async fn states(world: &World) -> Vec<String> {
    world.placements().await.iter().map(|intent| intent["state"].as_str().expect("a state").to_owned()).collect()
}
/// The deal's fills without what another run names or times differently.
async fn fills(owner: &Owner) -> Vec<Value> {
    let deal = owner.deal().await;
    let kept = ["role", "level", "side", "type", "quantity", "executed", "average", "fee_base", "fee_quote", "status"];
    let mut fills: Vec<Value> = deal["fills"]
        .as_array()
        .expect("fills")
        .iter()
        .map(|fill| {
            kept.iter().map(|name| ((*name).to_owned(), fill[*name].clone())).collect::<serde_json::Map<_, _>>().into()
        })
        .collect();
    fills.sort_by_key(ToString::to_string);
    fills
}
/// A deal's life: it opens, averages down twice, and takes its profit.
async fn live(world: &World, owner: &Owner) -> (Vec<Value>, Value) {
    quiet_minutes_with_sweeps(world, 3).await;
    for price in ["59300", "58700"] {
        world.candle(price, price, price).await;
        quiet_minutes_with_sweeps(world, 5).await;
    }
    world.candle("61500", "61500", "61500").await;
    quiet_minutes_with_sweeps(world, 5).await;
    let deal = owner.deal().await;
    let figures = json!({ "bought": deal["bought"], "cost": deal["cost"], "sold": deal["sold"], "proceeds": deal["proceeds"], "net": deal["net_profit"] });
    assert_eq!(deal["status"], "closed", "{}", deal["open_orders"]);
    (fills(owner).await, figures)
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_unknown_found_by_its_name_and_never_sent_twice() {
    for lost in WAYS {
        let (world, mut owner) = about_to_start(61).await;
        world.exchange.once(Endpoint::PlaceOrder, lost.clone());
        // The question that follows at once is lost too.
        world.exchange.once(Endpoint::QueryOrder, Lost::Answer);
        start(&world, &mut owner).await;
        assert_eq!(states(&world).await, ["UNKNOWN"], "{lost:?}");
        assert_eq!(accepted(&world).await.len(), 1, "{lost:?}: the exchange has it");
        assert!(owner.deal().await["fills"].as_array().expect("fills").is_empty(), "{lost:?}: nothing is guessed");
        quiet_minutes_with_sweeps(&world, 2).await;
        assert!(states(&world).await.iter().all(|state| state == "SENT"), "{lost:?}: {:?}", states(&world).await);
        assert_eq!(fills(&owner).await.len(), 1, "{lost:?}: found with its fill");
        let accepted = accepted(&world).await;
        assert!(accepted.len() > 1, "{lost:?}: the deal goes on");
        assert!(accepted.values().all(|times| *times == 1), "{lost:?}: {accepted:?}");
        assert_eq!(world.exchange.count(Endpoint::PlaceOrder), accepted.len(), "{lost:?}: each was sent once");
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn whichever_answer_is_lost_the_deal_ends_as_if_none_had_been() {
    let (world, mut owner) = about_to_start(62).await;
    start(&world, &mut owner).await;
    let expected = live(&world, &owner).await;
    let orders = world.exchange.count(Endpoint::PlaceOrder);
    assert!(orders >= 5, "base, averaging, profit: {orders}");
    for nth in 0..orders {
        for lost in WAYS {
            let (world, mut owner) = about_to_start(62).await;
            world.exchange.after(Endpoint::PlaceOrder, nth, lost.clone());
            start(&world, &mut owner).await;
            assert_eq!(live(&world, &owner).await, expected, "answer {nth}, {lost:?}");
            let accepted = accepted(&world).await;
            assert!(accepted.values().all(|times| *times == 1), "answer {nth}, {lost:?}: {accepted:?}");
            assert_eq!(world.exchange.count(Endpoint::PlaceOrder), accepted.len(), "answer {nth}, {lost:?}");
        }
    }
}

#[tokio::test]
async fn fills_that_happen_while_an_order_is_unknown_are_booked_exactly() {
    let (world, mut owner) = about_to_start(63).await;
    start(&world, &mut owner).await;
    let expected = live(&world, &owner).await;
    // An order behind the base order, and every question about it: nobody answers until the market has filled it. The base
    // order's own question, at the candle after it, is let through.
    for nth in [1, 2] {
        let (world, mut owner) = about_to_start(63).await;
        world.exchange.after(Endpoint::PlaceOrder, nth, Lost::Answer);
        world.exchange.after(Endpoint::QueryOrder, 1, Lost::Answer);
        for _ in 0..4 {
            world.exchange.once(Endpoint::QueryOrder, Lost::Answer);
        }
        start(&world, &mut owner).await;
        quiet_minutes_with_sweeps(&world, 3).await;
        assert!(states(&world).await.contains(&"UNKNOWN".to_owned()), "order {nth}: {:?}", states(&world).await);
        world.candle("59300", "59300", "59300").await;
        quiet_minutes_with_sweeps(&world, 5).await;
        assert!(!states(&world).await.contains(&"UNKNOWN".to_owned()), "order {nth}: {:?}", states(&world).await);
        for (price, minutes) in [("58700", 5), ("61500", 5)] {
            world.candle(price, price, price).await;
            quiet_minutes_with_sweeps(&world, minutes).await;
        }
        assert_eq!(fills(&owner).await, expected.0, "order {nth}");
        assert!(accepted(&world).await.values().all(|times| *times == 1), "order {nth}");
    }
}

#[tokio::test]
async fn an_order_that_never_arrived_is_proven_absent_by_two_looks_and_only_then_placed_anew() {
    let (world, mut owner) = about_to_start(64).await;
    world.exchange.once(Endpoint::PlaceOrder, Lost::Vanished);
    start(&world, &mut owner).await;
    assert_eq!(states(&world).await, ["UNKNOWN"], "asked at once, too early to tell");
    let asked = world.exchange.count(Endpoint::QueryOrder);
    // Within the window and the exchange's own timeout no look counts.
    world.after(12).await;
    world.sweep().await;
    assert_eq!(states(&world).await, ["UNKNOWN"]);
    // First look.
    world.after(60).await;
    world.sweep().await;
    assert_eq!(states(&world).await, ["UNKNOWN"], "one look proves nothing");
    assert!(
        accepted(&world).await.is_empty() && world.exchange.count(Endpoint::PlaceOrder) == 1,
        "and nothing was sent meanwhile"
    );
    // Second look, more than ten seconds later.
    world.after(60).await;
    world.sweep().await;
    assert!(world.exchange.count(Endpoint::QueryOrder) >= asked + 2);
    let placements = world.placements().await;
    let absent: Vec<_> = placements.iter().filter(|intent| intent["state"] == "ABSENT").collect();
    assert_eq!(absent.len(), 1, "{placements:?}");
    let lost_name = absent[0]["subject"].as_str().expect("a name").to_owned();
    let accepted = accepted(&world).await;
    assert!(!accepted.contains_key(&lost_name) && accepted.values().all(|times| *times == 1), "{accepted:?}");
    let attempts: Vec<_> = placements
        .iter()
        .filter(|intent| intent["order"].as_str().is_some_and(|order| order.contains(r#""attempt":1"#)))
        .collect();
    assert_eq!(attempts.len(), 1, "the next attempt, once: {placements:?}");
    world.quiet_minutes(1).await;
    assert_eq!(fills(&owner).await.len(), 1, "the deal goes on");
    world.no_call_was_refused();
}

#[tokio::test]
async fn two_looks_less_than_ten_seconds_apart_prove_nothing() {
    let (world, mut owner) = about_to_start(65).await;
    world.exchange.once(Endpoint::PlaceOrder, Lost::Vanished);
    start(&world, &mut owner).await;
    // Looks are made once per wall minute: one at its end, one at the next one's begin.
    let to_the_minutes_end = 60_000 - host::Clock::now(&*world.clock).ms().rem_euclid(60_000);
    world.clock.advance_ms(60_000 + to_the_minutes_end - 3_000);
    world.sweep().await;
    world.clock.advance_ms(6_000);
    world.sweep().await;
    assert_eq!(states(&world).await, ["UNKNOWN"]);
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), 1);
    world.after(60).await;
    world.sweep().await;
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), 2, "a third look does");
}
