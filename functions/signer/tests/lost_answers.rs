//! What nobody knows is UNKNOWN until the exchange was asked; absence needs proof, and a late answer changes nothing.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

mod world;

use store::Table;
use store::entity::intent::{Ask, IntentState, place_key, query_key};
use store::entity::order::VenueStatus;
use world::fake_exchange::{FakeTrade, OnPlace, Stop};
use world::{BOT, World, base_order, event};

// Done when 6: UNKNOWN, found again by its client order id, never sent twice.
#[tokio::test]
async fn a_lost_answer_is_unknown_found_by_asking_and_never_sent_twice() {
    for lost in [
        OnPlace::RestAndLose,
        OnPlace::RestAndSay(502, "<html>"),
        OnPlace::RestAndSay(200, "{\"orderId\":"),
        OnPlace::RestAndSay(400, r#"{"code":-1007,"msg":"t"}"#),
    ] {
        let world = World::new().await;
        world.exchange.next(lost);
        let order = base_order();
        let placed = world.propose_order(&order).await;
        world.handle(placed.clone()).await;
        assert_eq!((world.state(&order).await, world.orders_version().await), (IntentState::Unknown, 0), "{lost:?}");
        // The question was written in the same step.
        world.handle(event(&query_key(BOT, &order.client_order_id, world.now()))).await;
        assert_eq!(world.state(&order).await, IntentState::Sent, "{lost:?}");
        assert_eq!(world.order(&order).await.unwrap().status, VenueStatus::New);
        assert_eq!((world.orders_version().await, world.is_due().await), (1, true));
        world.handle(placed).await;
        assert_eq!(world.exchange.posts(), 1);
    }
}

#[tokio::test]
async fn a_market_order_that_filled_unseen_is_found_by_its_fills() {
    let world = World::new().await;
    world.exchange.next(OnPlace::FillAndHide);
    let order = base_order();
    world.place(&order).await;
    // Fills of others come first.
    world.exchange.with(|b| {
        let other = world::fake_exchange::FakeOrder {
            client_id: "other".into(),
            id: 50,
            side: "BUY".into(),
            status: "FILLED",
            quantity: "1".into(),
            executed: "1".into(),
            hidden: false,
        };
        b.orders.push(other);
        b.trades.insert(
            0,
            FakeTrade {
                id: 60,
                order: 50,
                price: "100".into(),
                quantity: "1".into(),
                fee: "0".into(),
                asset: "USDT".into(),
                time: 1,
            },
        );
    });
    world.handle(event(&query_key(BOT, &order.client_order_id, world.now()))).await;
    let stored = world.order(&order).await.unwrap();
    assert_eq!(
        (stored.status, stored.filled.quantity.to_string(), stored.filled.last_at.unwrap().ms()),
        (VenueStatus::Filled, "1".into(), 120_000)
    );
    assert_eq!((world.state(&order).await, world.exchange.posts()), (IntentState::Sent, 1));
}

#[tokio::test]
async fn absence_needs_two_looks_ten_seconds_apart_after_the_window() {
    let world = World::new().await;
    world.exchange.next(OnPlace::Vanish);
    let order = base_order();
    world.place(&order).await;
    // Too early: the exchange might still accept it. 4 s window + 10 s.
    world.clock.advance_ms(13_999);
    world.query(&order).await;
    assert_eq!(world.state(&order).await, IntentState::Unknown);
    world.clock.advance_ms(10);
    world.query(&order).await;
    assert_eq!(world.state(&order).await, IntentState::Unknown);
    world.clock.advance_ms(9_000);
    world.query(&order).await;
    assert_eq!(world.state(&order).await, IntentState::Unknown);
    world.clock.advance_ms(1_000);
    world.query(&order).await;
    assert_eq!(
        (world.state(&order).await, world.orders_version().await, world.is_due().await),
        (IntentState::Absent, 1, true)
    );
    assert_eq!(world.exchange.posts(), 1);
}

#[tokio::test]
async fn a_duplicate_name_adopts_the_order_that_lives() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
    // As if our record of it had been lost.
    world
        .put(
            Table::Trading,
            world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone())).to_row().unwrap(),
        )
        .await;
    world.handle(event(&place_key(BOT, &order.client_order_id))).await;
    assert_eq!(world.state(&order).await, IntentState::Unknown);
    world.handle(event(&query_key(BOT, &order.client_order_id, world.now()))).await;
    assert_eq!((world.state(&order).await, world.exchange.with(|b| b.orders.len())), (IntentState::Sent, 1));
}

// A thawed signer must not overwrite the truth.
#[tokio::test]
async fn an_answer_that_thaws_late_is_discarded() {
    let world = World::new().await;
    let stop = Stop::new();
    world.exchange.with(|b| b.after_place = Some(stop.clone()));
    let order = base_order();
    let placed = world.propose_order(&order).await;
    let meanwhile = async {
        stop.reached().await;
        let intent = world.intent_of(&place_key(BOT, &order.client_order_id)).await;
        assert!(world.store.lose_intent(&intent, intent.authorised_at.unwrap()).await.unwrap());
        world.exchange.with(|b| {
            (b.orders[0].status, b.orders[0].executed) = ("FILLED", "1".into());
            b.trades.push(FakeTrade {
                id: 7,
                order: 1,
                price: "100".into(),
                quantity: "1".into(),
                fee: "0.1".into(),
                asset: "USDT".into(),
                time: 120_000,
            });
        });
        world.query(&order).await;
        assert_eq!(world.order(&order).await.unwrap().status, VenueStatus::Filled);
        stop.open();
    };
    tokio::join!(world.handle(placed), meanwhile);
    let stored = world.order(&order).await.unwrap();
    assert_eq!((stored.status, stored.filled.quantity.to_string()), (VenueStatus::Filled, "1".into()));
    assert_eq!((world.state(&order).await, world.orders_version().await), (IntentState::Sent, 1));
}
