//! A reset that falls between the steps of the signer: no order of the old key reaches the exchange later than the window.

use emulators::Gate;
use exchange::Endpoint;
use host::Clock;
use serde_json::Value;
use tests::world::{Owner, World, dca};

const NEW_PASSWORD: &str = "eleven copper kettles whistling";
/// G2: receive window and clock tolerance, in ms.
const W_MS: i64 = 4_000;

/// An owner with a key, a bot that was not started yet, and a reset that needs one request more.
async fn about_to_trade(world: &World) -> (Owner, String, Value) {
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    let made = owner.post("/v1/bots", &dca(&owner.connection)).await.ok();
    let bot = made["bot"]["id"].as_str().or_else(|| made["id"].as_str()).expect("a bot").to_owned();
    owner.bot = bot.clone();
    let reset = owner.prepares_a_reset(world, NEW_PASSWORD).await;
    (owner, format!("/v1/bots/{bot}/start"), reset)
}

/// Starts the bot, waits until the signer stands at the gate, resets, lets time pass, and lets the signer go on.
async fn resets_while_it_waits(world: &World, gate: &Gate, pass: impl FnOnce(&World)) -> (Owner, Value) {
    let (mut owner, start, reset) = about_to_trade(world).await;
    owner.post(&start, &serde_json::json!({})).await.ok();
    let working = world.drains_beside();
    gate.reached().await;
    let done = owner.completes(&reset).await;
    assert_eq!(done["connections_removed"], 1);
    pass(world);
    gate.open();
    working.await.expect("the signer went on");
    (owner, done)
}

/// State and reason of the only order that was meant.
async fn the_intent(world: &World) -> (String, String) {
    let placements = world.placements().await;
    assert_eq!(placements.len(), 1, "{placements:?}");
    let text = |name: &str| placements[0].get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("state"), text("why"))
}

/// Whatever is delivered or swept later, the exchange sees nothing more.
async fn nothing_follows(world: &World, sent: usize) {
    for _ in 0..4 {
        world.machine.redeliver(100).await.expect("delivered again");
        world.after(61).await;
        world.sweep().await;
        world.quiet_minutes(1).await;
    }
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), sent, "nothing is sent later");
    world.no_call_was_refused();
}

#[tokio::test]
async fn rf_1_a_signer_that_has_read_everything_before_the_reset_authorises_nothing_after_it() {
    let world = World::seeded(11);
    let gate = world.pause_before_authorising();
    resets_while_it_waits(&world, &gate, |_| {}).await;
    assert_eq!(the_intent(&world).await.0, "FENCED");
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), 0, "nothing was sent");
    nothing_follows(&world, 0).await;
    world.holds_no_order_accepted_after(account::WallTime::from_ms(0)).await;
}

#[tokio::test]
async fn rf_2_an_order_authorised_before_the_reset_arrives_within_the_window_and_the_notice_names_it() {
    let world = World::seeded(12);
    let gate = world.exchange.pause_before(Endpoint::PlaceOrder);
    let (owner, done) = resets_while_it_waits(&world, &gate, |world| world.clock.advance_ms(1_000)).await;
    let t0 = world.clock.now().plus_ms(-1_000);
    let accepted = world.accepted_since(account::WallTime::from_ms(0)).await;
    assert_eq!(accepted.len(), 1, "it was early enough");
    let id = accepted[0].client_order_id.as_str();
    assert!(done.to_string().contains(id), "{id} in {done}");
    let notice = world
        .mails_to(&owner.email)
        .into_iter()
        .find(|text| text.contains("Your password was reset at"))
        .expect("the notice");
    assert!(
        notice.contains(id)
            && notice.contains("may still arrive")
            && notice.contains(&format!("until {}", t0.plus_ms(W_MS))),
        "{notice}"
    );
    nothing_follows(&world, 1).await;
    world.holds_no_order_accepted_after(t0.plus_ms(W_MS)).await;
}

#[tokio::test]
async fn rf_3_a_signer_that_was_frozen_for_ten_minutes_sees_its_deadline_and_sends_nothing() {
    let world = World::seeded(13);
    let gate = world.pause_after_authorising();
    resets_while_it_waits(&world, &gate, |world| world.clock.advance(600)).await;
    let (state, why) = the_intent(&world).await;
    assert!(state == "ABSENT" && why.starts_with("not sent: 600000 ms"), "{state}: {why}");
    nothing_follows(&world, 0).await;
    world.holds_no_order_accepted_after(account::WallTime::from_ms(0)).await;
}

#[tokio::test]
async fn rf_3_a_request_that_was_held_up_for_ten_minutes_is_refused_by_the_exchange_itself() {
    let world = World::seeded(14);
    // Behind the local check: the signed request is on its way.
    let gate = world.exchange.pause_before(Endpoint::PlaceOrder);
    resets_while_it_waits(&world, &gate, |world| world.clock.advance(600)).await;
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), 1, "it did arrive");
    assert_eq!(world.exchange.refusals(), ["PlaceOrder 400 -1021"], "for its timestamp");
    nothing_follows(&world, 1).await;
    world.holds_no_order_accepted_after(account::WallTime::from_ms(0)).await;
}

#[tokio::test]
async fn rf_4_a_monotonic_clock_that_stood_still_during_the_freeze_deceives_nobody() {
    let world = World::seeded(15);
    let gate = world.pause_after_authorising();
    resets_while_it_waits(&world, &gate, |world| world.clock.advance_wall_only(600)).await;
    let (state, why) = the_intent(&world).await;
    assert!(state == "ABSENT" && why.starts_with("not sent: 600000 ms by the wall clock and 0 ms"), "{state}: {why}");
    nothing_follows(&world, 0).await;
}

#[tokio::test]
async fn rf_5_with_clocks_two_minutes_apart_nothing_is_traded_and_with_two_seconds_the_exchange_decides() {
    for (ahead_ms, trades) in [(120_000, false), (-120_000, false), (2_000, true), (-2_000, true)] {
        let world = World::with_exchange_clock_ahead(16, ahead_ms);
        let mut owner = world.owner("owner@example.org").await;
        owner.trades(&world).await;
        assert_eq!(!world.accepted_since(account::WallTime::from_ms(0)).await.is_empty(), trades, "{ahead_ms} ms");
        assert_eq!(world.exchange.count(Endpoint::PlaceOrder) > 0, trades, "{ahead_ms} ms");
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn rf_33_an_order_sent_before_the_reset_whose_answer_is_lost_stays_unknown_is_shown_and_is_never_sent_again() {
    let world = World::seeded(17);
    let (mut owner, start, reset) = about_to_trade(&world).await;
    world.exchange.once(Endpoint::PlaceOrder, tests::world::Lost::Answer);
    world.exchange.once(Endpoint::QueryOrder, tests::world::Lost::Answer);
    owner.post(&start, &serde_json::json!({})).await.ok();
    world.drain().await;
    assert_eq!(the_intent(&world).await.0, "UNKNOWN");
    let done = owner.completes(&reset).await;
    let id = world.accepted_since(account::WallTime::from_ms(0)).await[0].client_order_id.clone();
    world.drain().await;
    assert!(done.to_string().contains(&id), "{id} in {done}");
    assert!(world.mails_to(&owner.email).iter().any(|text| text.contains(&id)), "the notice names it");
    nothing_follows(&world, 1).await;
    assert_eq!(the_intent(&world).await.0, "UNKNOWN", "nobody can ask any more");
}
