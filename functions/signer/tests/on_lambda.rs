//! The unmodified `signer` binary under a Runtime API places an order from a stream event, as on the local host.

use emulators::{Act, Fault, When};
use host::Clock;
use serde_json::json;
use tests::runtime_api::Lambda;
use tests::world::{World, dca};

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_places_the_order_that_a_stream_record_asks_for() {
    let world = World::beside_the_system_clock(43);
    let mut owner = world.owner("signer@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    let form = dca(&owner.connection);
    // The local signer cannot read, so the intent stays PROPOSED for the binary.
    world.faults.always(
        When { caller: Some("signer".into()), operation: None, body_has: None },
        Act::Fault(Fault::Status(500)),
    );
    owner.starts_a_bot(&form).await;
    world.drain().await;
    world.faults.clear();
    let start = world.clock.now();
    let mut reader = world.machine.emulators().stream("shearpin-trading", "parity").expect("the stream");
    let records: Vec<_> = reader
        .try_batch(500)
        .expect("records")
        .into_iter()
        .filter(|r| {
            r["dynamodb"]["NewImage"]["what"]["S"] == "PLACE" && r["dynamodb"]["NewImage"]["state"]["S"] == "PROPOSED"
        })
        .collect();
    assert_eq!(records.len(), 1, "the base order is proposed");

    let mut lambda = Lambda::start(&world, "signer", env!("CARGO_BIN_EXE_signer")).await;
    let answer = lambda.invoke(&json!({ "Records": records })).await.expect("an answer");
    assert_eq!(answer["batchItemFailures"].as_array().map_or(0, Vec::len), 0, "{answer}");
    assert_eq!(world.accepted_since(start.plus_seconds(-60)).await.len(), 1, "one order was accepted");
    // RF-7: the same record again leads to no second order.
    lambda.invoke(&json!({ "Records": records })).await.expect("an answer");
    assert_eq!(world.accepted_since(start.plus_seconds(-60)).await.len(), 1, "and only one");
    world.no_call_was_refused();
}
