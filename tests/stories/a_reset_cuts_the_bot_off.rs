//! The first promise, through HTTP alone.

use account::WallTime;
use serde_json::json;
use tests::world::World;

#[tokio::test]
async fn pr_11_pr_12_a_reset_ends_every_session_removes_the_key_and_leaves_the_bot_paused() {
    let world = World::seeded(1);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(&world).await;
    world.candle("59990", "60010", "60000").await;
    let deal = owner.deal().await;
    assert!(!deal["fills"].as_array().unwrap().is_empty(), "the bot trades: {deal}");
    let arn = owner.connection_item(&world).await["secret_arn"].as_str().unwrap().to_owned();
    assert!(world.secret_exists(&arn).await);

    let done = owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    let fence: WallTime = host::Clock::now(&*world.clock);
    assert_eq!(done["connections_removed"], 1);
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session", "PR-11");
    world.drain().await;
    assert!(!world.secret_exists(&arn).await, "G4: the secret is gone");
    assert!(!owner.connection_item(&world).await.contains_key("wrapped_dk"), "G3: no wrapped key is left");

    owner.signs_in().await;
    let bot = owner.get(&format!("/v1/bots/{}", owner.bot)).await.ok();
    assert!(bot.to_string().contains("password reset"), "{bot}");
    assert_eq!(owner.post(&format!("/v1/bots/{}/start", owner.bot), &json!({})).await.refused(), "connection_not_live");
    for price in ["59000", "58000", "62000"] {
        world.candle(price, price, price).await;
    }
    world.holds_no_order_accepted_after(fence.plus_ms(4_000)).await;
    world.no_call_was_refused();
}
