//! What an exchange key may be used for: less at once with a session, more with a proof, a mail and a wait (ST-2, ST-3).

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use serde_json::{Value, json};
use tests::world::{Answered, Client, Owner, PAIR, World, dca};

const OTHER: &str = "ETH-USDT";
const THIRD: &str = "SOL-USDT";
const HOUR_MS: i64 = 3_600_000;

/// An owner with a paper key for these pairs; the market has a candle.
async fn owner_with(world: &World, pairs: &[&str]) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
    let form = json!({ "exchange": "paper", "label": "limits", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": pairs });
    let attached = owner.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
    owner.connection = attached["connection"]["id"].as_str().expect("an id").to_owned();
    world.drain().await;
    owner
}
fn path(owner: &Owner) -> String {
    format!("/v1/connections/{}/limits", owner.connection)
}
async fn change(owner: &Owner, limits: &Value) -> Answered {
    owner.send("PATCH", &path(owner), Some(&limits.to_string()), &[]).await
}
async fn change_with_proof(owner: &Owner, limits: &Value) -> Answered {
    owner.stepped_up("PATCH", &path(owner), Some(limits)).await
}
async fn shown(owner: &Owner) -> Value {
    owner.get(&format!("/v1/connections/{}", owner.connection)).await.ok()["connection"].clone()
}
/// Whether a bot for the pair of the market can be made.
async fn allows(owner: &Owner) -> bool {
    let answered = owner.post("/v1/bots", &dca(&owner.connection)).await;
    if answered.status.is_success() {
        return true;
    }
    assert_eq!(answered.refused(), "pair_not_allowed");
    false
}
fn mails(world: &World, owner: &Owner, text: &str) -> usize {
    world.mails_to(&owner.email).iter().filter(|mail| mail.contains(text)).count()
}
/// Lets time pass, and the owner sign in meanwhile, so that a session lives at the end.
async fn passes(world: &World, owner: &mut Owner, ms: i64) {
    let before = host::Clock::now(&*world.clock);
    world.clock.advance_ms(ms - 60_000);
    owner.signs_in().await;
    world.clock.advance_ms(ms - host::Clock::now(&*world.clock).ms_since(before));
}

#[tokio::test]
async fn st_2_a_tightening_takes_a_session_alone_and_holds_at_once_for_every_client() {
    for client in Client::ALL {
        let world = World::seeded(1301);
        let mut owner = owner_with(&world, &[PAIR, OTHER]).await;
        owner.client = client;
        assert!(allows(&owner).await);
        let changed = change(&owner, &json!({ "allowed_pairs": [OTHER] })).await.ok();
        assert_eq!(changed["connection"]["allowed_pairs"], json!([OTHER]));
        assert!(!allows(&owner).await);
        // Back again is a loosening, and so is the shortening of a wait that was just lengthened.
        assert_eq!(change(&owner, &json!({ "allowed_pairs": [PAIR, OTHER] })).await.refused(), "step_up_required");
        change(&owner, &json!({ "loosening_wait_h": 48 })).await.ok();
        assert_eq!(change(&owner, &json!({ "loosening_wait_h": 24 })).await.refused(), "step_up_required");
        // A mixed change is a loosening as a whole.
        assert_eq!(change(&owner, &json!({ "allowed_pairs": [PAIR] })).await.refused(), "step_up_required");
        // The same again changes nothing.
        change(&owner, &json!({ "allowed_pairs": [OTHER], "loosening_wait_h": 48 })).await.ok();
        assert_eq!(shown(&owner).await["allowed_pairs"], json!([OTHER]));
        assert_eq!(shown(&owner).await["waiting_limits"], Value::Null);
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn st_3_a_loosening_takes_effect_after_24_hours_to_the_millisecond_and_is_announced_at_once() {
    for client in Client::ALL {
        let world = World::seeded(1302);
        let mut owner = owner_with(&world, &[OTHER]).await;
        owner.client = client;
        let wanted = json!({ "allowed_pairs": [OTHER, PAIR] });
        let waiting = change_with_proof(&owner, &wanted).await.ok()["connection"].clone();
        let at = host::Clock::now(&*world.clock).plus_ms(24 * HOUR_MS);
        assert_eq!(waiting["waiting_limits"]["effective_at"], at.to_string());
        assert_eq!(waiting["allowed_pairs"], json!([OTHER]));
        world.drain().await;
        assert_eq!(mails(&world, &owner, &at.to_string()), 1, "{:?}", world.mails_to(&owner.email));
        passes(&world, &mut owner, 24 * HOUR_MS - 1).await;
        assert!(!allows(&owner).await);
        world.clock.advance_ms(1);
        assert!(allows(&owner).await);
        assert_eq!(shown(&owner).await["waiting_limits"], Value::Null);
        // The order path agrees: the bot trades.
        let form = dca(&owner.connection);
        owner.starts_a_bot(&form).await;
        world.drain().await;
        assert_eq!(world.exchange.count(exchange::Endpoint::PlaceOrder), 1);
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn st_3_asking_again_neither_shortens_nor_lengthens_the_wait() {
    let world = World::seeded(1303);
    let owner = owner_with(&world, &[OTHER]).await;
    let wanted = json!({ "allowed_pairs": [OTHER, PAIR] });
    let first = change_with_proof(&owner, &wanted).await.ok()["connection"]["waiting_limits"].clone();
    world.clock.advance(60);
    let again = change_with_proof(&owner, &wanted).await.ok()["connection"]["waiting_limits"].clone();
    assert_eq!(first, again);
    world.drain().await;
    assert_eq!(mails(&world, &owner, "looser limits were asked for"), 1);
    // Another one waits anew, whole.
    let other = json!({ "allowed_pairs": [OTHER, PAIR, THIRD] });
    let third = change_with_proof(&owner, &other).await.ok()["connection"]["waiting_limits"].clone();
    assert_eq!(third["effective_at"], host::Clock::now(&*world.clock).plus_ms(24 * HOUR_MS).to_string());
}

#[tokio::test]
async fn st_3_a_cancel_in_the_last_second_works_and_takes_a_session_alone() {
    let world = World::seeded(1304);
    let mut owner = owner_with(&world, &[OTHER]).await;
    change_with_proof(&owner, &json!({ "allowed_pairs": [OTHER, PAIR] })).await.ok();
    passes(&world, &mut owner, 24 * HOUR_MS - 1_000).await;
    let left = owner.delete(&path(&owner)).await.ok();
    assert_eq!(left["connection"]["waiting_limits"], Value::Null);
    owner.delete(&path(&owner)).await.ok();
    world.clock.advance(10);
    assert!(!allows(&owner).await);
    world.drain().await;
    assert_eq!(mails(&world, &owner, "were cancelled"), 1, "twice is no error, and one mail");
    world.no_call_was_refused();
}

#[tokio::test]
async fn st_3_a_longer_wait_holds_for_the_next_loosening_and_its_shortening_waits_as_long() {
    let world = World::seeded(1305);
    let mut owner = owner_with(&world, &[OTHER]).await;
    change(&owner, &json!({ "loosening_wait_h": 100 })).await.ok();
    let shorter = change_with_proof(&owner, &json!({ "loosening_wait_h": 24 })).await.ok()["connection"].clone();
    let at = host::Clock::now(&*world.clock).plus_ms(100 * HOUR_MS).to_string();
    assert_eq!(shorter["waiting_limits"]["effective_at"], at);
    passes(&world, &mut owner, 100 * HOUR_MS).await;
    assert_eq!(shown(&owner).await["loosening_wait_h"], 24);
    for (hours, refused) in [(23, true), (721, true), (0, true), (720, false)] {
        let answered = change(&owner, &json!({ "loosening_wait_h": hours })).await;
        assert_eq!(!answered.status.is_success(), refused, "{hours}: {}", answered.body);
    }
    assert_eq!(change(&owner, &json!({})).await.refused(), "invalid_fields");
}

#[tokio::test]
async fn st_3_a_tightening_while_a_loosening_waits_holds_for_both() {
    let world = World::seeded(1306);
    let mut owner = owner_with(&world, &[OTHER, THIRD]).await;
    change_with_proof(&owner, &json!({ "allowed_pairs": [OTHER, THIRD, PAIR] })).await.ok();
    let changed = change(&owner, &json!({ "allowed_pairs": [THIRD] })).await.ok()["connection"].clone();
    assert_eq!(changed["allowed_pairs"], json!([THIRD]));
    assert_eq!(changed["waiting_limits"]["allowed_pairs"], json!([PAIR, THIRD]));
    passes(&world, &mut owner, 24 * HOUR_MS).await;
    assert_eq!(shown(&owner).await["allowed_pairs"], json!([PAIR, THIRD]));
    assert!(allows(&owner).await);
}

#[tokio::test]
async fn st_3_nothing_becomes_loose_before_the_cooling_off_ends() {
    let world = World::seeded(1307);
    let owner = owner_with(&world, &[OTHER]).await;
    let until = host::Clock::now(&*world.clock).plus_ms(96 * HOUR_MS);
    cools_until(&world, until.ms()).await;
    let waiting = change_with_proof(&owner, &json!({ "allowed_pairs": [OTHER, PAIR] })).await.ok();
    assert_eq!(waiting["connection"]["waiting_limits"]["effective_at"], until.to_string());
}

async fn cools_until(world: &World, until_ms: i64) {
    let client =
        aws_sdk_dynamodb::Client::new(&world.machine.emulators().sdk_config(emulators::Caller::owner("auditor")));
    let user = world.dump("identity").await.into_iter().find(|item| item["sk"] == "STATE").expect("the user");
    client
        .update_item()
        .table_name("shearpin-identity")
        .key("pk", S(user["pk"].as_str().unwrap().to_owned()))
        .key("sk", S("STATE".into()))
        .update_expression("SET trading_state = :cooling, cooling_until = :until")
        .expression_attribute_values(":cooling", S("COOLING".into()))
        .expression_attribute_values(":until", N(until_ms.to_string()))
        .send()
        .await
        .expect("updated");
}

#[tokio::test]
async fn st_3_a_reset_kills_what_waits_with_the_key() {
    let world = World::seeded(1308);
    let mut owner = owner_with(&world, &[OTHER]).await;
    change_with_proof(&owner, &json!({ "allowed_pairs": [OTHER, PAIR] })).await.ok();
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    passes(&world, &mut owner, 24 * HOUR_MS).await;
    let connection = shown(&owner).await;
    assert_eq!((&connection["status"], &connection["waiting_limits"]), (&json!("revoked"), &Value::Null));
    for answered in [change(&owner, &json!({ "allowed_pairs": [OTHER] })).await, owner.delete(&path(&owner)).await] {
        assert_eq!(answered.refused(), "connection_not_live");
    }
}

#[tokio::test]
async fn st_4_a_proof_for_other_limits_or_another_connection_loosens_nothing() {
    let world = World::seeded(1309);
    let owner = owner_with(&world, &[OTHER]).await;
    let wanted = json!({ "allowed_pairs": [OTHER, PAIR] }).to_string();
    let here = path(&owner);
    for (method, path, body) in [
        ("PATCH", here.as_str(), json!({ "allowed_pairs": [OTHER, THIRD] }).to_string()),
        ("PATCH", "/v1/connections", wanted.clone()),
        ("DELETE", here.as_str(), wanted.clone()),
    ] {
        let proof = owner.proof_for(method, path, body.as_bytes()).await;
        let answered = owner.send("PATCH", &here, Some(&wanted), &[("x-step-up", &proof)]).await;
        assert_eq!(answered.refused(), "step_up_required", "{method} {path} {body}");
    }
    let proof = owner.proof_for("PATCH", &here, wanted.as_bytes()).await;
    owner.send("PATCH", &here, Some(&wanted), &[("x-step-up", &proof)]).await.ok();
    owner.delete(&here).await.ok();
    let twice = owner.send("PATCH", &here, Some(&wanted), &[("x-step-up", &proof)]).await;
    assert_eq!(twice.refused(), "step_up_required", "a proof counts once");
    assert_eq!(shown(&owner).await["waiting_limits"], Value::Null);
}

#[tokio::test]
async fn st_2_a_tightening_and_a_loosening_at_once_never_bring_back_what_was_taken_away() {
    for seed in 1310..1314 {
        let world = World::seeded(seed);
        let owner = owner_with(&world, &[OTHER, THIRD]).await;
        let looser = json!({ "allowed_pairs": [OTHER, THIRD, PAIR] }).to_string();
        let here = path(&owner);
        let proof = owner.proof_for("PATCH", &here, looser.as_bytes()).await;
        world.interleaves_calls();
        let tighter = json!({ "allowed_pairs": [THIRD] });
        let headers = [("x-step-up", proof.as_str())];
        let (tightened, loosened) =
            tokio::join!(change(&owner, &tighter), owner.send("PATCH", &here, Some(&looser), &headers));
        for answered in [&tightened, &loosened] {
            assert!(answered.status.is_success() || answered.refused() == "stale_version", "{}", answered.body);
        }
        let connection = shown(&owner).await;
        if tightened.status.is_success() && loosened.status.is_success() {
            assert_eq!(connection["allowed_pairs"], json!([THIRD]), "{seed}");
        } else {
            assert_ne!(tightened.status, loosened.status, "{seed}: one of them holds");
        }
        if tightened.status.is_success() {
            assert_eq!(connection["allowed_pairs"], json!([THIRD]), "{seed}: {connection}");
        }
    }
}
