//! P5, G9: an idle bot costs nothing. A market minute calls as often for a thousand of them as for ten.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use emulators::{Caller, Service};
use exchange::Endpoint;
use tests::world::World;

type Item = HashMap<String, AttributeValue>;

fn tables(world: &World) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&world.machine.emulators().sdk_config(Caller::owner("auditor")))
}

/// An owner whose one bot waits with open orders between its lines, and `count` copies of that bot with ids of their own.
async fn idle_bots(world: &World, count: usize) {
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(world).await;
    // The base order fills, the ladder and the take profit rest, the balances are told.
    world.quiet_minutes(3).await;
    world.drain().await;
    let deal = owner.deal().await;
    assert_eq!(
        deal["open_orders"].as_array().map(Vec::len),
        Some(3),
        "take profit and two averaging orders rest: {deal}"
    );
    let (bot, deal) = (owner.bot.clone(), deal["id"].as_str().expect("an id").to_owned());
    let client = tables(world);
    let found = client
        .query()
        .table_name("shearpin-trading")
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(format!("BOT#{bot}")))
        .send()
        .await
        .expect("the bot's items")
        .items
        .unwrap_or_default();
    let kept: Vec<Item> = found.into_iter().filter(|item| !matches!(item.get("sk"), Some(AttributeValue::S(sk)) if sk.starts_with("INTENT#") || sk.starts_with("ACTIVITY#"))).collect();
    assert!(kept.len() >= 6, "bot, deal, wakes and orders: {}", kept.len());
    let mut puts = Vec::new();
    for copy in 1..count {
        let own = |id: &str| format!("{}{copy:06}", &id[..id.len() - 6]);
        let renamed = |value: &AttributeValue| match value {
            AttributeValue::S(text) => AttributeValue::S(text.replace(&bot, &own(&bot)).replace(&deal, &own(&deal))),
            other => other.clone(),
        };
        for item in &kept {
            let item: Item = item.iter().map(|(name, value)| (name.clone(), renamed(value))).collect();
            puts.push(
                WriteRequest::builder()
                    .put_request(PutRequest::builder().set_item(Some(item)).build().expect("an item"))
                    .build(),
            );
        }
    }
    for chunk in puts.chunks(25) {
        client.batch_write_item().request_items("shearpin-trading", chunk.to_vec()).send().await.expect("written");
    }
    world.drain().await;
}

/// The calls of one market minute without a crossing and of one sweep; the requests to the exchange.
async fn calls_of_a_quiet_minute(count: usize) -> (BTreeMap<(String, Service, String), u64>, usize) {
    let world = World::seeded(1_000);
    idle_bots(&world, count).await;
    // What was written is looked at once; from here on nothing has happened.
    world.quiet_minutes(1).await;
    world.sweep().await;
    let asked = |world: &World| {
        [
            Endpoint::PlaceOrder,
            Endpoint::CancelOrder,
            Endpoint::QueryOrder,
            Endpoint::OpenOrders,
            Endpoint::MyTrades,
            Endpoint::Account,
        ]
        .iter()
        .map(|e| world.exchange.count(*e))
        .sum::<usize>()
    };
    let before = asked(&world);
    world.machine.emulators().reset_calls();
    // Between the first averaging price at 1 % below and the take profit at 1 % above.
    world.candle("59950", "60100", "60010").await;
    world.sweep().await;
    world.no_call_was_refused();
    (world.machine.emulators().calls(), asked(&world) - before)
}

#[tokio::test]
async fn g9_a_market_minute_costs_the_same_for_ten_and_for_a_thousand_idle_bots() {
    let (ten, asked_for_ten) = calls_of_a_quiet_minute(10).await;
    let (thousand, asked_for_thousand) = calls_of_a_quiet_minute(1_000).await;
    let total = |calls: &BTreeMap<_, u64>| calls.values().sum::<u64>();
    println!(
        "G9: calls of one market minute and one sweep: {} with 10 idle bots, {} with 1,000",
        total(&ten),
        total(&thousand)
    );
    for ((who, service, operation), n) in &thousand {
        println!("    {n:>3} {who} {service:?} {operation}");
    }
    assert_eq!(ten, thousand);
    assert_eq!((asked_for_ten, asked_for_thousand), (0, 0), "no request to the exchange's private side");
    let idle = |who: &str| thousand.keys().all(|(caller, ..)| caller != who);
    assert!(idle("trader") && idle("signer"), "nobody decides and nobody signs: {thousand:?}");
}

#[tokio::test]
async fn every_copy_is_a_real_bot_that_wakes_when_its_line_is_crossed() {
    let world = World::seeded(1_001);
    idle_bots(&world, 10).await;
    world.quiet_minutes(1).await;
    world.machine.emulators().reset_calls();
    // Through the first averaging price of all ten.
    world.candle("59000", "60010", "59300").await;
    let calls = world.machine.emulators().calls();
    let of = |who: &str, service: Service, operation: &str| {
        calls.get(&(who.to_owned(), service, operation.to_owned())).copied().unwrap_or(0)
    };
    assert_eq!(of("tick", Service::Sqs, "SendMessage"), 10, "each is sent to be decided: {calls:?}");
    assert!(of("tick", Service::DynamoDb, "PutItem") >= 10, "and each asks about its own order");
}
