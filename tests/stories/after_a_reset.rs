//! What holds after a reset: nothing old opens anything, the key is gone, the market moves no order, and the owner goes on.

use account::WallTime;
use host::Clock;
use serde_json::{Value, json};
use tests::world::{Owner, World, dca};

const NEW_PASSWORD: &str = "eleven copper kettles whistling";
/// G2: receive window and clock tolerance, in ms.
const W_MS: i64 = 4_000;

async fn owner_in_a_deal(world: &World) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(world).await;
    world.candle("59990", "60010", "60000").await;
    assert!(!owner.deal().await["fills"].as_array().expect("fills").is_empty());
    owner
}

#[tokio::test]
async fn pr_11_every_old_way_in_is_refused_on_the_next_request() {
    let world = World::seeded(41);
    let mut owner = owner_in_a_deal(&world).await;
    let mut second = world.stranger("owner@example.org");
    second.seed = owner.seed.clone();
    second.signs_in().await;
    // Prepared before the reset: a challenge that waits for its factor, a proof that waits for its request, a mailed link.
    let challenge = second.log_in().await.ok()["challenge"]["id"].as_str().expect("a challenge").to_owned();
    let detach = format!("/v1/connections/{}", owner.connection);
    let form = json!({});
    let proof = owner.step_up("POST", "/v1/second-factors/recovery-codes", Some(&form)).await.ok()["proof"]
        .as_str()
        .expect("a proof")
        .to_owned();
    let reset = owner.prepares_a_reset(&world, NEW_PASSWORD).await;
    let old = owner.clone();
    owner.completes(&reset).await;

    // PR-11, SS-3: sessions of the owner and of any other browser.
    for (who, browser) in [("the owner's", &*old), ("another", &second)] {
        for path in ["/v1/me", "/v1/connections", "/v1/bots", "/v1/sessions"] {
            assert_eq!(browser.get(path).await.refused(), "no_session", "{who} session at {path}");
        }
        assert_eq!(browser.delete(&detach).await.refused(), "no_session", "{who}");
    }
    // The old password, with and without waiting.
    assert_eq!(old.log_in().await.refused(), "sign_in_refused");
    // LG-2: the challenge, with a right and fresh code.
    let answer = json!({ "challenge": challenge, "totp": owner.fresh_code() });
    assert_eq!(second.post("/v1/login/second-factor", &answer).await.refused(), "challenge_refused");
    // RF-18: the proof, in the old session and in a new one.
    let with_proof = [("x-step-up", proof.as_str())];
    assert_eq!(
        old.send("POST", "/v1/second-factors/recovery-codes", Some("{}"), &with_proof).await.refused(),
        "no_session"
    );
    owner.signs_in().await;
    assert_eq!(
        owner.send("POST", "/v1/second-factors/recovery-codes", Some("{}"), &with_proof).await.refused(),
        "step_up_required"
    );
    // PR-4: the link itself.
    let mut again = reset.clone();
    again["totp"] = json!(owner.fresh_code());
    assert_eq!(owner.post("/v1/password-reset/complete", &again).await.refused(), "reset_refused");
    assert!(owner.get("/v1/me").await.status.is_success(), "the new session is untouched by all that");
    world.no_call_was_refused();
}

#[tokio::test]
async fn pr_12_the_key_is_gone_from_both_stores_and_the_bot_says_why_it_rests() {
    let world = World::seeded(42);
    let mut owner = owner_in_a_deal(&world).await;
    let before = owner.connection_item(&world).await;
    let arn = before["secret_arn"].as_str().expect("an ARN").to_owned();
    assert!(before.contains_key("wrapped_dk") && world.secret_exists(&arn).await, "there was something to remove");

    owner.resets_the_password(&world, NEW_PASSWORD).await;
    // G1, G3: with the commit itself, before any job has run.
    let at_once = owner.connection_item(&world).await;
    assert!(!at_once.contains_key("wrapped_dk") && at_once["status"] == "REVOKED", "{at_once:?}");
    world.drain().await;
    // G4.
    assert!(!world.secret_exists(&arn).await);
    let ledger: Vec<_> = world
        .dump("vault")
        .await
        .into_iter()
        .filter(|item| item["pk"].as_str().is_some_and(|pk| pk.starts_with("LEDGER#")))
        .collect();
    assert!(!ledger.is_empty() && ledger.iter().all(|row| row["state"] == "DELETED"), "{ledger:?}");

    owner.signs_in().await;
    let bot = shown_bot(&owner).await;
    assert_eq!(bot["status"], "paused: key deleted by password reset", "{bot}");
    let listed = owner.get("/v1/connections").await.ok();
    assert!(!listed.to_string().contains("\"live\""), "{listed}");
    world.no_call_was_refused();
}

#[tokio::test]
async fn g_1_half_an_hour_of_market_through_every_level_moves_no_order() {
    let world = World::seeded(43);
    let mut owner = owner_in_a_deal(&world).await;
    owner.resets_the_password(&world, NEW_PASSWORD).await;
    let fence = world.clock.now();
    // Take profit above, three averaging levels and the stop below, again and again, with sweeps in between.
    for price in ["61000", "59300", "58700", "58100", "53000", "62000"].iter().cycle().take(30) {
        world.clock.advance(60);
        world.candle(price, price, price).await;
        world.sweep().await;
    }
    world.holds_no_order_accepted_after(fence.plus_ms(W_MS)).await;
    // The same market moves orders where no reset was made: the story can fail.
    let control = World::seeded(43);
    owner_in_a_deal(&control).await;
    let begun = control.clock.now();
    for price in ["59300", "58700", "62000"] {
        control.clock.advance(60);
        control.candle(price, price, price).await;
    }
    assert!(!control.accepted_since(begun).await.is_empty());
    world.no_call_was_refused();
}

#[tokio::test]
async fn g_7_the_owner_attaches_a_new_key_at_once_and_trades_with_new_bots_alone() {
    let world = World::seeded(44);
    let mut owner = owner_in_a_deal(&world).await;
    let (old_bot, old_connection) = (owner.bot.clone(), owner.connection.clone());
    // G7: also while the old deletion does not go through.
    world
        .faults
        .always(emulators::When::calls("shredder", "DeleteSecret"), emulators::Act::Fault(emulators::Fault::Throttle));
    owner.resets_the_password(&world, NEW_PASSWORD).await;
    owner.signs_in().await;
    let me = owner.get("/v1/me").await.ok();
    assert_eq!(me["trading_state"].as_str().map(str::to_uppercase), Some("COOLING".into()), "{me}");
    owner.attaches_a_key().await;
    assert_ne!(owner.connection, old_connection);
    let fence = world.clock.now();
    world.candle("59990", "60010", "60000").await;
    world.holds_no_order_accepted_after(fence).await;
    assert_eq!(owner.post(&format!("/v1/bots/{old_bot}/start"), &json!({})).await.refused(), "connection_not_live");

    owner.starts_a_bot(&dca(&owner.connection.clone())).await;
    world.drain().await;
    world.candle("59990", "60010", "60000").await;
    assert!(!owner.deal().await["fills"].as_array().expect("fills").is_empty(), "the new bot trades");
    let accepted = world.accepted_since(fence).await;
    let accounts: std::collections::BTreeSet<_> =
        world.accepted_since(WallTime::from_ms(0)).await.into_iter().map(|o| o.account).collect();
    assert!(!accepted.is_empty() && accounts.len() == 2, "on the new key alone: {accepted:?}");
    assert!(accepted.iter().all(|order| order.account == accepted[0].account));

    // The deletion goes through at last.
    world.faults.clear();
    for _ in 0..16 {
        world.after(60).await;
        world.sweep().await;
    }
    assert_eq!(world.secrets().await.len(), 1, "only the new key's");
    world.no_call_was_refused();
}

async fn shown_bot(owner: &Owner) -> Value {
    let shown = owner.get(&format!("/v1/bots/{}", owner.bot)).await.ok();
    if shown["bot"].is_object() { shown["bot"].clone() } else { shown }
}
