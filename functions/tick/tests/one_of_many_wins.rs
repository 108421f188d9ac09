//! Duplicates and races: one commit per wake, no money counted twice, nothing for a bot whose key is gone.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod world;

use store::Table;
use store::entity::bot::{BotState, partition};
use strategy::market::MarketTime;
use world::{World, dca};

async fn intents(world: &World, bot: strategy::id::BotId) -> usize {
    world.store.read_partition(Table::Trading, &partition(bot), "INTENT#").await.unwrap().len()
}

#[tokio::test]
async fn fifty_deliveries_of_one_hint_start_one_deal() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot(connection, dca(None)).await;
    let body = serde_json::to_string(&wake.hint(MarketTime::START)).unwrap();
    let all: Vec<_> = (0..50).map(|_| world.deliver(&body)).collect();
    let acknowledged = join_all(all).await;
    assert!(acknowledged.iter().any(|ok| *ok));
    assert_eq!(world.store.deals_of(bot.id).await.unwrap().len(), 1);
    assert_eq!(intents(&world, bot.id).await, 1);
    assert_eq!(world.store.activity_of(bot.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn fifty_deliveries_of_one_order_event_commit_one_decision() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot(connection, dca(None)).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    world.drain().await;
    world.take_messages().await;
    // The averaging order is reached: the exchange is asked, and its answer makes the deal due.
    let deal = world.store.find_bot(bot.id).await.unwrap().unwrap().open_deal.unwrap();
    let before = world.store.find_deal(bot.id, deal).await.unwrap().unwrap();
    let owner = store::entity::wake::Owner {
        bot: bot.id,
        deal: Some(deal),
        user: bot.user,
        connection: bot.connection,
        exchange: "paper".into(),
        pair: world::pair(),
        epoch: bot.epoch,
        run: 1,
    };
    let due = store::entity::wake::Wake::due(owner, world.ulid().to_string(), MarketTime::START, world.now());
    world.store.transact(&world.ulid().to_string(), &[due.write().unwrap()]).await.unwrap();
    let body = serde_json::to_string(&due.hint(MarketTime::START)).unwrap();
    join_all((0..50).map(|_| world.deliver(&body)).collect()).await;
    let after = world.store.find_deal(bot.id, deal).await.unwrap().unwrap();
    assert_eq!(after.version, before.version + 1);
}

#[tokio::test]
async fn two_bots_never_count_the_same_money() {
    let world = World::new().await;
    // Each deal sets aside a little more than 300.
    let connection = world.connection(Some("400")).await;
    world.minute("100", "100", "100", "100").await;
    let (a, wake_a) = world.bot(connection, dca(None)).await;
    let (b, wake_b) = world.bot(connection, dca(None)).await;
    let hint = |wake: &store::entity::wake::Wake| serde_json::to_string(&wake.hint(MarketTime::START)).unwrap();
    let (first, second) = (hint(&wake_a), hint(&wake_b));
    tokio::join!(world.deliver(&first), world.deliver(&second));
    let open = [a.id, b.id].map(|id| world.store.find_bot(id));
    let mut started = 0;
    let mut waiting = 0;
    for bot in join_all(open.into()).await {
        let bot = bot.unwrap().unwrap();
        started += usize::from(bot.open_deal.is_some());
        waiting += usize::from(bot.waiting_because.is_some_and(|why| why.contains("set aside")));
    }
    assert_eq!((started, waiting), (1, 1));
}

#[tokio::test]
async fn a_bot_whose_key_is_gone_starts_nothing_and_costs_nothing() {
    let world = World::new().await;
    let (user, connection) = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot((user, connection), dca(None)).await;
    world.put_connection(user, connection, "REVOKED", None).await;
    assert!(world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await);
    assert_eq!(intents(&world, bot.id).await, 0);
    assert!(world.store.find_due().await.unwrap().is_empty());
    // RF-8: derived, not written.
    assert_eq!(world.store.find_bot(bot.id).await.unwrap().unwrap().state, BotState::Running);
}

#[tokio::test]
async fn a_hint_of_another_epoch_or_wake_is_acknowledged_and_ignored() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot(connection, dca(None)).await;
    let mut hint = wake.hint(MarketTime::START);
    hint.epoch = 7;
    assert!(world.deliver(&serde_json::to_string(&hint).unwrap()).await);
    let mut hint = wake.hint(MarketTime::START);
    hint.wake_id = "another".into();
    assert!(world.deliver(&serde_json::to_string(&hint).unwrap()).await);
    assert_eq!(intents(&world, bot.id).await, 0);
    assert!(!world.deliver("{\"not\": \"a hint\"}").await);
}

#[tokio::test]
async fn a_lost_hint_is_sent_again_after_two_periods() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    world.bot(connection, dca(None)).await;
    world.clock.advance_s(120);
    world.sweep().await;
    assert_eq!(world.take_messages().await.len(), 0);
    world.clock.advance_s(1);
    world.sweep().await;
    assert_eq!(world.take_messages().await.len(), 1);
    world.sweep().await;
    assert_eq!(world.take_messages().await.len(), 0);
}

/// G10: what the trader calls for one event.
#[tokio::test]
async fn an_order_event_costs_three_reads_before_its_commit_and_a_duplicate_one_read() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot(connection, dca(None)).await;
    let start = serde_json::to_string(&wake.hint(MarketTime::START)).unwrap();
    world.deliver(&start).await;
    world.drain().await;
    let deal = world.store.find_bot(bot.id).await.unwrap().unwrap().open_deal.unwrap();
    let owner = store::entity::wake::Owner {
        bot: bot.id,
        deal: Some(deal),
        user: bot.user,
        connection: bot.connection,
        exchange: "paper".into(),
        pair: world::pair(),
        epoch: bot.epoch,
        run: 1,
    };
    let due = store::entity::wake::Wake::due(owner, world.ulid().to_string(), MarketTime::START, world.now());
    world.store.transact(&world.ulid().to_string(), &[due.write().unwrap()]).await.unwrap();
    let body = serde_json::to_string(&due.hint(MarketTime::START)).unwrap();
    let calls = async |body: &str| {
        world.emulators.reset_calls();
        assert!(world.deliver(body).await);
        let of = world.emulators.calls().into_iter().filter(|((who, _, _), _)| who == "trader");
        of.map(|((_, _, operation), count)| format!("{operation} {count}")).collect::<Vec<_>>().join(", ")
    };
    // Bot, deal and wakes; orders; candles; the commit; and the candles that came meanwhile.
    assert_eq!(calls(&body).await, "BatchGetItem 2, Query 2, TransactWriteItems 1");
    for duplicate in [&body, &start] {
        assert_eq!(calls(duplicate).await, "BatchGetItem 1");
    }
}

/// All at once, on one thread.
async fn join_all<F: std::future::Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, output) in &mut pinned {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    pinned.into_iter().filter_map(|(_, output)| output).collect()
}
