//! `POST /v1/login/second-factor`: challenges, codes, and their budgets.

use account::UserId;
use account::budget::ResetFactorBudget;
use account::trading_state::Frozen;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use store::entity::budget::{Kind, Whose};

use crate::world::{Answered, EMAIL, PASSWORD, World, answer, call, log_in, me, post};

#[tokio::test]
async fn lg_2_a_right_password_gives_a_challenge_and_no_session() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let answered = world.log_in(EMAIL).await;
    let challenge = answered.challenge();
    assert!(answered.headers.get("set-cookie").is_none());
    assert_eq!(answered.json().as_object().unwrap().len(), 1, "nothing but the challenge");
    world.send(me(&challenge)).await.refused(401, "no_session");
    assert_eq!(world.sessions(user).await, 0);

    let token = world.send(answer(&challenge, "totp", &world.code(0))).await.session();
    let shown = world.send(me(&token)).await.json();
    assert_eq!(shown["factors"], json!(["totp"]));
    assert_eq!((world.failures(user, "LOGIN").await, world.failures(user, "FACTOR").await), (0, 0));
    // Single use, and the code too.
    world.advance(1);
    world.send(answer(&challenge, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    let again = world.challenge(user).await;
    world.send(answer(&again, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    world.advance(30);
    world.send(answer(&again, "totp", &world.code(0))).await.session();
}

#[tokio::test]
async fn lg_2_a_challenge_dies_with_time_and_with_every_change_of_credentials() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let (early, late, outdated) =
        (world.challenge(user).await, world.challenge(user).await, world.challenge(user).await);
    world.advance_ms(299_999);
    world.send(answer(&early, "totp", &world.code(0))).await.session();
    world.advance_ms(1);
    world.send(answer(&late, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    world.advance(-60);
    world.raise(user, "cred_version").await;
    world.trace();
    world.send(answer(&outdated, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    assert_eq!(world.trace().get("Decrypt"), None);
    assert_eq!(world.sessions(user).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tp_5_one_code_at_fifty_challenges_gives_one_session() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(answer(&world.challenge(user).await, "totp", &world.code(0)));
    }
    let answers = world.at_once(calls).await;
    one_session(&world, user, &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tp_5_one_challenge_answered_fifty_times_gives_one_session() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let challenge = world.challenge(user).await;
    let answers = world.at_once((0..50).map(|_| answer(&challenge, "totp", &world.code(0)))).await;
    one_session(&world, user, &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rc_2_one_recovery_code_at_fifty_challenges_gives_one_session() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let code = world.recovery_codes(user).await.remove(0);
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(answer(&world.challenge(user).await, "recovery_code", &code));
    }
    let answers = world.at_once(calls).await;
    one_session(&world, user, &answers).await;
    world.advance(10);
    let later = world.challenge(user).await;
    world.send(answer(&later, "recovery_code", &code)).await.refused(401, "challenge_refused");
}

/// The counter decides even when the budget admits: the second answer is admitted before the first commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tp_5_two_admitted_answers_with_one_code_give_one_session() {
    use emulators::{Act, Gate, Script, When};
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let (first, second) = (world.challenge(user).await, world.challenge(user).await);
    let (script, gate) = (Script::new(), std::sync::Arc::new(Gate::default()));
    script.once(When::calls("login", "TransactWriteItems").with_body("signed_in"), Act::PauseBefore(gate.clone()));
    world.emulators.set_faults(Some(std::sync::Arc::new(script)));
    let code = world.code(0);
    let running = {
        let (world, call) = (world.clone(), answer(&first, "totp", &code));
        tokio::spawn(async move { world.send(call).await })
    };
    gate.reached().await;
    world.advance(1);
    let won = world.send(answer(&second, "totp", &code)).await;
    gate.open();
    one_session(&world, user, &[won, running.await.unwrap()]).await;
}

#[tokio::test]
async fn tp_4_the_current_and_the_previous_step_count_and_no_other() {
    for (steps, good) in [(1, false), (0, true), (-1, true), (-2, false)] {
        let world = World::new();
        let user = world.account_with_totp(EMAIL).await;
        let challenge = world.challenge(user).await;
        let answered = world
            .send(answer(&challenge, "totp", &world.code(steps)).header("date", "Thu, 01 Jan 2037 00:00:00 GMT"))
            .await;
        assert_eq!(answered.status == 200, good, "step {steps}");
    }
}

#[tokio::test]
async fn tp_6_a_code_that_counts_as_used_is_refused_whoever_used_it() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let step = world.now().seconds() / 30;
    world.set(&format!("CRED#{user}"), "CRED", "totp_last_step", AttributeValue::N(step.to_string())).await;
    let challenge = world.challenge(user).await;
    world.send(answer(&challenge, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    world.advance(30);
    world.send(answer(&challenge, "totp", &world.code(0))).await.session();
}

#[tokio::test]
async fn tp_8_a_recovery_code_burns_this_step_and_the_next() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let code = world.recovery_codes(user).await.remove(3);
    let first = world.challenge(user).await;
    let (captured, next) = (world.code(0), world.code(1));
    world.send(answer(&first, "recovery_code", &code.to_lowercase().replace('-', " "))).await.session();
    let challenge = world.challenge(user).await;
    world.send(answer(&challenge, "totp", &captured)).await.refused(401, "challenge_refused");
    world.advance(30);
    world.send(answer(&challenge, "totp", &next)).await.refused(401, "challenge_refused");
    world.advance(30);
    world.send(answer(&challenge, "totp", &world.code(0))).await.session();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tp_9_a_burst_of_wrong_codes_is_evaluated_once() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let mut challenges = Vec::new();
    for _ in 0..4 {
        challenges.push(world.challenge(user).await);
    }
    world.trace();
    let answers = world.at_once((0..200).map(|i| answer(&challenges[i % 4], "totp", &world.wrong_code()))).await;
    assert_eq!(world.trace().get("Decrypt"), Some(&1));
    assert_eq!(world.failures(user, "FACTOR").await, 1);
    for answered in &answers {
        answered.refused(401, "challenge_refused");
    }
}

#[tokio::test]
async fn tp_10a_a_login_with_all_factors_restores_the_budget_of_the_reset_flow() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let (whose, now) = (Whose::User(user), world.now());
    let used_up = ResetFactorBudget { charged_at: vec![now; ResetFactorBudget::FAILURES_MAX] };
    assert!(world.store.write_budget(&whose, Kind::ResetFactor, &used_up, 0, now).await.unwrap());
    let restored = async || {
        world
            .store
            .find_budget(&whose, Kind::ResetFactor, ResetFactorBudget::FRESH)
            .await
            .unwrap()
            .state
            .admit(now)
            .is_ok()
    };
    // Not by the password alone, nor by a wrong code.
    let challenge = world.log_in(EMAIL).await.challenge();
    world.send(answer(&challenge, "totp", &world.wrong_code())).await.refused(401, "challenge_refused");
    assert!(!restored().await);
    world.advance(5);
    world.send(answer(&challenge, "totp", &world.code(0))).await.session();
    assert!(restored().await);
}

#[tokio::test]
async fn tp_9_five_tries_kill_a_challenge_and_tp_10_ten_close_the_password_login() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    for round in 0..2 {
        let challenge = world.challenge(user).await;
        for _ in 0..5 {
            world.send(answer(&challenge, "totp", &world.wrong_code())).await.refused(401, "challenge_refused");
            world.advance(5);
        }
        // A right code comes too late for it.
        if round == 0 {
            world.send(answer(&challenge, "totp", &world.code(0))).await.refused(401, "challenge_refused");
            assert_eq!(world.attempts(&challenge).await, Some(5));
        }
    }
    // A new challenge did not reset anything.
    assert_eq!(world.failures(user, "FACTOR").await, 10);
    world.account("other@example.com").await;
    let wrong = world.send(log_in("other@example.com", "seven quiet lanterns drown")).await;
    world.advance(86_400);
    assert_eq!(world.log_in(EMAIL).await, wrong);
    // LG-7: one mail per challenge, not one per try. LG-6: every try is in the owner's record.
    assert_eq!(world.mails().await.get("wrong_second_factor"), Some(&2));
    assert_eq!(world.events(user).await.iter().filter(|event| *event == "second_factor_refused").count(), 10);
}

#[tokio::test]
async fn rc_3_a_recovery_code_is_no_password() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let code = world.recovery_codes(user).await.remove(0);
    world.send(log_in(EMAIL, &code)).await.refused(401, "sign_in_refused");
    world.send(answer("", "recovery_code", &code)).await.refused(401, "challenge_refused");
    world
        .send(post("/v1/login", &json!({ "email": EMAIL, "password": "wrong", "recovery_code": code })))
        .await
        .refused(422, "invalid_fields");
    assert_eq!(world.store.recovery_codes(user).await.unwrap().len(), 10, "none was spent");
}

#[tokio::test]
async fn rc_4_anything_as_a_recovery_code_is_a_failure_and_is_counted() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    world.recovery_codes(user).await;
    let others = world.account_with_totp("other@example.com").await;
    let foreign = world.recovery_codes(others).await.remove(0);
    let challenge = world.challenge(user).await;
    for (count, guess) in ["anything", "", &foreign].into_iter().enumerate() {
        world.send(answer(&challenge, "recovery_code", guess)).await.refused(401, "challenge_refused");
        assert_eq!(world.failures(user, "FACTOR").await, i64::try_from(count).unwrap() + 1);
        world.advance(5);
    }
}

#[tokio::test]
async fn rc_5_a_recovery_code_ends_all_sessions_freezes_entries_and_tells_the_owner() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let codes = world.recovery_codes(user).await;
    let old = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
    let new = world.send(answer(&world.challenge(user).await, "recovery_code", &codes[0])).await.session();
    world.send(me(&old)).await.refused(401, "no_session");
    let shown = world.send(me(&new)).await.json();
    assert_eq!(shown["recovery_codes_left"], 9);
    assert_eq!(world.store.find_user(user).await.unwrap().unwrap().frozen, Frozen::UntilNewFactor);
    assert_eq!(world.mails().await.get("recovery_code_used"), Some(&1));
}

#[tokio::test]
async fn ev_2_a_sign_in_by_recovery_code_voids_what_was_begun_before() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let codes = world.recovery_codes(user).await;
    let (earlier, answered) = (world.challenge(user).await, world.challenge(user).await);
    let before = world.store.find_user(user).await.unwrap().unwrap();
    let new = world.send(answer(&answered, "recovery_code", &codes[0])).await.session();
    let after = world.store.find_user(user).await.unwrap().unwrap();
    assert_eq!(after.cred_version, before.cred_version.next());
    world.advance(60);
    world.send(answer(&earlier, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    world.send(me(&new)).await.json();
    world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
}

#[tokio::test]
async fn rf_31_a_key_service_that_is_down_costs_neither_challenge_nor_budget() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let challenge = world.challenge(user).await;
    world.fail("Decrypt", 0);
    world.send(answer(&challenge, "totp", &world.code(0))).await.refused(503, "unavailable");
    world.recover();
    assert_eq!((world.failures(user, "FACTOR").await, world.attempts(&challenge).await), (0, Some(0)));
    world.send(answer(&challenge, "totp", &world.code(0))).await.session();
}

#[tokio::test]
async fn ev_2_no_token_serves_for_another() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
    let challenge = world.challenge(user).await;
    world.advance(30);
    let body = json!({ "method": "POST", "path": "/v1/connections", "body_sha256": "0".repeat(64), "password": PASSWORD, "totp": world.code(0) });
    let proof =
        world.send(post("/v1/step-up", &body).bearer(&session)).await.json()["proof"].as_str().unwrap().to_owned();
    world.advance(30);
    for token in [&session, &proof] {
        world.send(answer(token, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    }
    for token in [&challenge, &proof] {
        world.send(me(token)).await.refused(401, "no_session");
        world.send(call("GET", "/v1/me").cookie(token)).await.refused(401, "no_session");
    }
    for token in [&challenge, &session] {
        let call = post("/v1/connections", &json!({})).bearer(&session).header("x-step-up", token);
        world.guarded().send(call).await.refused(403, "step_up_required");
    }
    // EV-1, SS-1: and none of them can be read out of the table.
    let dump = world.dump("identity").await;
    for secret in [&session, &challenge, &proof, PASSWORD] {
        assert!(!dump.contains(secret));
    }
}

#[tokio::test]
async fn exactly_one_factor_is_shown() {
    let world = World::new();
    for body in [json!({ "challenge": "c" }), json!({ "challenge": "c", "totp": "1", "recovery_code": "2" })] {
        world.send(post("/v1/login/second-factor", &body)).await.refused(400, "malformed_body");
    }
    world
        .send(post("/v1/login/second-factor", &json!({ "challenge": "c", "totp": 123_456 })))
        .await
        .refused(422, "invalid_fields");
}

#[tokio::test]
async fn lg_3_the_session_shown_with_an_answer_is_dead_after_it() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let old = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
    world.advance(30);
    let new = world.send(answer(&world.challenge(user).await, "totp", &world.code(0)).cookie(&old)).await.session();
    world.send(me(&old)).await.refused(401, "no_session");
    assert_eq!(world.send(me(&new)).await.status, 200);
}

async fn one_session(world: &World, user: UserId, answers: &[Answered]) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answered| answered.status == 200);
    assert_eq!(won.len(), 1);
    for answered in lost {
        answered.refused(401, "challenge_refused");
    }
    assert_eq!(world.sessions(user).await, 1);
}
