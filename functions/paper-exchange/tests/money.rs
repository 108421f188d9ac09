//! Concurrent requests, lost answers and crashes never lose, double or half-move money.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod world;

use std::sync::Arc;

use account::WallTime;
use emulators::{Act, Fault, When};
use function_paper_exchange::{Applied, MakeKeyRefused, apply_candle, make_key, orders_accepted};
use world::{Client, World, candle, flat, pair};

#[tokio::test]
async fn fifty_orders_at_once_spend_no_more_than_there_is() {
    let world = World::open().await;
    let client = Arc::new(world.client(r#"{"balances": {"USDT": "1000"}}"#).await);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99").await })
        })
        .collect();
    let mut codes = Vec::new();
    for task in tasks {
        codes.push(task.await.unwrap().code());
    }
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 10, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(-2010)).count(), 40, "{codes:?}");
    assert_eq!(client.open_orders().await, 10);
    assert_eq!(client.balance("USDT").await, ("10.00000000".into(), "990.00000000".into()));
}

#[tokio::test]
async fn one_client_id_sent_twenty_times_at_once_is_one_order() {
    let world = World::open().await;
    let client = Arc::new(world.client("{}").await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99&newClientOrderId=once").await
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        let reply = task.await.unwrap();
        if reply.status == 200 { accepted += 1 } else { reply.refused(-2010, "Duplicate order sent.") }
    }
    assert_eq!((accepted, client.open_orders().await), (1, 1));
}

#[tokio::test]
async fn a_lost_answer_of_the_table_is_one_order() {
    let world = World::open().await;
    let client = world.client("{}").await;
    world.faults.once(When::any("TransactWriteItems"), Act::Fault(Fault::LoseAnswer));
    client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99").await.ok();
    assert_eq!(client.open_orders().await, 1);
    assert_eq!(client.balance("USDT").await, ("9901.00000000".into(), "99.00000000".into()));
}

#[tokio::test]
async fn a_dead_table_is_an_unknown_outcome_and_not_a_refusal() {
    let world = World::open().await;
    let client = world.client("{}").await;
    world.faults.always(When::any("TransactWriteItems"), Act::Fault(Fault::LoseAnswer));
    let reply = client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99&newClientOrderId=lost").await;
    assert_eq!((reply.status, reply.code()), (504, Some(-1007)));
    world.faults.clear();
    // It did happen, once, and its id finds it.
    assert_eq!(client.show("origClientOrderId=lost").await["status"], "NEW");
}

#[tokio::test]
async fn a_candle_is_applied_once() {
    let world = World::open().await;
    let client = world.client("{}").await;
    client.order("side=BUY&type=MARKET&quantity=1").await.ok();
    assert_eq!(apply_candle(&world.deps, &pair(), flat(2, "100")).await.unwrap(), Applied::Now { accounts: 1 });
    let balance = client.balance("BTC").await;
    client.order("side=BUY&type=MARKET&quantity=1").await.ok();
    for minute in [2, 1] {
        assert_eq!(apply_candle(&world.deps, &pair(), flat(minute, "100")).await.unwrap(), Applied::Before);
    }
    assert_eq!(client.balance("BTC").await, balance);
    assert_eq!(client.trades("").await.len(), 1);
}

/// Sixty orders take three pieces and the symbol a fourth transaction. Dying before or after any of them, with the
/// candle repeated after the restart, ends where not dying ends.
#[tokio::test]
async fn a_candle_broken_off_anywhere_is_completed_by_repeating_it() {
    let (whole, _) = run_and_die(None).await;
    assert!(whole.contains("5.99400000"), "all sixty are filled: {whole}");
    for nth in 0..4 {
        for before in [true, false] {
            let (broken, left) = run_and_die(Some((nth, before))).await;
            assert_eq!(broken, whole, "died at transaction {nth}, before: {before}");
            let stored = if before { nth } else { nth + 1 };
            assert_eq!(left, 60_u64.saturating_sub(24 * stored), "died at transaction {nth}, before: {before}");
        }
    }
}

/// The state in the end, and how many orders were still open when the candle's first run died.
async fn run_and_die(at: Option<(u64, bool)>) -> (String, u64) {
    let world = World::open().await;
    let client = world.client("{}").await;
    for n in 0..60 {
        client.order(&format!("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price={}", 95 + n % 5)).await.ok();
    }
    world.apply(flat(2, "100")).await;
    let third = candle(3, "100", "101", "90", "99", "1000");
    let mut left = 0;
    if let Some((nth, before)) = at {
        let gate = Arc::new(emulators::Gate::default());
        let act = if before { Act::PauseBefore(gate.clone()) } else { Act::PauseAfter(gate.clone()) };
        world.faults.times(When::any("TransactWriteItems"), nth, 1, act);
        let deps = world.deps.clone();
        let run = tokio::spawn(async move { apply_candle(&deps, &pair(), third).await });
        gate.reached().await;
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        left = client.open_orders().await as u64;
    }
    apply_candle(&world.deps, &pair(), third).await.unwrap();
    let account = client.get("/api/v3/account", "").await.ok()["balances"].clone();
    let orders = client.get("/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
    (format!("{account} {orders} {:?}", client.trades("").await), left)
}

#[tokio::test]
async fn a_cancel_and_a_candle_at_once_are_one_or_the_other() {
    for _ in 0..10 {
        let world = World::open().await;
        let client = world.client("{}").await;
        client.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99").await.ok();
        world.apply(flat(2, "100")).await;
        let pair = pair();
        let (cancelled, applied) =
            tokio::join!(client.cancel("orderId=1"), apply_candle(&world.deps, &pair, flat(3, "90")));
        applied.unwrap();
        let order = client.show("orderId=1").await;
        let bought = order["executedQty"] != "0.00000000";
        assert_eq!(cancelled.status == 200, !bought, "{order}");
        let usdt = if bought { "9901.00000000" } else { "10000.00000000" };
        assert_eq!(client.balance("USDT").await, (usdt.into(), "0.00000000".into()));
        assert_eq!(client.open_orders().await, 0);
    }
}

#[tokio::test]
async fn an_order_that_grows_old_before_the_engine_is_refused() {
    let world = World::open().await;
    let client = Arc::new(world.client("{}").await);
    let gate = Arc::new(emulators::Gate::default());
    world.faults.once(When::any("Query"), Act::PauseBefore(gate.clone()));
    let sent = client.clone();
    let task = tokio::spawn(async move { sent.order("side=BUY&type=MARKET&quantity=1&recvWindow=3000").await });
    gate.reached().await;
    world.clock.advance_ms(3_001);
    gate.open();
    task.await.unwrap().refused(-1021, "Timestamp for this request is outside of the recvWindow.");
    assert_eq!(client.open_orders().await, 0);
}

#[tokio::test]
async fn the_log_tells_what_was_accepted_since() {
    let world = World::open().await;
    let client: Client = world.client("{}").await;
    let start = world.deps.clock.now();
    client.order("side=BUY&type=MARKET&quantity=1&newClientOrderId=early").await.ok();
    world.clock.advance_ms(10_000);
    client
        .order("side=SELL&type=MARKET&quantity=1")
        .await
        .refused(-2010, "Account has insufficient balance for requested action.");
    client.order("side=BUY&type=MARKET&quantity=1&newClientOrderId=late").await.ok();
    let ids = |orders: Vec<function_paper_exchange::AcceptedOrder>| {
        orders.into_iter().map(|o| o.client_order_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(orders_accepted(&world.deps, start).await.unwrap()), ["early", "late"]);
    assert_eq!(ids(orders_accepted(&world.deps, start.plus_ms(1)).await.unwrap()), ["late"]);
    assert_eq!(ids(orders_accepted(&world.deps, start.plus_ms(10_001)).await.unwrap()), [] as [&str; 0]);
    assert_eq!(orders_accepted(&world.deps, WallTime::from_ms(0)).await.unwrap()[0].accepted_at, start);
}

#[tokio::test]
async fn a_candle_that_touches_nothing_reads_no_account() {
    let world = World::open().await;
    for _ in 0..20 {
        world.client("{}").await.order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=50").await.ok();
    }
    world.apply(flat(2, "100")).await;
    world.emulators.reset_calls();
    assert_eq!(apply_candle(&world.deps, &pair(), flat(3, "100")).await.unwrap(), Applied::Now { accounts: 0 });
    let calls: u64 = world.emulators.calls().values().sum();
    assert_eq!(calls, 3, "{:?}", world.emulators.calls()); // symbol, book, and the commit
}

#[tokio::test]
async fn one_user_makes_a_hundred_keys_and_no_more() {
    let world = World::open().await;
    for _ in 0..100 {
        make_key(&world.deps, World::user(1), Default::default()).await.unwrap();
    }
    let refused = make_key(&world.deps, World::user(1), Default::default()).await;
    assert!(matches!(refused, Err(MakeKeyRefused::TooManyKeys)), "{refused:?}");
    make_key(&world.deps, World::user(2), Default::default()).await.unwrap();
}

#[tokio::test]
async fn an_order_does_not_slip_into_a_market_that_closes_meanwhile() {
    let world = World::open().await;
    let client = Arc::new(world.client("{}").await);
    let gate = Arc::new(emulators::Gate::default());
    world.faults.once(When::any("TransactWriteItems"), Act::PauseBefore(gate.clone()));
    let sent = client.clone();
    let task = tokio::spawn(async move { sent.order("side=BUY&type=MARKET&quantity=1").await });
    gate.reached().await;
    function_paper_exchange::set_status(&world.deps, &pair(), strategy::market::SymbolStatus::Break).await.unwrap();
    gate.open();
    task.await.unwrap().refused(-1013, "Market is closed.");
    assert_eq!(client.open_orders().await, 0);
}
