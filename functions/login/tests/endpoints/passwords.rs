//! `POST /v1/login`: passwords, their budgets, and what a stranger can learn.

use std::sync::Arc;

use emulators::{Act, Gate, Script, When};
use serde_json::json;

use crate::world::{EMAIL, PASSWORD, World, call, log_in, me, post};

const WRONG: &str = "seven quiet lanterns drown";

#[tokio::test]
async fn ss_2_a_right_password_gives_a_session_for_one_hash_and_six_store_calls() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.trace();
    let answered = world.send(log_in("Owner@Example.com", PASSWORD)).await;
    let trace = world.trace();
    // Each GenerateMac is the input of one Argon2id.
    assert_eq!(trace["GenerateMac"], 1, "{trace:?}");
    assert!(trace.values().sum::<u64>() <= 6 + 1, "{trace:?}");
    let token = answered.session();
    // SS-2.
    assert_eq!(
        answered.headers["set-cookie"],
        format!("__Host-session={token}; Path=/; Secure; HttpOnly; SameSite=Strict")
    );
    let shown = world.send(me(&token)).await;
    assert_eq!((shown.status.as_u16(), shown.json()["email"].as_str()), (200, Some(EMAIL)));
    assert!(world.events(user).await.contains(&"signed_in".to_owned()));
    assert_eq!(world.failures(user, "LOGIN").await, 0);
}

#[tokio::test]
async fn lg_1_an_unknown_address_costs_and_says_the_same_as_a_wrong_password() {
    let world = World::new();
    world.account(EMAIL).await;
    world.account_with_totp("careful@example.com").await;
    world.trace();
    let mut seen = Vec::new();
    for email in [EMAIL, "careful@example.com", "nobody@example.com"] {
        let answered = world.send(log_in(email, WRONG)).await;
        answered.refused(401, "sign_in_refused");
        seen.push((answered, world.trace()));
    }
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[1], seen[2]);
    assert_eq!(seen[2].1["GenerateMac"], 1);
    // LG-7: a plain wrong password tells nobody.
    assert!(!world.dump("outbox").await.contains("wrong_second_factor"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rl_3_of_200_guesses_at_once_one_is_hashed() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.trace();
    let answers = world.at_once((0..200).map(|_| log_in(EMAIL, WRONG))).await;
    assert_eq!(world.trace().get("GenerateMac"), Some(&1));
    assert_eq!(world.failures(user, "LOGIN").await, 1);
    for answered in &answers {
        answered.refused(401, "sign_in_refused");
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn rl_6_a_locked_account_answers_like_a_wrong_password() {
    let world = World::new();
    world.account(EMAIL).await;
    let wrong = world.send(log_in(EMAIL, WRONG)).await;
    let locked = world.log_in(EMAIL).await;
    assert_eq!(wrong, locked);
    // RL-2: the first failure costs a second.
    world.advance_ms(999);
    assert_eq!(world.log_in(EMAIL).await, wrong);
    world.advance_ms(1);
    world.log_in(EMAIL).await.session();
}

#[tokio::test]
async fn rl_2_a_hundred_failures_close_the_account_also_for_the_right_password() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let wrong = world.send(log_in(EMAIL, WRONG)).await;
    let state = aws_sdk_dynamodb::types::AttributeValue::S(r#"{"failures":100,"blocked_until":0}"#.to_owned());
    world.set(&format!("BUDGET#{user}"), "LOGIN", "state", state).await;
    world.advance(2 * 86_400);
    assert_eq!(world.log_in(EMAIL).await, wrong);
}

#[tokio::test]
async fn rf_31_a_key_service_that_is_down_is_no_failure_of_the_owner() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.fail("GenerateMac", 0);
    world.log_in(EMAIL).await.refused(503, "unavailable");
    world.recover();
    assert_eq!(world.failures(user, "LOGIN").await, 0);
    world.log_in(EMAIL).await.session();
}

#[tokio::test]
async fn su_3_every_byte_counts_and_too_many_are_not_hashed() {
    let world = World::new();
    let long: String = PASSWORD.chars().cycle().take(256).collect();
    world.account_with(EMAIL, &long).await;
    for at in [72, 128, 255] {
        let mut other = long.clone();
        other.replace_range(at..=at, "#");
        world.send(log_in(EMAIL, &other)).await.refused(401, "sign_in_refused");
        world.advance(10);
    }
    world.trace();
    let answered = world.send(log_in(EMAIL, &format!("{long}x"))).await;
    answered.refused(401, "sign_in_refused");
    assert_eq!(world.trace().get("GenerateMac"), None, "refused before hashing");
    world.advance(10);
    world.send(log_in(EMAIL, &long)).await.session();
}

#[tokio::test]
async fn rl_5_a_source_has_its_share_and_rl_4_no_header_makes_it_another() {
    let world = World::new();
    // Too long to be hashed: what is charged is the request.
    let guess = || log_in("nobody@example.com", &"x".repeat(257));
    for _ in 0..300 {
        world.send(guess()).await.refused(401, "sign_in_refused");
    }
    world.trace();
    let over =
        world.send(guess().header("x-forwarded-for", "198.51.100.9").header("forwarded", "for=198.51.100.9")).await;
    assert_eq!(over.refused(429, "too_many_requests").headers["retry-after"], "60");
    assert_eq!(world.trace().len(), 1, "nothing is looked up");
    world.send(guess().from("198.51.100.9:1")).await.refused(401, "sign_in_refused");
    world.advance(60);
    world.send(guess()).await.refused(401, "sign_in_refused");
}

#[tokio::test]
async fn lg_3_the_session_that_a_sign_in_shows_is_dead_after_it() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let old = world.log_in(EMAIL).await.session();
    let new = world.send(log_in(EMAIL, PASSWORD).cookie(&old)).await.session();
    assert_ne!(old, new);
    world.send(me(&old)).await.refused(401, "no_session");
    assert_eq!(world.send(me(&new)).await.status, 200);
    assert_eq!(world.sessions(user).await, 1);
    // A wrong password ends nothing.
    world.send(log_in(EMAIL, WRONG).cookie(&new)).await.refused(401, "sign_in_refused");
    assert_eq!(world.send(me(&new)).await.status, 200);
    // A token that a thief made up becomes nobody's session.
    world.advance(1);
    let fixed = "A".repeat(43);
    assert_ne!(world.send(log_in(EMAIL, PASSWORD).cookie(&fixed)).await.session(), fixed);
    world.send(me(&fixed)).await.refused(401, "no_session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rf_17_a_password_that_was_right_before_a_reset_gives_no_session_after_it() {
    for counter in ["session_gen", "cred_version"] {
        let world = World::new();
        let user = world.account(EMAIL).await;
        let (script, gate) = (Script::new(), Arc::new(Gate::default()));
        script.once(When::calls("login", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
        world.emulators.set_faults(Some(Arc::new(script)));
        let running = {
            let world = world.clone();
            tokio::spawn(async move { world.log_in(EMAIL).await })
        };
        gate.reached().await;
        world.raise(user, counter).await;
        gate.open();
        running.await.unwrap().refused(401, "sign_in_refused");
        assert_eq!(world.sessions(user).await, 0);
    }
}

#[tokio::test]
async fn pw_2_a_login_renews_an_old_hash_and_never_fails_for_it() {
    let world = World::with_cost("47104/1/1");
    let user = world.account(EMAIL).await;
    let hash =
        async || world.item("identity", &format!("CRED#{user}"), "CRED").await.unwrap()["hash"].as_s().unwrap().clone();
    assert!(hash().await.contains("m=19456,t=2"));
    world.fail("GenerateMac", 1);
    world.log_in(EMAIL).await.session();
    assert!(hash().await.contains("m=19456,t=2"));
    world.recover();
    world.log_in(EMAIL).await.session();
    assert!(hash().await.contains("m=47104,t=1"));
    world.log_in(EMAIL).await.session();
}

#[tokio::test]
async fn what_is_no_login_form_is_refused_by_its_shape_and_not_repeated() {
    let world = World::new();
    world.trace();
    for (body, status, code) in [
        (r#"{"email":["canary@example.com","b@example.com"],"password":"canary"}"#, 422, "invalid_fields"),
        (r#"{"email":"canary@example.com","email":"b@example.com","password":"canary"}"#, 422, "invalid_fields"),
        (r#"{"email":"canary@example.com","password":"canary","totp":"canary"}"#, 422, "invalid_fields"),
        (r#"{"email":"canary@example.com"}"#, 422, "invalid_fields"),
        (r#"["canary@example.com","canary"]"#, 400, "malformed_body"),
        ("{canary", 400, "malformed_body"),
        ("", 400, "malformed_body"),
        (r#"{"email":"canary@x\r\nBcc:","password":"canary"}"#, 401, "sign_in_refused"),
    ] {
        let answered = world.send(call("POST", "/v1/login").raw("application/json; charset=utf-8", body)).await;
        answered.refused(status, code);
        assert!(!String::from_utf8_lossy(&answered.body).contains("canary"), "{body}");
    }
    // SS-5: no form of another site reaches the login.
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        world
            .send(call("POST", "/v1/login").raw(kind, &json!({ "email": EMAIL, "password": PASSWORD }).to_string()))
            .await
            .refused(415, "unsupported_media_type");
    }
    world
        .send(post("/v1/login", &json!({ "email": EMAIL, "password": "x".repeat(70_000) })))
        .await
        .refused(413, "body_too_large");
    world.send(call("GET", "/v1/login")).await.refused(405, "method_not_allowed");
    assert!(world.trace().is_empty(), "none of them was looked up");
}
