//! The kill switch: one call stops every entry of the account; what is held can still be sold; only a full sign-in
//! releases it (ST-5).

use serde_json::{Value, json};
use tests::world::{Owner, World};

/// An owner whose bot holds a position, with two averaging orders and a take profit resting.
async fn holding(world: &World) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(world).await;
    world.quiet_minutes(2).await;
    assert_eq!(resting(&owner, "averaging").await.len(), 2);
    owner
}

/// Price and quantity of the orders of a role that rest.
async fn resting(owner: &Owner, role: &str) -> Vec<(String, String)> {
    let deal = owner.deal().await;
    let open = deal["open_orders"].as_array().expect("orders");
    let of_role = open.iter().filter(|order| order["role"] == role);
    let mut found: Vec<_> = of_role.map(|order| (order["price"].to_string(), order["quantity"].to_string())).collect();
    found.sort();
    found
}
async fn stop(owner: &Owner) -> Value {
    owner.post("/v1/kill-switch", &json!({})).await.ok()
}
async fn release(owner: &Owner) -> Value {
    owner.stepped_up("POST", "/v1/kill-switch/release", Some(&json!({}))).await.ok()
}
async fn is_stopped(owner: &Owner) -> bool {
    owner.get("/v1/bots").await.ok()["trading_stopped"].as_bool().expect("said")
}
fn mails(world: &World, owner: &Owner, text: &str) -> usize {
    world.mails_to(&owner.email).iter().filter(|mail| mail.contains(text)).count()
}

#[tokio::test]
async fn st_5_a_stop_takes_a_session_alone_and_cancels_entries_while_the_take_profit_still_fills() {
    let world = World::seeded(1201);
    let owner = holding(&world).await;
    let target = resting(&owner, "take_profit").await;
    assert!(!is_stopped(&owner).await);
    assert_eq!(stop(&owner).await, json!({ "trading_stopped": true, "bots": 1 }));
    world.drain().await;
    world.quiet_minutes(1).await;
    assert!(is_stopped(&owner).await);
    assert_eq!(resting(&owner, "averaging").await, []);
    assert_eq!(resting(&owner, "take_profit").await, target, "what protects stays");
    let activity = owner.get("/v1/activity").await.ok().to_string();
    assert!(activity.contains("trading_stopped"), "{activity}");
    assert_eq!(mails(&world, &owner, "all trading of your account was stopped"), 1);
    // The market falls through the whole ladder: nothing is bought. Then it rises: the position is sold.
    let placed = world.exchange.count(exchange::Endpoint::PlaceOrder);
    world.candle("57500", "60000", "58000").await;
    world.quiet_minutes(2).await;
    assert_eq!(world.exchange.count(exchange::Endpoint::PlaceOrder), placed, "no entry is placed");
    world.candle("58000", "62000", "61500").await;
    world.quiet_minutes(3).await;
    let deals = owner.get(&format!("/v1/bots/{}/deals", owner.bot)).await.ok();
    let deals = deals["items"].as_array().unwrap();
    assert_eq!(deals.len(), 1, "no deal follows: {deals:?}");
    assert_eq!(deals[0]["outcome"], "take_profit");
    let bot = owner.get(&format!("/v1/bots/{}", owner.bot)).await.ok();
    assert!(bot.to_string().contains("trading is stopped"), "the owner reads why: {bot}");
    world.no_call_was_refused();
}

#[tokio::test]
async fn st_5_a_release_takes_a_proof_and_then_the_ladder_comes_again() {
    let world = World::seeded(1202);
    let owner = holding(&world).await;
    let ladder = resting(&owner, "averaging").await;
    stop(&owner).await;
    world.drain().await;
    world.quiet_minutes(1).await;
    let refused = owner.post("/v1/kill-switch/release", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.refused()), (403, "step_up_required"));
    world.drain().await;
    assert!(is_stopped(&owner).await);
    assert_eq!(resting(&owner, "averaging").await, []);
    assert_eq!(release(&owner).await, json!({ "trading_stopped": false, "bots": 1 }));
    world.drain().await;
    world.quiet_minutes(1).await;
    assert!(!is_stopped(&owner).await);
    assert_eq!(resting(&owner, "averaging").await, ladder, "the same prices and amounts");
    assert_eq!(mails(&world, &owner, "trading of your account was released"), 1);
    world.no_call_was_refused();
}

#[tokio::test]
async fn st_5_a_bot_between_deals_starts_none_until_the_release_and_then_at_once() {
    let world = World::seeded(1203);
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    stop(&owner).await;
    let form = tests::world::dca(&owner.connection);
    owner.starts_a_bot(&form).await;
    world.drain().await;
    world.quiet_minutes(2).await;
    let path = format!("/v1/bots/{}/deals", owner.bot);
    assert_eq!(owner.get(&path).await.ok()["items"], json!([]));
    assert_eq!(world.exchange.count(exchange::Endpoint::PlaceOrder), 0);
    release(&owner).await;
    world.drain().await;
    world.quiet_minutes(1).await;
    assert_eq!(owner.get(&path).await.ok()["items"].as_array().unwrap().len(), 1);
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn st_5_fifty_stops_at_once_switch_and_mail_once() {
    let world = World::seeded(1204);
    let owner = world.owner("owner@example.org").await;
    for answered in owner.at_once(50, "/v1/kill-switch", &json!({})).await {
        answered.ok();
    }
    world.drain().await;
    assert!(is_stopped(&owner).await);
    assert_eq!(mails(&world, &owner, "all trading of your account was stopped"), 1);
    release(&owner).await;
    release(&owner).await;
    world.drain().await;
    assert_eq!(mails(&world, &owner, "trading of your account was released"), 1);
}

#[tokio::test]
async fn st_5_a_reset_does_not_release_it() {
    let world = World::seeded(1205);
    let mut owner = world.owner("owner@example.org").await;
    stop(&owner).await;
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    owner.signs_in().await;
    assert!(is_stopped(&owner).await);
}
