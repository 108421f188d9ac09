//! The order path under faults: what is authorised is sent at most once, and what was sent is never forgotten.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

mod world;

use std::sync::Arc;

use emulators::{Act, Fault, Gate, When};
use store::Table;
use store::attribute::{n, s, truth};
use store::entity::intent::{IntentState, place_key};
use store::entity::order::VenueStatus;
use store::entity::{bot, connection, user};
use strategy::order::Role;
use world::fake_exchange::{OnPlace, Stop};
use world::{BOT, CONNECTION, MARKET_NOW, USER, World, base_order, event, order_of};

#[tokio::test]
async fn an_order_is_authorised_sent_once_and_recorded() {
    let world = World::new().await;
    world.exchange.with(|b| b.skew_ms = 2_500);
    let order = base_order();
    assert_eq!(world.place(&order).await, 0);
    assert_eq!(world.state(&order).await, IntentState::Sent);
    let stored = world.order(&order).await.unwrap();
    assert_eq!((stored.status, stored.exchange_order_id.as_str()), (VenueStatus::New, "1"));
    assert_eq!((world.orders_version().await, world.is_due().await, world.hints()), (1, true, 1));
    // The timestamp is the moment of authorisation on the exchange's clock.
    let authorised_at = world.intent_of(&place_key(BOT, &order.client_order_id)).await.authorised_at.unwrap();
    let sent = world.exchange.with(|b| b.posts.clone());
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].contains(&format!("recvWindow=3000&timestamp={}&signature=", authorised_at.ms() + 2_500)),
        "{}",
        sent[0]
    );
    // GU-5: counted in the hour and day of market time.
    let row = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    assert_eq!(row.number::<i64>("turnover_hour").unwrap(), 10_000_000_000);
    assert_eq!(row.number::<i64>("hour").unwrap(), MARKET_NOW / 3_600_000);
}

#[tokio::test]
async fn a_fill_at_once_is_recorded_with_its_fee_and_market_time() {
    let world = World::new().await;
    world.exchange.next(OnPlace::Fill);
    let order = base_order();
    world.place(&order).await;
    let stored = world.order(&order).await.unwrap();
    assert_eq!(
        (stored.status, stored.filled.quantity.to_string(), stored.filled.fee_quote.to_string()),
        (VenueStatus::Filled, "1".into(), "0.1".into())
    );
    assert_eq!(stored.filled.last_at.unwrap().ms(), MARKET_NOW);
    assert_eq!(world.store.find_trade_id_seen(BOT, &world::pair()).await.unwrap(), 101);
}

#[tokio::test]
async fn gu_5_counters_add_up_within_an_hour_and_begin_anew() {
    let world = World::new().await;
    for attempt in 0..2 {
        world.place(&order_of(Role::Base, attempt)).await;
    }
    let counts = async |world: &World| {
        let row = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
        (row.number::<i64>("turnover_hour").unwrap(), row.number::<i64>("turnover_day").unwrap())
    };
    assert_eq!(counts(&world).await, (20_000_000_000, 20_000_000_000));
    let key = store::entity::market::state_key("paper", &world::pair());
    for (minutes, expected) in [(60, (10_000_000_000, 30_000_000_000)), (60 * 24, (10_000_000_000, 10_000_000_000))] {
        let until = MARKET_NOW + minutes * 60_000;
        world.change(Table::Market, &key, |row| row.with("seen_until", n(until))).await;
        let candle = world
            .row(
                Table::Market,
                &store::entity::market::candle_key(
                    "paper",
                    &world::pair(),
                    strategy::market::MarketTime::from_ms(MARKET_NOW),
                ),
            )
            .await;
        let moved =
            store::entity::market::candle_key("paper", &world::pair(), strategy::market::MarketTime::from_ms(until));
        world.put(Table::Market, candle.with("sk", s(moved.sk))).await;
        world.place(&order_of(Role::Base, u32::try_from(minutes).unwrap())).await;
        assert_eq!(counts(&world).await, expected);
    }
}

// RF-7.
#[tokio::test]
async fn one_intent_delivered_many_times_is_one_order() {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    let (a, b, c) = tokio::join!(world.handle(event.clone()), world.handle(event.clone()), world.handle(event.clone()));
    assert_eq!((a, b, c), (0, 0, 0));
    world.handle(event).await;
    assert_eq!((world.exchange.posts(), world.orders_version().await), (1, 1));
}

// RF-8.
#[tokio::test]
async fn a_stale_intent_expires_and_its_deal_is_woken() {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    world.clock.advance_ms(120_001);
    world.handle(event).await;
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Expired, 0));
    assert_eq!((world.orders_version().await, world.is_due().await), (1, true));
}

// RF-9.
#[tokio::test]
async fn an_intent_of_an_earlier_epoch_is_fenced() {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    world.reset().await;
    world.handle(event).await;
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Fenced, 0));
}

// RF-1: everything was read before the reset, the transaction comes after it.
#[tokio::test]
async fn a_reset_before_the_transaction_refuses_it() {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("signer", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
    let reset = async {
        gate.reached().await;
        world.reset().await;
        gate.open();
    };
    tokio::join!(world.handle(event), reset);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Fenced, 0));
}

// RF-2: authorised before the reset, sent at once after it: inside the window, recorded, listed.
#[tokio::test]
async fn an_order_authorised_before_a_reset_is_sent_within_the_window_or_never() {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("signer", "GetSecretValue"), Act::PauseAfter(gate.clone()));
    let reset = async {
        gate.reached().await;
        world.reset().await;
        world.clock.advance_ms(2_000);
        gate.open();
    };
    tokio::join!(world.handle(event), reset);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Sent, 1));
}

async fn frozen(ms: i64, monotonic_stands: bool) -> (World, usize) {
    let world = World::new().await;
    let order = base_order();
    let event = world.propose_order(&order).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("signer", "GetSecretValue"), Act::PauseAfter(gate.clone()));
    let freeze = async {
        gate.reached().await;
        if monotonic_stands {
            world.clock.stop_monotonic();
        }
        world.clock.advance_ms(ms);
        gate.open();
    };
    tokio::join!(world.handle(event), freeze);
    let posts = world.exchange.posts();
    assert_eq!(world.state(&order).await, IntentState::Absent, "{}", world.why(&order).await);
    (world, posts)
}

// RF-3 and RF-4.
#[tokio::test]
async fn a_signer_that_was_frozen_sends_nothing_by_either_clock() {
    for (ms, monotonic_stands) in [(600_000, false), (600_000, true), (3_000, true)] {
        let (world, posts) = frozen(ms, monotonic_stands).await;
        assert_eq!(posts, 0, "{ms} {monotonic_stands}");
        assert!(world.why(&base_order()).await.contains("not sent"));
    }
}

// RF-3, second half: past the local check, the exchange refuses by the timestamp.
#[tokio::test]
async fn what_is_frozen_on_its_way_is_refused_by_the_exchange() {
    let world = World::new().await;
    let stop = Stop::new();
    world.exchange.with(|b| b.before_place = Some(stop.clone()));
    let order = base_order();
    let event = world.propose_order(&order).await;
    let freeze = async {
        stop.reached().await;
        world.clock.advance_ms(600_000);
        stop.open();
    };
    tokio::join!(world.handle(event), freeze);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Absent, 1));
    assert!(world.exchange.with(|b| b.orders.is_empty()));
}

// RF-5.
#[tokio::test]
async fn clocks_two_minutes_apart_stop_trading() {
    for skew_ms in [120_000, -120_000, 10_001] {
        let world = World::new().await;
        world.exchange.with(|b| b.skew_ms = skew_ms);
        let order = base_order();
        world.place(&order).await;
        assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Proposed, 0), "{skew_ms}");
    }
    let world = World::new().await;
    world.exchange.with(|b| b.skew_ms = -10_000);
    world.place(&base_order()).await;
    assert_eq!(world.exchange.posts(), 1);
}

#[tokio::test]
async fn a_slow_round_trip_tells_no_time() {
    let world = World::new().await;
    world.exchange.with(|b| b.round_trip_ms = 501);
    let order = base_order();
    assert_eq!(world.place(&order).await, 1);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Proposed, 0));
}

#[tokio::test]
async fn the_clock_is_measured_anew_after_a_minute_and_after_a_gap() {
    let world = World::new().await;
    let measured = |world: &World| {
        world.exchange.with(|b| b.asked.iter().filter(|e| **e == exchange::Endpoint::ServerTime).count())
    };
    world.place(&order_of(Role::Base, 0)).await;
    world.clock.advance_ms(59_000);
    world.place(&order_of(Role::Base, 1)).await;
    assert_eq!(measured(&world), 1);
    world.clock.advance_ms(2_000);
    world.place(&order_of(Role::Base, 2)).await;
    assert_eq!(measured(&world), 2);
    world.clock.stop_monotonic();
    world.clock.advance_ms(501);
    world.place(&order_of(Role::Base, 3)).await;
    assert_eq!(measured(&world), 3);
}

// Done when 8: a record delivered again after a crash between authorising and sending leads to no second order.
#[tokio::test]
async fn a_crash_after_authorising_leaves_the_intent_to_the_sweep() {
    let world = World::new().await;
    let order = base_order();
    let placed = world.propose_order(&order).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("signer", "GetSecretValue"), Act::PauseAfter(gate.clone()));
    tokio::select! {
        biased;
        _ = world.handle(placed.clone()) => unreachable!("the signer is paused"),
        () = gate.reached() => {}
    }
    // Dropping the invocation aborts its lanes: nothing runs on.
    world.handle(placed).await;
    gate.open();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Authorised, 0));
}

#[tokio::test]
async fn an_authorising_transaction_without_answer_is_never_sent() {
    let world = World::new().await;
    let order = base_order();
    world.script.once(When::calls("signer", "TransactWriteItems"), Act::Fault(Fault::LoseAnswer));
    assert_eq!(world.place(&order).await, 0);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Authorised, 0));
    // Nothing was written when the request was lost; nobody can tell the two apart, so neither is sent.
    let other = order_of(Role::Averaging, 0);
    world.script.once(When::calls("signer", "TransactWriteItems"), Act::Fault(Fault::DropRequest));
    world.place(&other).await;
    assert_eq!((world.state(&other).await, world.exchange.posts()), (IntentState::Proposed, 0));
}

#[tokio::test]
async fn a_record_whose_answer_is_lost_is_written_once() {
    let world = World::new().await;
    let order = base_order();
    world.script.times(When::calls("signer", "TransactWriteItems"), 1, 1, Act::Fault(Fault::LoseAnswer));
    world.place(&order).await;
    assert_eq!((world.state(&order).await, world.orders_version().await, world.hints()), (IntentState::Sent, 1, 1));
}

#[tokio::test]
async fn what_is_throttled_comes_again_by_the_stream() {
    let world = World::new().await;
    world.script.once(When::calls("signer", "TransactWriteItems"), Act::Fault(Fault::Throttle));
    let order = base_order();
    let event = world.propose_order(&order).await;
    assert_eq!(world.handle(event.clone()).await, 1);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Proposed, 0));
    assert_eq!(world.handle(event).await, 0);
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Sent, 1));
}

// RF-31: no key service, no order.
#[tokio::test]
async fn without_the_key_service_nothing_is_sent_and_the_next_order_waits() {
    let world = World::new().await;
    world.script.once(When::calls("signer", "Decrypt"), Act::Fault(Fault::Status(503)));
    let order = base_order();
    world.place(&order).await;
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Absent, 0));
    let next = order_of(Role::Base, 1);
    world.place(&next).await;
    assert_eq!(world.state(&next).await, IntentState::Proposed);
    world.clock.advance_ms(10_001);
    world.handle(event(&place_key(BOT, &next.client_order_id))).await;
    assert_eq!(world.state(&next).await, IntentState::Sent);
}

#[tokio::test]
async fn what_the_exchange_refuses_is_told_and_final() {
    for (body, why) in [
        (r#"{"code":-2010,"msg":"Account has insufficient balance for requested action."}"#, "insufficient balance"),
        (r#"{"code":-1013,"msg":"Filter failure: LOT_SIZE"}"#, "LOT_SIZE"),
        (r#"{"code":-1111,"msg":"Precision is over the maximum."}"#, "Precision"),
    ] {
        let world = World::new().await;
        world.exchange.next(OnPlace::Say(400, body));
        let order = base_order();
        world.place(&order).await;
        assert_eq!((world.state(&order).await, world.orders_version().await), (IntentState::Refused, 1));
        assert!(world.why(&order).await.contains(why), "{}", world.why(&order).await);
    }
}

#[tokio::test]
async fn a_limit_stops_everything_for_as_long_as_it_says() {
    let world = World::new().await;
    world.exchange.next(OnPlace::Say(429, r#"{"code":-1003,"msg":"t"}"#));
    let order = base_order();
    world.place(&order).await;
    assert_eq!(world.state(&order).await, IntentState::Absent);
    let next = order_of(Role::Base, 1);
    world.place(&next).await;
    assert_eq!((world.state(&next).await, world.exchange.posts()), (IntentState::Proposed, 1));
}

#[tokio::test]
async fn a_refused_connection_is_not_executed_and_measures_the_clock_anew() {
    let world = World::new().await;
    world.exchange.next(OnPlace::Refuse);
    let order = base_order();
    world.place(&order).await;
    assert_eq!(world.state(&order).await, IntentState::Absent);
    world.clock.advance_ms(10_001);
    world.place(&order_of(Role::Base, 1)).await;
    assert_eq!(world.exchange.with(|b| b.asked.iter().filter(|e| **e == exchange::Endpoint::ServerTime).count()), 2);
}

// GU-1 and GU-4 through the whole path.
#[tokio::test]
async fn a_guard_refuses_before_anything_is_authorised() {
    let world = World::new().await;
    world.change(Table::Vault, &connection::key(USER, CONNECTION), |row| row.with("order_quote_max", s("99.99"))).await;
    let order = base_order();
    world.place(&order).await;
    assert_eq!(
        (world.state(&order).await, world.exchange.posts(), world.is_due().await),
        (IntentState::Refused, 0, true)
    );
    assert!(world.why(&order).await.contains("99.99"));
}

#[tokio::test]
async fn the_freeze_all_gate_lets_nothing_out_and_keeps_the_intent() {
    let world = World::new().await;
    world.put(Table::Trading, store::attribute::Row::keyed(&bot::gate_key()).with("closed", truth(true))).await;
    let order = base_order();
    world.place(&order).await;
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Proposed, 0));
}

#[tokio::test]
async fn a_reset_under_way_keeps_the_intent() {
    let world = World::new().await;
    world
        .change(Table::Identity, &user::key(USER), |row| row.with("fencing_until", n(world.clock_ms() + 15_000)))
        .await;
    let order = base_order();
    world.place(&order).await;
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Proposed, 0));
}

// KX-5: the canary of the key's secret is in no row, and nothing but its header carried the key's name.
#[tokio::test]
async fn the_secret_is_in_no_item_and_no_query() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
    for (table, key) in [
        (Table::Trading, place_key(BOT, &order.client_order_id)),
        (Table::Trading, store::entity::order::key(BOT, &order.client_order_id)),
        (Table::Vault, connection::key(USER, CONNECTION)),
    ] {
        assert!(!format!("{:?}", world.row(table, &key).await).contains("plaintext-canary"));
    }
    assert!(world.exchange.with(|b| b.posts.iter().all(|p| !p.contains("canary") && !p.contains("name="))));
}
