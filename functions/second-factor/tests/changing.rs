//! Enrolling, confirming and removing the second factor, and its recovery codes.
#![allow(clippy::allow_attributes, reason = "not every file needs every one, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

#[path = "../../password-reset/tests/world/mod.rs"]
mod world;

use std::sync::Arc;

use account::recovery_code::RecoveryCode;
use account::totp::{TotpSeed, TotpStep};
use account::trading_state::{Frozen, TradingState};
use emulators::{Act, Call, Fault, Gate, When};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Table;
use store::Write;
use store::attribute::{n, s};
use store::entity::{connection, credential, user};
use world::{Answered, Owner, World, code_at, named};

const TOTP: &str = "/v1/second-factors/totp";
const CONFIRM: &str = "/v1/second-factors/totp/confirm";
const CODES: &str = "/v1/second-factors/recovery-codes";

/// The row of `second-factor` in the table of roles: of a connection the status by query, no secret, no vault key.
fn allowed(call: &Call) -> bool {
    let identity = ["ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"];
    let call = named(call);
    identity.iter().any(|action| call == format!("identity dynamodb:{action}"))
        || [
            "outbox dynamodb:PutItem",
            "vault dynamodb:Query",
            "alias/identity kms:Decrypt",
            "alias/identity kms:Encrypt",
        ]
        .contains(&call.as_str())
}
fn world() -> World {
    World::of("second-factor", allowed, |host| function_second_factor::router(host).unwrap())
}

/// With a fresh step-up for exactly this request.
async fn stepped_up(world: &World, owner: &Owner, session: &str, method: &str, path: &str) -> Answered {
    let proof = world.proof(owner, method, path, &hex::encode(Sha256::digest(b""))).await;
    let headers = [("authorization", format!("Bearer {session}")), ("x-step-up", proof)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.send(method, path, &headers, String::new()).await
}
async fn confirm(world: &World, session: &str, code: &str) -> Answered {
    world
        .send("POST", CONFIRM, &[("authorization", &format!("Bearer {session}"))], json!({"code": code}).to_string())
        .await
}
/// Starts an enrolment; the seed as the app has it.
async fn enrol(world: &World, owner: &Owner, session: &str) -> TotpSeed {
    let shown = stepped_up(world, owner, session, "POST", TOTP).await.is_ok(200);
    seed_of(&shown)
}
fn seed_of(shown: &Value) -> TotpSeed {
    let bytes = data_encoding::BASE32_NOPAD.decode(shown["secret"].as_str().unwrap().as_bytes()).unwrap();
    TotpSeed::from_decrypted(bytes.try_into().unwrap())
}
fn codes_of(answered: &Answered) -> Vec<String> {
    serde_json::from_value(answered.is_ok(200)["recovery_codes"].clone()).unwrap()
}
async fn is_left(world: &World, owner: &Owner, code: &str) -> bool {
    world.store.has_recovery_code(owner.id, &RecoveryCode::parse(code).unwrap().hash()).await.unwrap()
}
async fn notices(world: &World, owner: &Owner) -> Vec<&'static str> {
    world
        .mails()
        .await
        .iter()
        .map(|mail| {
            assert_eq!(mail.to, owner.email);
            mail.notice.name()
        })
        .collect()
}

#[tokio::test]
async fn st_4_a_session_alone_changes_no_factor() {
    let world = world();
    let owner = world.owner(true).await;
    let session = world.session(&owner).await;
    let bearer = format!("Bearer {session}");
    let before = world.everything().await;
    for (method, path) in [("POST", TOTP), ("DELETE", TOTP), ("POST", CODES)] {
        world.send(method, path, &[("authorization", &bearer)], String::new()).await.is(403, "step_up_required");
        world
            .send(method, path, &[("authorization", &bearer), ("x-step-up", "made-up")], String::new())
            .await
            .is(403, "step_up_required");
        world.send(method, path, &[], String::new()).await.is(401, "no_session");
        // ST-1: a proof for another path is none for this one.
        let proof = world.proof(&owner, method, "/v1/connections", &hex::encode(Sha256::digest(b""))).await;
        world
            .send(method, path, &[("authorization", &bearer), ("x-step-up", &proof)], String::new())
            .await
            .is(403, "step_up_required");
    }
    world.post(CONFIRM, json!({"code": "000000"})).await.is(401, "no_session");
    let after = world.everything().await;
    for (key, row) in &before {
        assert_eq!(after.get(key), Some(row), "{key}");
    }
}

#[tokio::test]
async fn tp_1_tp_2_a_fresh_seed_is_shown_once_and_opens_nothing_yet() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let shown = stepped_up(&world, &owner, &session, "POST", TOTP).await.is_ok(200);
    let secret = shown["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32, "160 bits in base32");
    let label = owner.email.replace('@', "%40");
    assert_eq!(shown["otpauth_uri"], format!("otpauth://totp/Shearpin:{label}?secret={secret}&issuer=Shearpin"));
    assert_eq!(shown["expires_at"], world.clock.at().plus_seconds(600).to_string());
    let (size, path) = (shown["qr_svg"]["size"].as_u64().unwrap(), shown["qr_svg"]["path"].as_str().unwrap());
    assert!(size > 40 && path.starts_with("M4 4h7v1h-7z"), "{size} {path}");
    assert!(path.bytes().all(|b| b.is_ascii_digit() || b"Mhvz- ".contains(&b)), "path data and no markup");
    let (user, credential) = (world.user(&owner).await, world.credential(&owner).await);
    assert!(!user.has_factor && credential.totp.is_none() && credential.pending.is_some());
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 0);
    // TP-3: sealed, not stored.
    let dump = format!("{:?}", world.items(Table::Identity).await);
    assert!(!dump.contains(secret));
    let again = stepped_up(&world, &owner, &session, "POST", TOTP).await.is_ok(200);
    assert_ne!(again["secret"], shown["secret"]);
    // The first one is gone.
    confirm(&world, &session, &code_at(&seed_of(&shown), world.clock.at())).await.is(400, "enrolment_refused");
}

#[tokio::test]
async fn tp_3_a_seed_is_sealed_for_its_user() {
    let world = world();
    let (one, other) = (world.owner(false).await, world.owner(false).await);
    let (session, others) = (world.session(&one).await, world.session(&other).await);
    let seed = enrol(&world, &one, &session).await;
    enrol(&world, &other, &others).await;
    let swapped = world.credential(&one).await.pending.unwrap().sealed_seed;
    world
        .write(vec![
            Write::update(Table::Identity, credential::key(other.id), "SET #pending_seed = :s").value(":s", s(swapped)),
        ])
        .await;
    confirm(&world, &others, &code_at(&seed, world.clock.at())).await.is(503, "unavailable");
    assert!(!world.user(&other).await.has_factor);
}

#[tokio::test]
async fn tp_6_the_first_code_turns_it_on_and_counts_as_used() {
    let world = world();
    let owner = world.owner(false).await;
    let (session, other) = (world.session(&owner).await, world.session(&owner).await);
    let seed = enrol(&world, &owner, &session).await;
    let before = world.user(&owner).await;
    let answered = confirm(&world, &session, &code_at(&seed, world.clock.at())).await;
    let codes = codes_of(&answered);
    assert_eq!(codes.len(), 10);
    for code in &codes {
        assert!(is_left(&world, &owner, code).await, "RC-1");
    }
    let (user, credential) = (world.user(&owner).await, world.credential(&owner).await);
    assert!(user.has_factor && credential.totp.is_some() && credential.pending.is_none());
    assert_eq!(credential.totp.unwrap().enrolled_at, world.clock.at());
    assert_eq!(credential.totp_last_step, TotpStep::at(world.clock.at()), "TP-5, TP-7: one counter");
    assert_eq!(user.cred_version, before.cred_version.next(), "mailed tokens and challenges from before are dead");
    assert_eq!(
        (user.session_gen, user.trade_epoch, user.trading_state),
        (before.session_gen, before.trade_epoch, before.trading_state)
    );
    assert!(
        world.session_is_alive(&session).await && world.session_is_alive(&other).await,
        "the others are offered to end"
    );
    assert_eq!(notices(&world, &owner).await, ["second_factor_added"]);
    assert!(world.audit(&owner).await.contains(&"factor_added".to_owned()));
    let dump = format!("{:?}", world.items(Table::Identity).await);
    assert!(
        codes.iter().all(|code| !dump.contains(code.as_str()) && !dump.contains(&code.replace('-', ""))),
        "RC-1: hashes alone"
    );
    // TP-2: with one on there is no second.
    stepped_up(&world, &owner, &session, "POST", TOTP).await.is(409, "second_factor_exists");
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is(409, "second_factor_exists");
    assert!(world.emulators.refused_calls().is_empty(), "within its role");
}

#[tokio::test]
async fn tp_2_an_enrolment_waits_ten_minutes() {
    for (seconds, confirmed) in [(599, true), (600, false)] {
        let world = world();
        let owner = world.owner(false).await;
        let session = world.session(&owner).await;
        let seed = enrol(&world, &owner, &session).await;
        world.clock.advance(seconds);
        let answered = confirm(&world, &session, &code_at(&seed, world.clock.at())).await;
        if confirmed {
            answered.is_ok(200);
        } else {
            answered.is(400, "enrolment_refused");
        }
        assert_eq!(world.user(&owner).await.has_factor, confirmed);
    }
}

#[tokio::test]
async fn tp_7_a_step_that_was_used_before_does_not_turn_it_on() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let seed = enrol(&world, &owner, &session).await;
    let step = TotpStep::at(world.clock.at()).value();
    world
        .write(vec![
            Write::update(Table::Identity, credential::key(owner.id), "SET #totp_last_step = :n").value(":n", n(step)),
        ])
        .await;
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is(400, "enrolment_refused");
    world.clock.advance(30);
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is_ok(200);
}

/// Else a stranger who signs up with somebody's address could bar the owner's only way in, which is a reset by mail (PR-9).
#[tokio::test]
async fn ev_4_an_address_that_nobody_has_verified_gets_no_second_factor() {
    let world = world();
    let owner = world.owner(false).await;
    let mut user = world.user(&owner).await;
    user.email_verified = false;
    world.write(vec![Write::put(Table::Identity, store::entity::user::key(owner.id), user.to_row())]).await;
    let session = world.session(&owner).await;
    stepped_up(&world, &owner, &session, "POST", TOTP).await.is(403, "email_not_verified");
    assert!(world.credential(&owner).await.pending.is_none());
}

#[tokio::test]
async fn tp_9_five_codes_and_the_enrolment_is_dead() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let seed = enrol(&world, &owner, &session).await;
    for code in ["000000", "anything", "", "1234567", "00000０"] {
        confirm(&world, &session, code).await.is(400, "enrolment_refused");
    }
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is(400, "enrolment_refused");
    assert!(!world.user(&owner).await.has_factor);
    let seed = enrol(&world, &owner, &session).await;
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is_ok(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tp_5_fifty_parallel_uses_of_the_first_code_are_one() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(false).await);
    let session = world.session(&owner).await;
    let code = code_at(&enrol(&world, &owner, &session).await, world.clock.at());
    let running: Vec<_> = (0..50)
        .map(|_| {
            let (world, session, code) = (world.clone(), session.clone(), code.clone());
            tokio::spawn(async move { confirm(&world, &session, &code).await })
        })
        .collect();
    let mut confirmed = 0;
    for answered in running {
        let answered = answered.await.unwrap();
        match answered.status.as_u16() {
            200 => confirmed += 1,
            400 | 409 | 503 => {}
            other => panic!("{other}: {}", answered.text),
        }
    }
    assert_eq!((confirmed, world.store.recovery_codes(owner.id).await.unwrap().len()), (1, 10));
}

#[tokio::test]
async fn whatever_changes_under_a_confirmation_aborts_it() {
    let credential = |expression: &'static str| {
        move |owner: &Owner| Write::update(Table::Identity, credential::key(owner.id), expression)
    };
    let state =
        |expression: &'static str| move |owner: &Owner| Write::update(Table::Identity, user::key(owner.id), expression);
    type Change = Box<dyn Fn(&Owner, u64) -> Write>;
    let changes: [(&str, Change); 10] = [
        ("another enrolment", Box::new(move |o, _| credential("SET #pending_seed = :s")(o).value(":s", s("another")))),
        ("its time is up", Box::new(move |o, _| credential("SET #pending_until = :n")(o).value(":n", n(1)))),
        ("a factor came", Box::new(move |o, _| credential("SET #totp_seed = :s")(o).value(":s", s("another")))),
        ("the step was used", Box::new(move |o, step| credential("SET #totp_last_step = :n")(o).value(":n", n(step)))),
        ("a set of codes came", Box::new(move |o, _| credential("SET #codes_set = :s")(o).value(":s", s("another")))),
        ("the credentials changed", Box::new(move |o, _| state("SET #cred_version = :n")(o).value(":n", n(9)))),
        ("all sessions ended", Box::new(move |o, _| state("SET #session_gen = :n")(o).value(":n", n(9)))),
        // PR-14, RC-5: these raise no version, and must not be written over.
        ("it cools off", Box::new(move |o, _| state("SET #cooling_until = :n")(o).value(":n", n(9)))),
        ("it was released", Box::new(move |o, _| state("SET #held_at = :n")(o).value(":n", n(9)))),
        ("it was frozen", Box::new(move |o, _| state("SET #frozen_until = :n")(o).value(":n", n(9)))),
    ];
    for (name, change) in changes {
        let world = Arc::new(world());
        let owner = world.owner(false).await;
        let session = world.session(&owner).await;
        let code = code_at(&enrol(&world, &owner, &session).await, world.clock.at());
        let gate = Arc::new(Gate::default());
        world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
        let w = world.clone();
        let confirming = tokio::spawn(async move { confirm(&w, &session, &code).await });
        gate.reached().await;
        world.write(vec![change(&owner, TotpStep::at(world.clock.at()).value())]).await;
        let before = world.everything().await;
        gate.open();
        let answered = confirming.await.unwrap();
        assert!(matches!(answered.code().as_str(), "enrolment_refused" | "try_again"), "{name}: {}", answered.text);
        assert_eq!(world.everything().await, before, "{name}");
    }
}

#[tokio::test]
async fn tp_9_a_try_that_was_overtaken_is_not_looked_at() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let code = code_at(&enrol(&world, &owner, &session).await, world.clock.at());
    let gate = Arc::new(Gate::default());
    world
        .script
        .once(When::calls("second-factor", "UpdateItem").with_body("pending_tries"), Act::PauseBefore(gate.clone()));
    let (w, t) = (world.clone(), session.clone());
    let overtaken = tokio::spawn(async move { confirm(&w, &t, &code).await });
    gate.reached().await;
    confirm(&world, &session, "000000").await.is(400, "enrolment_refused");
    gate.open();
    overtaken.await.unwrap().is(503, "try_again");
    assert_eq!(world.credential(&owner).await.pending.unwrap().tries, 1);
}

#[tokio::test]
async fn rc_2_a_replacement_that_was_overtaken_leaves_no_code() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(true).await);
    let session = world.session(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let overtaken = tokio::spawn(async move { stepped_up(&w, &o, &t, "POST", CODES).await });
    gate.reached().await;
    let codes = codes_of(&stepped_up(&world, &owner, &session, "POST", CODES).await);
    gate.open();
    overtaken.await.unwrap().is(503, "try_again");
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 10);
    for code in &codes {
        assert!(is_left(&world, &owner, code).await);
    }
}

#[tokio::test]
async fn tp_2_a_factor_that_came_in_between_keeps_an_enrolment_out() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(false).await);
    let session = world.session(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let enrolling = tokio::spawn(async move { stepped_up(&w, &o, &t, "POST", TOTP).await });
    gate.reached().await;
    world
        .write(vec![
            Write::update(Table::Identity, credential::key(owner.id), "SET #totp_seed = :s").value(":s", s("another")),
        ])
        .await;
    gate.open();
    enrolling.await.unwrap().is(409, "second_factor_exists");
    assert!(world.credential(&owner).await.pending.is_none());
}

#[tokio::test]
async fn codes_made_while_the_factor_goes_do_not_outlive_it() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(true).await);
    let session = world.session(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let removing = tokio::spawn(async move { stepped_up(&w, &o, &t, "DELETE", TOTP).await });
    gate.reached().await;
    codes_of(&stepped_up(&world, &owner, &session, "POST", CODES).await);
    gate.open();
    removing.await.unwrap().is_ok(204);
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 0);
}

#[tokio::test]
async fn rc_5_a_new_factor_ends_the_freeze_of_a_recovery_code_a_day_later() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let freeze = "SET #frozen_until = :far, #frozen_why = :why";
    let far = n(account::WallTime::FAR_FUTURE.ms());
    world
        .write(vec![
            Write::update(Table::Identity, user::key(owner.id), freeze)
                .value(":far", far)
                .value(":why", s("new_factor")),
        ])
        .await;
    let seed = enrol(&world, &owner, &session).await;
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is_ok(200);
    assert_eq!(world.user(&owner).await.frozen, Frozen::Until { at: world.clock.at().plus_seconds(24 * 3600) });
}

#[tokio::test]
async fn lg_5_the_factor_stays_while_a_real_key_lives() {
    let world = world();
    let owner = world.owner(true).await;
    let session = world.session(&owner).await;
    world.attach(&owner, "paper").await;
    let real = world.attach(&owner, "binance").await;
    let before = world.user(&owner).await;
    stepped_up(&world, &owner, &session, "DELETE", TOTP).await.is(409, "second_factor_in_use");
    assert_eq!(world.user(&owner).await, before);
    let revoke = "SET #status = :r, #revoked_at = :n";
    world
        .write(vec![
            Write::update(Table::Vault, connection::key(owner.id, real), revoke)
                .value(":r", s("REVOKED"))
                .value(":n", n(1)),
        ])
        .await;
    stepped_up(&world, &owner, &session, "DELETE", TOTP).await.is_ok(204);
}

#[tokio::test]
async fn ss_4_removing_ends_the_other_sessions_and_cools_off_for_a_day() {
    let world = world();
    let owner = world.owner(true).await;
    let (session, other) = (world.session(&owner).await, world.session(&owner).await);
    world.attach(&owner, "paper").await;
    let before = world.user(&owner).await;
    let step = world.credential(&owner).await.totp_last_step;
    stepped_up(&world, &owner, &session, "DELETE", TOTP).await.is_ok(204);
    let (user, credential) = (world.user(&owner).await, world.credential(&owner).await);
    assert!(
        !user.has_factor && credential.totp.is_none() && credential.pending.is_none() && credential.codes_set.is_none()
    );
    assert_eq!(credential.totp_last_step, step, "TP-7: the counter outlives the factor");
    assert_eq!((user.cred_version, user.session_gen), (before.cred_version.next(), before.session_gen.next()));
    assert_eq!(user.trading_state, TradingState::Cooling { until: world.clock.at().plus_seconds(24 * 3600) });
    assert_eq!(user.trade_epoch, before.trade_epoch, "paper keys go on");
    assert!(world.session_is_alive(&session).await && !world.session_is_alive(&other).await);
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 0);
    assert_eq!(notices(&world, &owner).await, ["second_factor_removed"]);
    assert_eq!(world.audit(&owner).await.last().unwrap(), "factor_removed");
    stepped_up(&world, &owner, &session, "DELETE", TOTP).await.is(409, "no_second_factor");
    stepped_up(&world, &owner, &session, "POST", CODES).await.is(409, "no_second_factor");
    assert!(world.emulators.refused_calls().is_empty(), "within its role");
}

#[tokio::test]
async fn lg_5_a_real_key_attached_in_between_keeps_the_factor() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(true).await);
    let session = world.session(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let removing = tokio::spawn(async move { stepped_up(&w, &o, &t, "DELETE", TOTP).await });
    gate.reached().await;
    world.attach(&owner, "binance").await;
    gate.open();
    removing.await.unwrap().is(409, "second_factor_in_use");
    assert!(world.user(&owner).await.has_factor && world.credential(&owner).await.totp.is_some());
    // A paper key in between is no reason.
    let removed = world.store.list_connections(owner.id).await.unwrap()[0].id;
    world.write(vec![Write::delete(Table::Vault, connection::key(owner.id, removed))]).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let removing = tokio::spawn(async move { stepped_up(&w, &o, &t, "DELETE", TOTP).await });
    gate.reached().await;
    world.attach(&owner, "paper").await;
    gate.open();
    removing.await.unwrap().is_ok(204);
}

#[tokio::test]
async fn pr_14_a_recovery_that_starts_in_between_keeps_its_longer_cooling_off() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(true).await);
    let session = world.session(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let (w, o, t) = (world.clone(), owner.clone(), session.clone());
    let removing = tokio::spawn(async move { stepped_up(&w, &o, &t, "DELETE", TOTP).await });
    gate.reached().await;
    let until = world.clock.at().plus_seconds(96 * 3600);
    let cools = Write::update(Table::Identity, user::key(owner.id), "SET #trading_state = :s, #cooling_until = :u");
    world.write(vec![cools.value(":s", s("COOLING")).value(":u", n(until.ms()))]).await;
    gate.open();
    removing.await.unwrap().is_ok(204);
    assert_eq!(world.user(&owner).await.trading_state, TradingState::Cooling { until });
}

#[tokio::test]
async fn a_reset_in_between_leaves_the_factor_as_it_was() {
    for (method, path, with_factor) in [("DELETE", TOTP, true), ("POST", CODES, true), ("POST", TOTP, false)] {
        let world = Arc::new(world());
        let owner = Arc::new(world.owner(with_factor).await);
        let session = world.session(&owner).await;
        let gate = Arc::new(Gate::default());
        world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
        let (w, o, t) = (world.clone(), owner.clone(), session.clone());
        let changing = tokio::spawn(async move { stepped_up(&w, &o, &t, method, path).await });
        gate.reached().await;
        let raise = "SET #cred_version = #cred_version + :one, #session_gen = #session_gen + :one";
        world.write(vec![Write::update(Table::Identity, user::key(owner.id), raise).value(":one", n(1))]).await;
        let before = world.everything().await;
        gate.open();
        changing.await.unwrap().is(503, "try_again");
        assert_eq!(world.everything().await, before, "{method} {path}");
    }
}

#[tokio::test]
async fn rc_2_new_codes_and_the_old_ones_are_dead() {
    let world = world();
    let owner = world.owner(true).await;
    let session = world.session(&owner).await;
    let before = world.user(&owner).await;
    let codes = codes_of(&stepped_up(&world, &owner, &session, "POST", CODES).await);
    assert_eq!(codes.len(), 10);
    for (old, new) in owner.codes.iter().zip(&codes) {
        assert!(!is_left(&world, &owner, old).await && is_left(&world, &owner, new).await);
    }
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 10);
    assert_eq!(world.user(&owner).await, before);
    assert_eq!(
        (notices(&world, &owner).await, world.audit(&owner).await),
        (vec!["recovery_codes_replaced"], vec!["recovery_codes_replaced".to_owned()])
    );
}

#[tokio::test]
async fn rc_6_the_client_cannot_bring_codes_of_its_own() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let seed = enrol(&world, &owner, &session).await;
    let body = json!({"code": code_at(&seed, world.clock.at()), "recovery_codes": ["mine"]}).to_string();
    world
        .send("POST", CONFIRM, &[("authorization", &format!("Bearer {session}"))], body)
        .await
        .is(422, "invalid_fields");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc_2_parallel_replacements_leave_one_set() {
    let world = Arc::new(world());
    let owner = Arc::new(world.owner(true).await);
    let session = world.session(&owner).await;
    // None left of the first set, so that nothing but its name tells the replacements apart.
    let all = world
        .store
        .recovery_codes(owner.id)
        .await
        .unwrap()
        .into_iter()
        .map(|key| Write::delete(Table::Identity, key))
        .collect();
    world.write(all).await;
    let running: Vec<_> = (0..20)
        .map(|_| {
            let (world, owner, session) = (world.clone(), owner.clone(), session.clone());
            tokio::spawn(async move { stepped_up(&world, &owner, &session, "POST", CODES).await })
        })
        .collect();
    let mut sets = Vec::new();
    for answered in running {
        let answered = answered.await.unwrap();
        match answered.status.as_u16() {
            200 => sets.push(codes_of(&answered)),
            _ => answered.is(503, "try_again"),
        }
    }
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 10);
    let mut alive = 0;
    for set in &sets {
        if is_left(&world, &owner, &set[0]).await {
            alive += 1;
        }
    }
    assert_eq!(alive, 1, "of {} sets", sets.len());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_applied_once() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    let lose = || world.fault("TransactWriteItems", Act::Fault(Fault::LoseAnswer));
    lose();
    let seed = enrol(&world, &owner, &session).await;
    lose();
    codes_of(&confirm(&world, &session, &code_at(&seed, world.clock.at())).await);
    lose();
    codes_of(&stepped_up(&world, &owner, &session, "POST", CODES).await);
    lose();
    stepped_up(&world, &owner, &session, "DELETE", TOTP).await.is_ok(204);
    let user = world.user(&owner).await;
    assert_eq!((user.cred_version.value(), user.session_gen.value()), (3, 2));
    let mut told = notices(&world, &owner).await;
    told.sort_unstable();
    assert_eq!(told, ["recovery_codes_replaced", "second_factor_added", "second_factor_removed"]);
    assert_eq!(world.script.left(), 0);
}

#[tokio::test]
async fn rf_31_with_the_identity_key_down_nothing_is_counted() {
    let world = world();
    let owner = world.owner(false).await;
    let session = world.session(&owner).await;
    world.script.always(When::calls("second-factor", "Encrypt"), Act::Fault(Fault::Status(503)));
    stepped_up(&world, &owner, &session, "POST", TOTP).await.is(503, "unavailable");
    assert!(world.credential(&owner).await.pending.is_none());
    world.script.clear();
    let seed = enrol(&world, &owner, &session).await;
    world.script.always(When::calls("second-factor", "Decrypt"), Act::Fault(Fault::Status(503)));
    for _ in 0..10 {
        confirm(&world, &session, "000000").await.is(503, "unavailable");
    }
    world.script.clear();
    assert_eq!(world.credential(&owner).await.pending.unwrap().tries, 0);
    confirm(&world, &session, &code_at(&seed, world.clock.at())).await.is_ok(200);
}
