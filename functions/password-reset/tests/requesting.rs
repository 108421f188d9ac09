//! Asking for a reset, looking at one, and what a token is worth.
#![allow(clippy::allow_attributes, reason = "not every file needs every one, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod reset;
mod world;

use std::sync::{Arc, Mutex};

use emulators::{Fault, Faults, Point};
use reset::{complete, world};
use serde_json::{Value, json};
use store::attribute::n;
use store::entity::budget::{MAIL_REQUESTS_PER_HOUR_MAX, MAIL_REQUESTS_PER_MINUTE_MAX};
use store::entity::job::Notice;
use store::entity::user;
use store::{Table, Write};
use world::{Answered, hash_of};

const REQUEST: &str = "/v1/password-reset";
const INSPECT: &str = "/v1/password-reset/inspect";

#[tokio::test]
async fn pr_1_known_unknown_and_exhausted_addresses_cannot_be_told_apart() {
    let world = world();
    let owner = world.owner(true).await;
    let sizes = Arc::new(Sizes::default());
    world.emulators.set_faults(Some(sizes.clone()));
    let mut seen: Vec<(Answered, std::collections::BTreeMap<String, u64>, Vec<usize>)> = Vec::new();
    for round in 0..5 {
        for email in [owner.email.as_str(), "nobody@example.com"] {
            world.emulators.reset_calls();
            sizes.0.lock().unwrap().clear();
            let answered = world.post(REQUEST, json!({"email": email})).await;
            seen.push((answered, world.trace(), sizes.0.lock().unwrap().clone()));
        }
        let [.., known, unknown] = seen.as_slice() else { panic!("two each round") };
        assert_eq!(known, unknown, "round {round}: same bytes, same operations, same number of writes");
    }
    assert_eq!(seen[0].0, seen[9].0, "over the budget the answer is the same (PR-3)");
    assert_eq!(seen[0].0.text, "{}");
    assert_eq!((seen[0].1["UpdateItem"], seen[0].1["GetItem"], seen[0].1["TransactWriteItems"]), (2, 3, 1));
    assert_eq!(seen[0].1.len(), 3);
}

/// Notes how many writes each transaction has.
#[derive(Default)]
struct Sizes(Mutex<Vec<usize>>);
#[async_trait::async_trait]
impl Faults for Sizes {
    async fn before(&self, point: &Point) -> Fault {
        if point.operation == "TransactWriteItems" && point.caller == "password-reset" {
            let body: Value = serde_json::from_slice(&point.body).unwrap();
            self.0.lock().unwrap().push(body["TransactItems"].as_array().unwrap().len());
        }
        Fault::None
    }
}

#[tokio::test]
async fn pr_2_a_hundred_requests_change_nothing_on_the_account() {
    let world = world();
    let owner = world.owner(true).await;
    let (session, _) = (world.session(&owner).await, world.attach(&owner, "paper").await);
    let before = world.everything().await;
    for _ in 0..100 {
        world.post(REQUEST, json!({"email": owner.email})).await.is_ok(202);
    }
    let after = world.everything().await;
    for (key, row) in &before {
        assert_eq!(after.get(key), Some(row), "{key}");
    }
    let is_reset = |key: &&String| key.contains("RESET") || key.contains("JOB#");
    assert_eq!(
        after.keys().filter(|key| !before.contains_key(*key) && !is_reset(key)).count(),
        0,
        "only tokens and mails came to be"
    );
    assert!(world.session_is_alive(&session).await);
    assert_eq!(world.user(&owner).await.fencing_until.ms(), 0);
}

#[tokio::test]
async fn pr_3_the_fourth_request_mails_nothing_and_voids_no_link() {
    let world = world();
    let owner = world.owner(false).await;
    let mut last = String::new();
    for _ in 0..3 {
        last = world.reset_token(&owner).await;
    }
    world.post(REQUEST, json!({"email": owner.email})).await.is_ok(202);
    assert_eq!(world.reset_tokens().await.len(), 3);
    assert_eq!(world.mails().await.iter().filter(|m| m.notice == Notice::Nothing).count(), 1);
    world.clock.advance(599);
    world.post(REQUEST, json!({"email": owner.email})).await.is_ok(202);
    assert_eq!(world.reset_tokens().await.len(), 3);
    complete(&world, &last, json!({})).await.is_ok(200);
}

#[tokio::test]
async fn pr_3_after_ten_minutes_there_is_one_more() {
    let world = world();
    let owner = world.owner(false).await;
    for _ in 0..3 {
        world.reset_token(&owner).await;
    }
    world.clock.advance(600);
    world.reset_token(&owner).await;
    world.post(REQUEST, json!({"email": owner.email})).await.is_ok(202);
    assert_eq!(world.reset_tokens().await.len(), 4);
}

/// The source has a limit of its own, over all addresses; nothing tells which limit it was.
#[tokio::test]
async fn pr_3_a_source_that_asks_for_too_many_gets_the_same_answer_and_no_mail() {
    let world = world();
    let owner = world.owner(false).await;
    let first = world.post(REQUEST, json!({"email": "nobody@example.com"})).await;
    for _ in 1..MAIL_REQUESTS_PER_HOUR_MAX {
        world.post(REQUEST, json!({"email": "nobody@example.com"})).await;
    }
    world.emulators.reset_calls();
    assert_eq!(world.post(REQUEST, json!({"email": owner.email})).await, first);
    let over = world.trace();
    assert!(world.reset_tokens().await.is_empty());
    world.clock.advance(3_600);
    world.emulators.reset_calls();
    assert_eq!(world.post(REQUEST, json!({"email": owner.email})).await, first);
    assert_eq!(world.trace(), over, "the same operations");
    assert_eq!(world.reset_tokens().await.len(), 1);
}

/// Everybody together can only take the burst away, never the link: strangers could bring it about (RL-1).
#[tokio::test]
async fn pr_3_when_everybody_asks_an_owner_still_gets_one_link_per_ten_minutes() {
    let world = world();
    let owner = world.owner(false).await;
    let crowd = |now: account::WallTime| {
        let key = store::Key::new("BUDGET#MAILS", now.seconds().div_euclid(60).to_string());
        let row = store::attribute::Row::keyed(&key).with("counted", store::attribute::n(MAIL_REQUESTS_PER_MINUTE_MAX));
        vec![Write::put(Table::Identity, key, row)]
    };
    for (minutes, links) in [(0, 1), (0, 1), (9, 1), (1, 2), (0, 2), (10, 3)] {
        world.clock.advance(minutes * 60);
        world.write(crowd(world.clock.at())).await;
        world.post(REQUEST, json!({"email": owner.email})).await.is_ok(202);
        assert_eq!(world.reset_tokens().await.len(), links);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_3_parallel_requests_do_not_beat_the_budget() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(false).await);
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (world, owner) = (world.clone(), owner.clone());
            tokio::spawn(async move { world.post(REQUEST, json!({"email": owner.email})).await })
        })
        .collect();
    for answer in asked {
        answer.await.unwrap().is_ok(202);
    }
    let mailed = world.reset_tokens().await.len();
    assert!((1..=3).contains(&mailed), "{mailed}");
}

#[tokio::test]
async fn pr_4_a_link_lives_ten_minutes_to_the_second() {
    for (seconds, alive) in [(599, true), (601, false)] {
        let world = world();
        let owner = world.owner(false).await;
        let token = world.reset_token(&owner).await;
        world.clock.advance(seconds);
        let looked = world.post(INSPECT, json!({"token": token})).await;
        let answered = complete(&world, &token, json!({})).await;
        if alive {
            looked.is_ok(200);
            answered.is_ok(200);
        } else {
            looked.is(400, "reset_refused");
            answered.is(400, "reset_refused");
        }
    }
}

#[tokio::test]
async fn pr_4_only_the_hash_is_stored_and_256_bits_are_mailed() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    assert_eq!(token.len(), 43, "256 bits in base64url");
    let dump = format!("{:?}", world.items(Table::Identity).await);
    assert!(!dump.contains(&token));
    assert!(dump.contains(hash_of(&token).as_str()));
}

#[tokio::test]
async fn pr_4_any_change_of_credentials_kills_the_link() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let raise = "SET #cred_version = #cred_version + :one";
    world.write(vec![Write::update(Table::Identity, user::key(owner.id), raise).value(":one", n(1))]).await;
    world.post(INSPECT, json!({"token": token})).await.is(400, "reset_refused");
    complete(&world, &token, json!({})).await.is(400, "reset_refused");
}

#[tokio::test]
async fn ev_2_a_token_of_another_purpose_resets_nothing() {
    use account::token::{Purpose, new_token};
    let world = world();
    let owner = world.owner(false).await;
    world.reset_token(&owner).await;
    for purpose in
        [Purpose::EmailVerification, Purpose::LoginChallenge, Purpose::NotMe, Purpose::Session, Purpose::StepUpProof]
    {
        let token = new_token(purpose, world.tools.entropy.bytes());
        let version = world.user(&owner).await.cred_version;
        // Even where the other token's own item stands under its own hash.
        world.write(store::entity::reset_token::puts(owner.id, version, &token.hash, world.clock.at()).into()).await;
        complete(&world, &token.text.expose(String::clone), json!({})).await.is(400, "reset_refused");
    }
}

#[tokio::test]
async fn pr_5_no_header_reaches_the_mail() {
    let world = world();
    let owner = world.owner(false).await;
    let evil = "evil.example";
    let fuzz: [&[(&str, &str)]; 6] = [
        &[("host", evil)],
        &[("x-forwarded-host", evil)],
        &[("x-forwarded-proto", evil)],
        &[("forwarded", "host=evil.example;proto=http")],
        &[("host", "app.shearpin.test:6666"), ("x-forwarded-port", "6666")],
        &[("origin", "https://evil.example"), ("referer", "https://evil.example/")],
    ];
    for headers in fuzz {
        world.clock.advance(600);
        world.send("POST", REQUEST, headers, json!({"email": owner.email}).to_string()).await.is_ok(202);
    }
    world.clock.advance(600);
    world
        .send("POST", "http://evil.example:6666/v1/password-reset", &[], json!({"email": owner.email}).to_string())
        .await
        .is_ok(202);
    let rows = world.items(Table::Outbox).await;
    assert_eq!(rows.len(), 7);
    for row in rows.values() {
        let body: Value = row.json("body").unwrap();
        let (token, to) = (body["notice"]["token"].as_str().unwrap(), body["to"].as_str().unwrap());
        assert_eq!(
            body,
            json!({"to": to, "notice": {"notice": "reset_password", "token": token}}),
            "an address and a token, no link"
        );
        assert_eq!((token.len(), to), (43, owner.email.as_str()));
        assert!(!format!("{row:?}").contains("evil") && !format!("{row:?}").contains("6666"));
    }
}

#[tokio::test]
async fn pr_6_answers_are_not_cached_and_name_no_referrer() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    for answered in
        [world.post(REQUEST, json!({"email": owner.email})).await, world.post(INSPECT, json!({"token": token})).await]
    {
        for header in [("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
            assert!(answered.headers.iter().any(|(k, v)| (k.as_str(), v.as_str()) == header), "{header:?}");
        }
    }
}

#[tokio::test]
async fn pr_7_looking_consumes_nothing_and_a_get_is_no_route() {
    let world = world();
    let owner = world.owner(true).await;
    for _ in 0..2 {
        world.attach(&owner, "paper").await;
    }
    let token = world.reset_token(&owner).await;
    let before = world.everything().await;
    for _ in 0..10 {
        let looked = world.post(INSPECT, json!({"token": token})).await.is_ok(200);
        assert_eq!(
            looked,
            json!({"factors": ["totp", "recovery_code"], "connections": 2, "bots": 0, "open_orders": 0, "recovery": {"stage": "none"}})
        );
    }
    for path in [REQUEST, INSPECT, "/v1/password-reset/complete"] {
        world.send("GET", path, &[], String::new()).await.is(405, "method_not_allowed");
    }
    assert_eq!(world.everything().await, before);
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
}

#[tokio::test]
async fn su_5_an_address_is_one_json_string() {
    let world = world();
    for (body, status) in [
        (json!({"email": ["a@x.com", "b@y.com"]}), 422),
        (json!({"email": "a@x.com", "extra": 1}), 422),
        (json!({}), 422),
        (json!({"email": "a@x\r\nBcc:b@y.com"}), 422),
        (json!({"email": "no address"}), 422),
        (json!([]), 400),
        (json!(["a@x.com"]), 400),
    ] {
        assert_eq!(world.post(REQUEST, body.clone()).await.status.as_u16(), status, "{body}");
    }
    let twice = r#"{"email":"a@x.com","email":"b@y.com"}"#;
    assert_eq!(world.send("POST", REQUEST, &[], twice.into()).await.status.as_u16(), 422);
    assert_eq!(world.send("POST", REQUEST, &[], "{".into()).await.status.as_u16(), 400);
    assert!(world.items(Table::Outbox).await.is_empty());
}
