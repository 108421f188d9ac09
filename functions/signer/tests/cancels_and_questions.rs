//! Cancels, questions about orders, balances and permissions.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

mod world;

use store::Table;
use store::attribute::{n, s};
use store::entity::intent::{ConnectionSubject, IntentState, cancel_key, query_key};
use store::entity::order::VenueStatus;
use store::entity::{bot, connection, deal, user};
use strategy::order::Role;
use world::fake_exchange::{FakeTrade, OnPlace};
use world::{BOT, CONNECTION, DEAL, USER, World, base_order, event, order_of};

const ACCEPTED: &str = r#"{"ipRestrict":true,"createTime":1,"enableReading":true,"enableSpotAndMarginTrading":true,"enableWithdrawals":false,
    "enableInternalTransfer":false,"permitsUniversalTransfer":false,"enableMargin":false,"enableFutures":false,"enableVanillaOptions":false,
    "enablePortfolioMarginTrading":false,"enableFixApiTrade":false}"#;

#[tokio::test]
async fn a_cancel_is_sent_and_recorded_also_when_the_account_is_frozen() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
    world.change(Table::Identity, &user::key(USER), |row| row.with("frozen_until", n(i64::MAX))).await;
    world.change(Table::Trading, &bot::key(BOT), |row| row.with("state", s("STOPPED"))).await;
    let cancel = world.propose_cancel(&order).await;
    world.handle(cancel).await;
    assert_eq!(world.order(&order).await.unwrap().status, VenueStatus::Cancelled);
    assert_eq!(world.intent_of(&cancel_key(BOT, &order.client_order_id, 1)).await.state, IntentState::Sent);
    assert_eq!(world.orders_version().await, 2);
}

#[tokio::test]
async fn a_cancel_that_finds_no_open_order_asks_what_became_of_it() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
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
    let cancel = world.propose_cancel(&order).await;
    world.handle(cancel).await;
    assert_eq!(world.intent_of(&cancel_key(BOT, &order.client_order_id, 1)).await.state, IntentState::Unknown);
    world.handle(event(&query_key(BOT, &order.client_order_id, world.now()))).await;
    assert_eq!(world.order(&order).await.unwrap().status, VenueStatus::Filled);
}

#[tokio::test]
async fn a_partial_fill_is_recorded_and_a_question_without_news_wakes_nobody() {
    let world = World::new().await;
    let order = base_order();
    world.place(&order).await;
    world.exchange.with(|b| {
        (b.orders[0].status, b.orders[0].executed) = ("PARTIALLY_FILLED", "0.4".into());
        b.trades.push(FakeTrade {
            id: 7,
            order: 1,
            price: "99".into(),
            quantity: "0.4".into(),
            fee: "0.0004".into(),
            asset: "ETH".into(),
            time: 180_000,
        });
    });
    world.query(&order).await;
    let stored = world.order(&order).await.unwrap();
    assert_eq!(
        (stored.status, stored.filled.value.to_string(), stored.filled.fee_base.to_string()),
        (VenueStatus::PartiallyFilled, "39.6".into(), "0.0004".into())
    );
    assert_eq!((world.orders_version().await, world.hints()), (2, 2));
    world.clock.advance_ms(60_000);
    world.query(&order).await;
    assert_eq!((world.orders_version().await, world.hints()), (2, 2));
    assert_eq!(world.order(&order).await.unwrap().seen_at, world.now());
}

#[tokio::test]
async fn an_answer_about_a_closed_deal_is_recorded_and_wakes_nobody() {
    let world = World::new().await;
    world.exchange.next(OnPlace::Rest);
    let order = base_order();
    world.place(&order).await;
    world.change(Table::Trading, &deal::key(BOT, DEAL), |row| row.with("phase", s("closed"))).await;
    world.exchange.with(|b| b.orders[0].status = "CANCELED");
    world.query(&order).await;
    assert_eq!(
        (world.order(&order).await.unwrap().status, world.orders_version().await, world.hints()),
        (VenueStatus::Cancelled, 1, 1)
    );
}

// KX-2: a key that was widened later stops entries; exits go on.
#[tokio::test]
async fn a_worse_verdict_refuses_entries_and_lets_exits_pass() {
    let world = World::new().await;
    let mut wider: serde_json::Value = serde_json::from_str(ACCEPTED).unwrap();
    wider["enableWithdrawals"] = true.into();
    world.exchange.with(|b| b.permissions = Some(wider));
    let asked = world.propose_connection_query(ConnectionSubject::Permissions).await;
    world.handle(asked).await;
    let row = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    assert_eq!(row.text("verdict").unwrap(), "refused");
    assert!(row.text("verdict_why").unwrap().contains("enableWithdrawals"));
    let (entry, exit) = (base_order(), order_of(Role::StopLoss, 0));
    world.place(&entry).await;
    world.place(&exit).await;
    assert_eq!((world.state(&entry).await, world.state(&exit).await), (IntentState::Refused, IntentState::Sent));

    world.exchange.with(|b| b.permissions = Some(serde_json::from_str(ACCEPTED).unwrap()));
    world.clock.advance_ms(60_000);
    let asked = world.propose_connection_query(ConnectionSubject::Permissions).await;
    world.handle(asked).await;
    assert_eq!(world.row(Table::Vault, &connection::key(USER, CONNECTION)).await.text("verdict").unwrap(), "accepted");
}

#[tokio::test]
async fn balances_are_recorded_with_what_they_are_worth() {
    let world = World::new().await;
    world.exchange.with(|b| b.balances = vec![("USDT", "500", "100"), ("ETH", "2", "0.5"), ("DOGE", "9", "0")]);
    let asked = world.propose_connection_query(ConnectionSubject::Balances).await;
    world.handle(asked).await;
    let row = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    assert_eq!(row.text("equity_quote").unwrap(), "850");
    assert!(row.text("balances").unwrap().contains("DOGE"));
    // GU-4: 5 % of 850 is less than an order of 100.
    let order = base_order();
    world.place(&order).await;
    assert!(world.why(&order).await.contains("5 %"), "{}", world.why(&order).await);
}
