//! Two thieves walk through everything that is open to them and end with nothing gained: one holds the mailbox and nothing
//! else, one holds a session and nothing else.

use api::Policy;
use api::routes::ALL;
use host::Clock;
use serde_json::{Value, json};
use tests::world::{Answered, Browser, Owner, World, newest_token};

const NEW: &str = "seven brass lanterns adrift";
/// G2: receive window and clock tolerance, in ms.
const W_MS: i64 = 4_000;

/// The mailbox and nothing else.
fn with_the_mailbox(world: &World, owner: &Owner) -> Browser {
    let mut thief = world.stranger(&owner.email);
    thief.password = NEW.into();
    thief
}
async fn link(thief: &Browser, world: &World) -> String {
    // One mail per ten minutes, three at once (PR-3).
    world.clock.advance(601);
    thief.post("/v1/password-reset", &json!({ "email": thief.email })).await.ok();
    world.drain().await;
    newest_token(world, &thief.email, "reset?token=")
}
async fn password_still_works(owner: &mut Owner) {
    owner.clock.advance(120);
    owner.signs_in().await;
    owner.get("/v1/me").await.ok();
}
fn no_session_in(answered: &Answered) {
    assert!(!answered.headers.contains_key("set-cookie") || answered.status.is_success(), "{answered:?}");
    assert!(answered.body["session"].is_null(), "{}", answered.body);
}

#[tokio::test]
async fn pr_9_a_thief_with_the_mailbox_gains_nothing_where_a_second_factor_is_on() {
    let world = World::seeded(2301);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(&world).await;
    owner.signs_in().await;
    let thief = with_the_mailbox(&world, &owner);

    // The mailbox's token opens nothing but a reset, and that wants the factor (EV-2, PR-9).
    let token = link(&thief, &world).await;
    for (path, form) in [
        ("/v1/signup/verify", json!({ "token": token })),
        ("/v1/login/unlock/confirm", json!({ "token": token })),
        ("/v1/email/confirm", json!({ "token": token })),
        ("/v1/email/revoke", json!({ "token": token })),
        ("/v1/password-reset/not-me", json!({ "token": token })),
        ("/v1/recovery/cancel", json!({ "token": token })),
        ("/v1/recovery/complete", json!({ "token": token, "password": NEW })),
        ("/v1/password-reset/complete", json!({ "token": token, "password": NEW })),
        ("/v1/password-reset/complete", json!({ "token": token, "password": NEW, "recovery_code": "anything" })),
    ] {
        let answered = thief.post(path, &form).await;
        assert!(answered.status.is_client_error(), "{path}: {} {}", answered.status, answered.body);
        no_session_in(&answered);
    }
    // TP-10a: ten guesses in thirty days, and then not even the right code.
    for _ in 0..12 {
        let token = link(&thief, &world).await;
        let form = json!({ "token": token, "password": NEW, "totp": "000000" });
        assert_eq!(thief.post("/v1/password-reset/complete", &form).await.refused(), "reset_refused");
    }
    let form = json!({ "token": link(&thief, &world).await, "password": NEW, "totp": owner.fresh_code() });
    assert_eq!(thief.post("/v1/password-reset/complete", &form).await.refused(), "reset_refused");
    // PR-2: all of it changed nothing; the bot trades on.
    assert_eq!(owner.connection_item(&world).await["status"], "LIVE");
    let before = world.placements().await.len();
    world.candle("59000", "60010", "59100").await;
    assert!(world.placements().await.len() > before, "the bot's next order");
    // The guesses have closed nothing to the owner, whose session has idled out meanwhile.
    password_still_works(&mut owner).await;

    // PR-14: the last way, and its price: the keys are gone before it gives anything, and the owner says no.
    let at = world.clock.now();
    let begun = thief.post("/v1/recovery", &json!({ "token": link(&thief, &world).await })).await.ok();
    assert_eq!(begun["connections_removed"], 1);
    world.drain().await;
    assert!(world.secrets().await.is_empty());
    assert!(owner.get("/v1/me").await.ok()["recovery"]["ready_at"].is_string(), "the owner sees it");
    owner.delete("/v1/recovery").await;
    for _ in 0..4 {
        world.after(24 * 3_600).await;
        let token = link(&thief, &world).await;
        let form = json!({ "token": token, "password": NEW });
        assert_eq!(thief.post("/v1/recovery/complete", &form).await.refused(), "recovery_not_ready");
        assert_eq!(thief.post("/v1/recovery", &json!({ "token": token })).await.refused(), "recovery_blocked");
    }
    assert_eq!(thief.log_in().await.refused(), "sign_in_refused");
    password_still_works(&mut owner).await;
    world.candle("50000", "60010", "50100").await;
    world.drain().await;
    world.holds_no_order_accepted_after(at.plus_ms(601_000 + W_MS)).await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn p1_a_thief_with_the_mailbox_of_an_account_without_a_factor_gets_an_account_without_keys() {
    let world = World::seeded(2302);
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(&world).await;
    let program = json!({ "name": "reader", "scope": "trade", "expires_in_days": 30 });
    let secret = owner.stepped_up("POST", "/v1/tokens", Some(&program)).await.ok()["secret"].clone();
    let mut thief = with_the_mailbox(&world, &owner);
    let token = link(&thief, &world).await;
    let at = world.clock.now();
    thief.post("/v1/password-reset/complete", &json!({ "token": token, "password": NEW })).await.ok();
    thief.signs_in().await;
    world.drain().await;

    // No key, none to be had, no bot that runs, no program that still may.
    assert!(world.secrets().await.is_empty());
    let connection = thief.get(&format!("/v1/connections/{}", owner.connection)).await.ok();
    assert!(!connection.to_string().contains("wrapped"), "{connection}");
    let started = thief.post(&format!("/v1/bots/{}/start", owner.bot), &json!({})).await;
    assert!(started.status.is_client_error(), "{}", started.body);
    let mut robot = world.stranger("owner@example.org");
    robot.token = secret.as_str().map(str::to_owned);
    assert_eq!(robot.get("/v1/bots").await.refused(), "no_session");
    let export = thief.get("/v1/account/export").await.ok().to_string();
    for word in ["wrapped_dk", "secret_arn", "arn:aws:secretsmanager", "totp_seed", "$argon2id$"] {
        assert!(!export.contains(word), "{word}");
    }
    world.candle("50000", "60010", "50100").await;
    world.drain().await;
    world.holds_no_order_accepted_after(at.plus_ms(W_MS)).await;

    // The thief makes the account his own with a factor of his …
    let mut cemented = world.owner("another@example.org").await;
    (cemented.email, cemented.token, cemented.password) = (owner.email.clone(), thief.token.clone(), NEW.into());
    cemented.adds_a_factor().await;

    // PR-13: … and the owner's word ends even that: sessions, password, and what was enrolled since.
    let not_me = newest_token(&world, &owner.email, "not-me?token=");
    let said = owner.post("/v1/password-reset/not-me", &json!({ "token": not_me })).await;
    assert!(said.status.is_success(), "{}", said.body);
    assert_eq!(thief.get("/v1/me").await.refused(), "no_session");
    assert_eq!(thief.log_in().await.refused(), "sign_in_refused");
    // RF-35: it stays held for 72 hours, and nobody makes it his own meanwhile; then a reset ends that.
    owner.password = "a lighthouse keeps no secrets at noon".into();
    for (hours, held) in [(1, true), (72, false)] {
        world.after(hours * 3_600).await;
        let token = link(&thief, &world).await;
        let form = json!({ "token": token, "password": owner.password });
        owner.post("/v1/password-reset/complete", &form).await.ok();
        owner.token = None;
        owner.clock.advance(120);
        owner.signs_in().await;
        let me = owner.get("/v1/me").await.ok();
        assert_eq!((&me["factors"], me["trading_state"] == "held"), (&json!([]), held));
        for path in ["/v1/second-factors/totp", "/v1/second-factors/passkeys/begin"] {
            let answered = owner.stepped_up("POST", path, Some(&json!({}))).await;
            assert_eq!(answered.body["code"] == "account_held", held, "{path}: {}", answered.body);
            owner.clock.advance(60);
        }
    }
    world.no_call_was_refused();
}

/// What the owner has, as far as a thief could have changed it.
async fn belongings(owner: &Owner) -> Value {
    let of = async |path: &str| owner.get(path).await.ok();
    let (me, tokens) = (of("/v1/me").await, of("/v1/tokens").await);
    let connection = of(&format!("/v1/connections/{}", owner.connection)).await;
    json!({
        "factors": me["factors"], "email": me["email"], "codes": me["recovery_codes_left"], "tokens": tokens["items"],
        "connection": connection, "passkeys": of("/v1/second-factors/passkeys").await["items"],
    })
}

#[tokio::test]
async fn st_1_a_thief_with_a_stolen_session_gains_nothing() {
    let world = World::seeded(2303);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(&world).await;
    owner.signs_in().await;
    let mut thief = owner.clone();
    (thief.seed, thief.password) = (None, "a guess of a thief and no more".into());
    // In another browser: a sign-in ends the session that its own browser shows (LG-3).
    owner.token = None;
    owner.signs_in().await;
    let before = belongings(&owner).await;
    thief.get("/v1/me").await.ok();

    // Whatever would last wants all factors: no route of the table does it for a session alone.
    for (_, route) in ALL.iter().filter(|(_, route)| route.demands() == Policy::StepUp) {
        let path = route.path().replace("{id}", "psk_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        let answered = thief.send(route.method(), &path, Some("{}"), &[]).await;
        assert_eq!(answered.refused(), "step_up_required", "{} {path}", route.method());
    }
    // ST-2: nor does loosening a limit.
    let limits = format!("/v1/connections/{}/limits", owner.connection);
    let looser = json!({ "allowed_pairs": ["BTC-USDT", "ETH-USDT"] }).to_string();
    assert_eq!(thief.send("PATCH", &limits, Some(&looser), &[]).await.refused(), "step_up_required");
    // The proof is guessed at as rarely as a login, and the guesses close nothing to the owner (RL-1).
    for _ in 0..20 {
        world.clock.advance(6);
        let mut form = json!({ "method": "POST", "path": "/v1/tokens", "body_sha256": "0".repeat(64), "password": thief.password });
        form["totp"] = json!("000000");
        assert_eq!(thief.post("/v1/step-up", &form).await.refused(), "step_up_refused");
    }
    // A proof of the owner's is of no use in another session for another request (ST-1).
    world.clock.advance(60);
    let body = json!({ "name": "mine", "scope": "read", "expires_in_days": 1 });
    let proof =
        owner.step_up("POST", "/v1/tokens", Some(&body)).await.ok()["proof"].as_str().expect("a proof").to_owned();
    let other = json!({ "name": "thine", "scope": "trade", "expires_in_days": 365 }).to_string();
    let answered = thief.send("POST", "/v1/tokens", Some(&other), &[("x-step-up", &proof)]).await;
    assert_eq!(answered.refused(), "step_up_required");
    // What it may read holds no secret.
    for path in ["/v1/account/export", "/v1/connections", "/v1/sessions", "/v1/activity", "/v1/second-factors/passkeys"]
    {
        let read = String::from_utf8_lossy(&thief.get(path).await.bytes).into_owned();
        for word in ["wrapped_dk", "secret_arn", "arn:aws", "totp_seed", "$argon2id$", "token_hash"] {
            assert!(!read.contains(word), "{path}: {word}");
        }
    }
    assert_eq!(belongings(&owner).await, before);

    // It ends when the owner says so, on its very next request (SS-4) …
    assert!(owner.delete("/v1/sessions").await.status.is_success());
    assert_eq!(thief.get("/v1/me").await.refused(), "no_session");
    // … and by itself, however busy it is kept (SS-3).
    let mut busy = owner.clone();
    busy.token = None;
    busy.signs_in().await;
    for _ in 0..36 {
        world.clock.advance(20 * 60 - 2);
        let _ = busy.get("/v1/me").await;
    }
    world.clock.advance(120);
    assert_eq!(busy.get("/v1/me").await.refused(), "no_session");
    password_still_works(&mut owner).await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn lg_3_a_session_planted_before_the_sign_in_is_dead_after_it() {
    let world = World::seeded(2304);
    let mut owner = world.owner("owner@example.org").await;
    let mut thief = world.owner("thief@example.org").await;
    // The thief's own session sits in the owner's browser when the owner signs in there.
    owner.token = thief.token.clone();
    owner.signs_in().await;
    assert_ne!(owner.token, thief.token);
    assert_eq!(thief.get("/v1/me").await.refused(), "no_session");
    thief.signs_in().await;
    assert_eq!(owner.get("/v1/me").await.ok()["email"], "owner@example.org");
}
