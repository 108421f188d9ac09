//! G2: an order stands in its owner's index from its authorisation to its end, so that a reset can name what may still arrive.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

mod world;

use store::Table;
use store::entity::intent::{IntentState, cancel_key, place_key, query_key};
use strategy::order::PlannedOrder;
use world::fake_exchange::{OnPlace, Stop};
use world::{BOT, USER, World, base_order, event};

/// What the order's intent is in the index under.
async fn listed_under(world: &World, order: &PlannedOrder) -> Option<String> {
    world.row(Table::Trading, &place_key(BOT, &order.client_order_id)).await.text_if("user_key").map(str::to_owned)
}
fn owner() -> Option<String> {
    Some(format!("USER#{USER}"))
}

#[tokio::test]
async fn an_order_is_listed_from_its_authorisation_to_its_answer() {
    let world = World::new().await;
    let (stop, order) = (Stop::new(), base_order());
    world.exchange.with(|b| b.before_place = Some(stop.clone()));
    let placed = world.propose_order(&order).await;
    assert_eq!(listed_under(&world, &order).await, None, "a proposal may still be cut off");
    let look = async {
        stop.reached().await;
        let seen = (world.state(&order).await, listed_under(&world, &order).await);
        stop.open();
        seen
    };
    let (_, seen) = tokio::join!(world.handle(placed), look);
    assert_eq!(seen, (IntentState::Authorised, owner()));
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Sent, None));
}

#[tokio::test]
async fn an_unknown_order_is_listed_until_a_question_finds_it() {
    let world = World::new().await;
    world.exchange.next(OnPlace::RestAndLose);
    let order = base_order();
    world.place(&order).await;
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Unknown, owner()));
    let question = query_key(BOT, &order.client_order_id, world.now());
    assert_eq!(world.row(Table::Trading, &question).await.text_if("user_key"), None, "a question is no order");
    world.handle(event(&question)).await;
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Sent, None));
}

#[tokio::test]
async fn an_order_that_ended_without_an_answer_is_listed_no_more() {
    // Refused by the exchange.
    let world = World::new().await;
    world
        .exchange
        .next(OnPlace::Say(400, r#"{"code":-2010,"msg":"Account has insufficient balance for requested action."}"#));
    let order = base_order();
    world.place(&order).await;
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Refused, None));
    // Proven absent.
    let world = World::new().await;
    world.exchange.next(OnPlace::Vanish);
    world.place(&order).await;
    for _ in 0..2 {
        assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Unknown, owner()));
        world.clock.advance_ms(15_000);
        world.query(&order).await;
    }
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Absent, None));
    // Cut off before it was authorised.
    let world = World::new().await;
    let placed = world.propose_order(&order).await;
    world.reset().await;
    world.handle(placed).await;
    assert_eq!((world.state(&order).await, listed_under(&world, &order).await), (IntentState::Fenced, None));
}

#[tokio::test]
async fn a_cancel_is_never_listed() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
    world.exchange.with(|b| b.on_cancel.push_back(OnPlace::RestAndLose));
    let cancel = world.propose_cancel(&order).await;
    world.handle(cancel).await;
    assert_eq!(world.row(Table::Trading, &cancel_key(BOT, &order.client_order_id, 1)).await.text_if("user_key"), None);
}
