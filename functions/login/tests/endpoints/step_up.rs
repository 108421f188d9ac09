//! `POST /v1/step-up`: all factors once more, for exactly one request (ST-1).

use account::token::{Purpose, TokenHash};
use serde_json::{Value, json};

use crate::world::{Answered, Call, EMAIL, PASSWORD, World, answer, call, log_in, me, post};

const BODY: &str = r#"{"exchange":"paper"}"#;

#[tokio::test]
async fn st_1_a_proof_is_for_one_request_once() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let (session, guarded) = (signed_in(&world).await, world.guarded());
    world.advance(30);
    let proof = prove(&world, &session, &form(&world)).await;
    let good = || attach(&session, BODY).header("x-step-up", &proof);
    guarded.send(attach(&session, BODY)).await.refused(403, "step_up_required");
    guarded
        .send(attach(&session, r#"{"exchange":"paper" }"#).header("x-step-up", &proof))
        .await
        .refused(403, "step_up_required");
    let elsewhere = call("POST", "/v1/second-factors/recovery-codes").bearer(&session).raw("application/json", BODY);
    guarded.send(elsewhere.header("x-step-up", &proof)).await.refused(403, "step_up_required");
    guarded.send(attach("nobody", BODY).header("x-step-up", &proof)).await.refused(401, "no_session");
    let ran = guarded.send(good()).await;
    assert_eq!((ran.status.as_u16(), ran.json()["user"].as_str()), (200, Some(user.to_string().as_str())));
    guarded.send(good()).await.refused(403, "step_up_required");
}

#[tokio::test]
async fn st_1_a_proof_names_method_and_path() {
    let world = World::new();
    world.account(EMAIL).await;
    let (session, guarded) = (world.log_in(EMAIL).await.session(), world.guarded());
    for (field, other) in [("method", "DELETE"), ("path", "/v1/connections/"), ("path", "/v1/connections/x")] {
        let mut form = form(&world);
        form[field] = other.into();
        let proof = prove(&world, &session, &form).await;
        guarded.send(attach(&session, BODY).header("x-step-up", &proof)).await.refused(403, "step_up_required");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn st_1_fifty_uses_of_one_proof_run_once() {
    let world = World::new();
    world.account(EMAIL).await;
    let session = world.log_in(EMAIL).await.session();
    let proof = prove(&world, &session, &form(&world)).await;
    let answers = world.guarded().at_once((0..50).map(|_| attach(&session, BODY).header("x-step-up", &proof))).await;
    assert_eq!(answers.iter().filter(|answered| answered.status == 200).count(), 1);
}

#[tokio::test]
async fn st_1_a_proof_lives_five_minutes_and_dies_with_epoch_version_and_owner() {
    for (seconds, good) in [(299, true), (301, false)] {
        let world = World::new();
        world.account(EMAIL).await;
        let session = world.log_in(EMAIL).await.session();
        let proof = prove(&world, &session, &form(&world)).await;
        world.advance(seconds);
        let answered = world.guarded().send(attach(&session, BODY).header("x-step-up", &proof)).await;
        assert_eq!(answered.status == 200, good, "after {seconds} s");
    }
    // Nor longer because the clock was set back, by more than clocks differ. The session of then is over; the proof is not its.
    for (back, good) in [(60, true), (61, false)] {
        let world = World::new();
        world.account(EMAIL).await;
        let session = world.log_in(EMAIL).await.session();
        let proof = prove(&world, &session, &form(&world)).await;
        world.advance(-back);
        let session = world.log_in(EMAIL).await.session();
        let answered = world.guarded().send(attach(&session, BODY).header("x-step-up", &proof)).await;
        assert_eq!(answered.status == 200, good, "{back} s back");
    }
    // RF-18.
    for counter in ["trade_epoch", "cred_version"] {
        let world = World::new();
        let user = world.account(EMAIL).await;
        let session = world.log_in(EMAIL).await.session();
        let proof = prove(&world, &session, &form(&world)).await;
        world.raise(user, counter).await;
        world.guarded().send(attach(&session, BODY).header("x-step-up", &proof)).await.refused(403, "step_up_required");
    }
    let world = World::new();
    world.account(EMAIL).await;
    world.account("thief@example.com").await;
    let session = world.log_in(EMAIL).await.session();
    let proof = prove(&world, &session, &form(&world)).await;
    let thief = world.log_in("thief@example.com").await.session();
    world.guarded().send(attach(&thief, BODY).header("x-step-up", &proof)).await.refused(403, "step_up_required");
}

#[tokio::test]
async fn st_1_all_factors_are_shown_and_one_answer_hides_which_was_wrong() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = signed_in(&world).await;
    world.advance(30);
    let with = |field: &str, value: Value| {
        let mut form = form(&world);
        form[field] = value;
        form
    };
    let mut without = form(&world);
    without.as_object_mut().unwrap().remove("totp");
    send(&world, &session, &without).await.refused(422, "second_factor_missing");
    let wrong_password = send(&world, &session, &with("password", "seven quiet lanterns drown".into())).await;
    world.advance(1);
    let wrong_code = send(&world, &session, &with("totp", world.wrong_code().into())).await;
    assert_eq!(wrong_password.refused(401, "step_up_refused"), &wrong_code);
    // RL-3: the next within the wait is not evaluated.
    world.trace();
    assert_eq!(send(&world, &session, &form(&world)).await, wrong_code);
    assert_eq!(world.trace().get("GenerateMac"), None);
    world.advance(30);
    prove(&world, &session, &form(&world)).await;
    assert_eq!((world.failures(user, "STEP_UP").await, world.failures(user, "FACTOR").await), (0, 0));
    let events = world.events(user).await;
    assert_eq!(events.iter().filter(|event| *event == "step_up_refused").count(), 2);
    // TP-7: what was used here is used at the login too.
    let challenge = world.challenge(user).await;
    world.send(answer(&challenge, "totp", &world.code(0))).await.refused(401, "challenge_refused");
}

#[tokio::test]
async fn tp_10_an_open_session_without_the_password_cannot_close_the_login() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = signed_in(&world).await;
    for _ in 0..12 {
        world.advance(10);
        let mut form = form(&world);
        form["password"] = "seven quiet lanterns drown".into();
        form["totp"] = world.wrong_code().into();
        send(&world, &session, &form).await.refused(401, "step_up_refused");
    }
    assert_eq!((world.failures(user, "STEP_UP").await, world.failures(user, "FACTOR").await), (12, 0));
    world.log_in(EMAIL).await.challenge();
}

#[tokio::test]
async fn rl_1_step_ups_that_an_open_session_used_up_come_back_with_the_owners_password() {
    for with_factor in [false, true] {
        let world = World::new();
        let user = if with_factor { world.account_with_totp(EMAIL).await } else { world.account(EMAIL).await };
        world.exhaust(user, "STEP_UP", 100).await;
        let session = if with_factor { signed_in(&world).await } else { world.log_in(EMAIL).await.session() };
        assert_eq!(world.failures(user, "STEP_UP").await, 0, "with a factor: {with_factor}");
        // Nothing but the password opens it: a session that is there already does not.
        world.exhaust(user, "STEP_UP", 100).await;
        world.advance(86_400 / 4);
        world.send(me(&session)).await;
        assert_eq!(world.failures(user, "STEP_UP").await, 100);
    }
}

#[tokio::test]
async fn tp_9_a_code_guessed_at_step_ups_counts_with_the_login() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = signed_in(&world).await;
    for _ in 0..12 {
        world.advance(10);
        let mut form = form(&world);
        form["totp"] = world.wrong_code().into();
        send(&world, &session, &form).await.refused(401, "step_up_refused");
    }
    assert_eq!(world.failures(user, "FACTOR").await, 10);
    world.send(log_in(EMAIL, PASSWORD)).await.refused(401, "sign_in_refused");
}

#[tokio::test]
async fn rf_31_a_key_service_that_is_down_counts_nothing() {
    for operation in ["GenerateMac", "Decrypt"] {
        let world = World::new();
        let user = world.account_with_totp(EMAIL).await;
        let session = signed_in(&world).await;
        world.advance(30);
        world.fail(operation, 0);
        send(&world, &session, &form(&world)).await.refused(503, "unavailable");
        world.recover();
        assert_eq!((world.failures(user, "STEP_UP").await, world.failures(user, "FACTOR").await), (0, 0));
        prove(&world, &session, &form(&world)).await;
    }
}

#[tokio::test]
async fn a_proof_is_asked_for_a_request_that_can_be() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let session = world.log_in(EMAIL).await.session();
    for (field, value, pointer) in [
        ("method", "post", "/method"),
        ("path", "/connections", "/path"),
        ("path", "https://evil.example/v1/", "/path"),
        ("body_sha256", "ABC", "/body_sha256"),
        ("body_sha256", &"A".repeat(64), "/body_sha256"),
    ] {
        let mut form = form(&world);
        form[field] = value.into();
        let refused = send(&world, &session, &form).await;
        refused.refused(422, "invalid_fields");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(world.failures(user, "STEP_UP").await, 0, "nothing was tried");
}

fn sha256(text: &str) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()))
}
fn form(world: &World) -> Value {
    json!({ "method": "POST", "path": "/v1/connections", "body_sha256": sha256(BODY), "password": PASSWORD, "totp": world.code(0) })
}
async fn signed_in(world: &World) -> String {
    let challenge = world.log_in(EMAIL).await.challenge();
    world.send(answer(&challenge, "totp", &world.code(0))).await.session()
}
async fn send(world: &World, session: &str, form: &Value) -> Answered {
    world.send(post("/v1/step-up", form).bearer(session)).await
}
async fn prove(world: &World, session: &str, form: &Value) -> String {
    let answered = send(world, session, form).await;
    assert_eq!(answered.status, 200, "{}", String::from_utf8_lossy(&answered.body));
    let proof = answered.json()["proof"].as_str().unwrap().to_owned();
    let stored = format!("PROOF#{}", TokenHash::of(Purpose::StepUpProof, &proof).as_str());
    assert!(world.item("identity", &stored, "PROOF").await.is_some());
    proof
}
fn attach(session: &str, body: &str) -> Call {
    call("POST", "/v1/connections").bearer(session).raw("application/json", body)
}
