//! P5, G9: the calls of a tick are the same for ten idle bots and for a thousand.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod world;

use std::collections::BTreeMap;

use account::Epoch;
use emulators::Service;
use store::Table;
use store::Write;
use store::entity::wake::{Owner, Waits, Wake, WakeKind, wake_steps};
use strategy::id::{BotId, DealId};
use strategy::market::MarketTime;
use world::{World, pair};

/// Bots whose prices and times are far away.
async fn idle_bots(world: &World, count: usize) {
    let (user, connection) = world.connection(None).await;
    let mut writes = Vec::new();
    for _ in 0..count {
        let owner = Owner {
            bot: BotId::new(world.ulid()),
            deal: Some(DealId::new(world.ulid())),
            user,
            connection,
            exchange: "paper".into(),
            pair: pair(),
            epoch: Epoch::FIRST,
            run: 1,
        };
        let price = |kind, text: &str| Waits::Price {
            steps: wake_steps(kind, text.parse().unwrap()),
            decide: true,
            resting: vec![],
        };
        for (kind, waits) in [
            (WakeKind::Below, price(WakeKind::Below, "50")),
            (WakeKind::Above, price(WakeKind::Above, "200")),
            (WakeKind::Time, Waits::Time { at: MarketTime::from_ms(world::START_MS * 2) }),
        ] {
            let wake =
                Wake { owner: owner.clone(), kind, id: world.ulid().to_string(), written_at: MarketTime::START, waits };
            writes.push(Write::put(Table::Trading, wake.key(), wake.to_row().unwrap()));
        }
    }
    for chunk in writes.chunks(100) {
        world.store.transact(&world.ulid().to_string(), chunk).await.unwrap();
    }
}

/// The calls of one market tick and one sweep, after the market is known.
async fn calls_with(count: usize) -> BTreeMap<(Service, String), u64> {
    let world = World::new().await;
    idle_bots(&world, count).await;
    world.minute("100", "99", "101", "100").await;
    world.emulators.reset_calls();
    world.market.candle("100", "98", "102", "100");
    world.clock.advance_s(60);
    assert!(world.tick().await);
    world.sweep().await;
    assert!(world.take_messages().await.is_empty());
    world
        .emulators
        .calls()
        .into_iter()
        .filter(|((who, _, _), _)| who == "tick" || who == "trader")
        .map(|((_, service, operation), n)| ((service, operation), n))
        .collect()
}

#[tokio::test]
async fn a_tick_calls_as_often_for_a_thousand_idle_bots_as_for_ten() {
    let (few, many) = (calls_with(10).await, calls_with(1_000).await);
    assert_eq!(few, many);
    // G9, for one pair: state, below and above; the candle; and for all pairs the time index and the move of `seen_until`.
    let of = |operation: &str| many.get(&(Service::DynamoDb, operation.to_owned())).copied().unwrap_or(0);
    assert_eq!((of("GetItem"), of("PutItem"), of("TransactWriteItems")), (1, 1, 1));
    // Market: below, above, time. Sweep: due, three intent states, open deals, active bots, two kinds of jobs, the ledger.
    assert_eq!(of("Query"), 3 + 10);
}

#[tokio::test]
async fn a_bot_whose_price_is_crossed_is_woken() {
    let world = World::new().await;
    idle_bots(&world, 3).await;
    world.market.candle("100", "49", "101", "100");
    assert!(world.tick().await);
    assert_eq!(world.take_messages().await.len(), 3);
}
