//! Done-when 8: failed ticks, dropped messages, gaps and a lagging index lose no wake and double no intent; what was
//! decided equals `decide` replayed over the recorded events.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod world;

use std::collections::BTreeSet;

use emulators::{Act, Fault, When};
use store::Table;
use store::entity::bot::partition;
use store::entity::intent::{Ask, Intent};
use strategy::decide::decide;
use strategy::id::BotId;
use strategy::market::{MarketTime, MarketView};
use world::{World, dca};

/// What was ever asked of the exchange about orders: one line per placement and cancel, without ids.
async fn asked(world: &World, bot: BotId) -> Vec<String> {
    let rows = world.store.read_partition(Table::Trading, &partition(bot), "INTENT#").await.unwrap();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| Intent::from_row(row).unwrap())
        .filter_map(|intent| match intent.ask {
            Ask::Place(o) => Some(format!(
                "place {} {} r{} a{} {:?} {}",
                o.key.slot.role, o.key.slot.level, o.key.revision, o.key.attempt, o.kind, o.quantity
            )),
            Ask::Cancel { number, .. } => Some(format!("cancel {number}")),
            Ask::QueryOrder { .. } | Ask::QueryConnection(_) => None,
        })
        .collect();
    lines.sort();
    lines
}

/// One deal: opens at 100, averages at 99 and 98, and takes profit; then time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    None,
    FailedTick,
    LostWrite,
    DroppedMessages,
    Gap,
    LaggingIndex,
}

async fn story(trouble: Trouble) -> (World, BotId) {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    // The index has not seen the deal's wakes yet when the market crosses them.
    if trouble == Trouble::LaggingIndex {
        world.emulators.lag_index("trading", "price", 90).unwrap();
    }
    let (bot, wake) = world.bot(connection, dca(Some(1))).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    world.drain().await;
    for (open, low, high, close) in
        [("100", "98.9", "100", "99.2"), ("99.2", "97.5", "99.2", "98.2"), ("98.2", "98", "101.5", "101")]
    {
        match trouble {
            Trouble::FailedTick => {
                world.market.fail(1);
                world.market.candle(open, low, high, close);
                world.clock.advance_s(60);
                assert!(!world.tick().await);
            }
            Trouble::LostWrite => {
                world.script.once(When::calls("tick", "UpdateItem"), Act::Fault(Fault::Status(500)));
                world.market.candle(open, low, high, close);
                world.clock.advance_s(60);
                world.tick().await;
            }
            Trouble::DroppedMessages => {
                world.market.candle(open, low, high, close);
                world.clock.advance_s(60);
                world.tick().await;
                world.take_messages().await;
            }
            Trouble::Gap => {
                world.minute(open, low, high, close).await;
                world.market.gap();
                world.clock.advance_s(60);
            }
            Trouble::None | Trouble::LaggingIndex => world.minute(open, low, high, close).await,
        }
        // Minutes that cross no line of the deal, while what was missed is made good.
        let quiet = if open == "98.2" { "101" } else { close };
        for _ in 0..8 {
            world.minute(quiet, quiet, quiet, quiet).await;
        }
    }
    (world, bot.id)
}

async fn check(trouble: Trouble) {
    let (clean, clean_bot) = story(Trouble::None).await;
    let (world, bot) = story(trouble).await;
    let expected = asked(&clean, clean_bot).await;
    assert!(expected.iter().any(|line| line.starts_with("place averaging 2")), "{expected:#?}");
    assert_eq!(asked(&world, bot).await, expected, "{trouble:?}");
    assert!(world.store.find_bot(bot).await.unwrap().unwrap().open_deal.is_none(), "{trouble:?}: the deal has ended");
    assert!(world.store.find_due().await.unwrap().is_empty(), "{trouble:?}: nothing is due for ever");
    replay(&world, bot).await;
}

/// Every recorded decision, taken again from the recorded events, gives the recorded deal (P4).
async fn replay(world: &World, bot: BotId) {
    let mut rows = world.store.activity_of(bot).await.unwrap();
    // The test clock stands still while much is decided: names of the same millisecond are in no order.
    rows.sort_by_key(|row| row.version);
    let deals = world.store.deals_of(bot).await.unwrap();
    let stored = deals.first().unwrap();
    let mut deal = None;
    let mut versions = BTreeSet::new();
    for row in rows.iter().filter(|row| row.deal == Some(stored.deal.id)) {
        let Some(saw) = &row.saw else { continue };
        assert!(versions.insert(row.version), "one decision per version");
        let candles = world.store.candles("paper", &row.pair, saw.after, saw.until).await.unwrap();
        let view = MarketView { candles: &candles, last: saw.last, now: saw.until, status: saw.status };
        let mut decision = match &deal {
            None => {
                let found = world.store.find_bot(bot).await.unwrap().unwrap();
                let rules = world.store.find_rules("paper", &row.pair).await.unwrap().unwrap();
                let start = strategy::decide::StartDeal {
                    bot,
                    deal: stored.deal.id,
                    pair: &row.pair,
                    rules: rules.rules,
                    fees: rules.fees,
                };
                strategy::decide::start_deal(&found.strategy, start, &view).unwrap()
            }
            Some(before) => decide(bot, before, &saw.orders, &view),
        };
        assert_eq!(function_trader::fit(&mut decision), saw.left_over);
        assert_eq!(decision.timeline, row.entries);
        deal = Some(decision.deal);
    }
    assert_eq!(deal.as_ref(), Some(&stored.deal));
}

#[tokio::test]
async fn without_trouble() {
    check(Trouble::None).await;
}
#[tokio::test]
async fn with_failed_ticks() {
    check(Trouble::FailedTick).await;
}
#[tokio::test]
async fn with_ticks_that_break_off() {
    check(Trouble::LostWrite).await;
}
#[tokio::test]
async fn with_dropped_messages() {
    check(Trouble::DroppedMessages).await;
}
#[tokio::test]
async fn with_candle_gaps() {
    check(Trouble::Gap).await;
}
#[tokio::test]
async fn with_an_index_that_lags_by_more_than_a_minute() {
    check(Trouble::LaggingIndex).await;
}

/// Nothing but the hint tells the trader of a stop: it rests nowhere. Lost, it comes again.
#[tokio::test]
async fn a_stop_whose_message_is_dropped_is_carried_out_later() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot(connection, dca(Some(1))).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    world.drain().await;
    world.market.candle("100", "94", "100", "94");
    world.clock.advance_s(60);
    world.tick().await;
    world.take_messages().await;
    for _ in 0..6 {
        world.minute("94", "94", "94", "94").await;
    }
    let asked = asked(&world, bot.id).await;
    assert_eq!(asked.iter().filter(|line| line.starts_with("place stop_loss")).count(), 1, "{asked:#?}");
    assert!(world.store.find_bot(bot.id).await.unwrap().unwrap().open_deal.is_none());
    replay(&world, bot.id).await;
}

/// More intents than one transaction holds follow by a wake that is due at once, under the names they would have had.
#[tokio::test]
async fn a_ladder_of_sixty_orders_is_placed_in_two_decisions() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let mut settings = serde_json::to_value(dca(Some(1))).unwrap();
    for (name, value) in [("count", 60.into()), ("active", 60.into()), ("deviation", serde_json::json!("0.05"))] {
        settings["averaging"][name] = value;
    }
    let (bot, wake) = world.bot(connection, serde_json::from_value(settings).unwrap()).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    world.drain().await;
    let asked = asked(&world, bot.id).await;
    assert_eq!(asked.len(), 62, "base, take profit and sixty averaging orders");
    assert!(asked.iter().all(|line| line.contains(" r0 a0 ")), "{asked:#?}");
    let rows = world.store.activity_of(bot.id).await.unwrap();
    assert_eq!(rows.iter().filter_map(|row| row.saw.as_ref()).filter(|saw| saw.left_over == 21).count(), 1);
    replay(&world, bot.id).await;
}
