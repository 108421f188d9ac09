//! Records, messages and schedules that come late or twice: one order before the reset, none after it.

use std::collections::BTreeMap;

use account::WallTime;
use exchange::Endpoint;
use host::Clock;
use tests::world::{Owner, World, dca};

async fn owner_who_trades(world: &World) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(world).await;
    owner
}

#[tokio::test]
async fn rf_7_a_record_that_is_delivered_again_and_again_leads_to_one_order() {
    let world = World::seeded(21);
    owner_who_trades(&world).await;
    for price in ["59300", "58700", "60500"] {
        world.candle(price, price, price).await;
        world.machine.redeliver(200).await.expect("delivered again");
        world.drain().await;
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for order in world.accepted_since(WallTime::from_ms(0)).await {
        *times.entry(order.client_order_id).or_default() += 1;
    }
    assert!(times.len() >= 3 && times.values().all(|n| *n == 1), "{times:?}");
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), times.len(), "and each was sent once");
}

#[tokio::test]
async fn rf_8_and_rf_9_what_was_decided_before_the_reset_moves_no_order_on_the_new_key() {
    let world = World::seeded(22);
    let mut owner = owner_who_trades(&world).await;
    let hint = first_hint(&world, &owner).await;
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    world.drain().await;
    owner.signs_in().await;
    owner.attaches_a_key().await;
    let fence = world.clock.now();
    let sent = world.exchange.count(Endpoint::PlaceOrder);

    // RF-8: the schedule's event comes six hours late; RF-9: and so do a message and every record.
    world.after(6 * 3600).await;
    world.candle("58000", "62000", "60000").await;
    world.machine.tick("market").await.expect("ticked");
    send_again(&world, &hint).await;
    world.machine.redeliver(500).await.expect("delivered again");
    world.sweep().await;
    assert_eq!(world.exchange.count(Endpoint::PlaceOrder), sent, "nothing was sent");
    world.holds_no_order_accepted_after(fence).await;

    // G7: a bot of the new key trades. The session had gone idle.
    owner.signs_in().await;
    owner.starts_a_bot(&dca(&owner.connection.clone())).await;
    world.drain().await;
    assert!(!world.accepted_since(fence).await.is_empty());
    world.no_call_was_refused();
}

fn queue(world: &World) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&world.machine.emulators().sdk_config(emulators::Caller::owner("auditor")))
}
fn queue_url(world: &World) -> String {
    world.machine.host("trader").expect("the trader").environment.text("QUEUE_DECISIONS_URL").expect("its queue")
}

/// A message of the tick to the trader, taken from the queue before it is worked; it stays in the queue.
async fn first_hint(world: &World, owner: &Owner) -> String {
    owner.post(&format!("/v1/bots/{}/stop", owner.bot), &serde_json::json!({})).await.ok();
    owner.post(&format!("/v1/bots/{}/start", owner.bot), &serde_json::json!({})).await.ok();
    let received = queue(world).receive_message().queue_url(queue_url(world)).send().await.expect("received");
    let body = received.messages.unwrap_or_default().first().and_then(|m| m.body.clone()).expect("a hint");
    // It becomes visible again after its timeout.
    world.after(61).await;
    body
}
async fn send_again(world: &World, body: &str) {
    queue(world).send_message().queue_url(queue_url(world)).message_body(body).send().await.expect("sent");
    world.drain().await;
}
