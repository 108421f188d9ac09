//! The unmodified `tick` binary under a Runtime API works scheduled events like the library on the local host.

use serde_json::json;
use tests::runtime_api::Lambda;
use tests::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_reads_the_market_and_wakes_whom_it_crosses() {
    let world = World::beside_the_system_clock(42);
    let mut owner = world.owner("tick@example.org").await;
    owner.trades(&world).await;
    world.quiet_minutes(3).await;
    let before = world.dump("market").await.len();
    // A candle that the local tick has not seen: only the exchange has it.
    let minute = world.tape.lock().unwrap().next(&world.pair(), "59000", "60000", "59100");
    for (pair, candle) in &minute.candles {
        function_paper_exchange::apply_candle(world.machine.paper(), pair, *candle).await.expect("applied");
    }
    let mut lambda = Lambda::start(&world, "tick", env!("CARGO_BIN_EXE_tick")).await;
    lambda.invoke(&json!({ "schedule": "market" })).await.expect("the market tick");
    assert_eq!(world.dump("market").await.len(), before + 1, "the candle was recorded");
    let asked = world
        .dump("trading")
        .await
        .into_iter()
        .filter(|i| i["sk"].as_str().is_some_and(|sk| sk.starts_with("INTENT#QUERY#")))
        .count();
    assert!(asked > 0, "the crossed averaging order is asked about");
    lambda.invoke(&json!({ "schedule": "sweep" })).await.expect("the sweep");
    let refused = lambda.invoke(&json!({ "schedule": "nonsense" })).await;
    assert!(refused.is_err(), "an unknown schedule is an error: {refused:?}");
    world.no_call_was_refused();
}
