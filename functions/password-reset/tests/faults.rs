//! Completing a reset while calls are lost, refused, cut off or never come back.
#![allow(clippy::allow_attributes, reason = "not every file needs every one, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod reset;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use account::WallTime;
use account::budget::{LoginBudget, ResetFactorBudget};
use account::token::{Purpose, TokenHash, new_token};
use emulators::{Act, Emulators, Fault, Faults, Gate, Point, When};
use reset::{complete, world};
use serde_json::{Value, json};
use std::sync::Mutex;
use store::Table;
use store::entity::budget::{Bucket, Kind, Whose};
use store::entity::device::{DeviceName, Knowing};
use store::entity::job::Notice;
use store::entity::session::Session;
use store::transaction::spend_step_up::Spending;
use store::transaction::start_session::{Arrival, RightPassword, StartRefused};
use world::{NEW_PASSWORD, PASSWORD, TestClock, World};

#[tokio::test]
async fn rf_11_a_lost_answer_is_asked_for_again_and_reported_once() {
    for lost in 1..=4 {
        let world = world();
        let owner = world.owner(false).await;
        world.attach(&owner, "paper").await;
        let token = world.reset_token(&owner).await;
        world.script.times(When::calls("password-reset", "TransactWriteItems"), 0, lost, Act::Fault(Fault::LoseAnswer));
        let answered = complete(&world, &token, json!({})).await;
        assert_eq!(answered.is_ok(200)["connections_removed"], 1, "{lost} lost");
        applied_once(&world, &owner).await;
        complete(&world, &token, json!({})).await.is(400, "reset_refused");
    }
}

/// The SDK repeats what it got no answer to; when the repetitions are throttled, that is all the function hears.
#[tokio::test]
async fn rf_11_a_lost_answer_behind_a_throttled_repetition_is_no_refusal() {
    let world = world();
    let owner = world.owner(false).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let retries = aws_smithy_types::retry::RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(std::time::Duration::from_millis(1));
    let mut host = world.host.clone();
    host.aws = host.aws.into_builder().retry_config(retries).build();
    let router = function_password_reset::router(&host).unwrap();
    world.script.times(When::calls("password-reset", "TransactWriteItems"), 0, 1, Act::Fault(Fault::LoseAnswer));
    world.script.times(When::calls("password-reset", "TransactWriteItems"), 0, 1, Act::Fault(Fault::Throttle));
    let form = reset::form(&token, json!({})).to_string();
    let answered = world::send(router, "POST", "/v1/password-reset/complete", &[], form).await;
    assert_eq!(answered.is_ok(200)["connections_removed"], 1);
    applied_once(&world, &owner).await;
}

#[tokio::test]
async fn rf_11_when_no_answer_ever_comes_the_token_tells() {
    let world = world();
    let owner = world.owner(false).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    world.fault_always("TransactWriteItems", Fault::LoseAnswer);
    complete(&world, &token, json!({})).await.is_ok(200);
    applied_once(&world, &owner).await;
}

#[tokio::test]
async fn rf_11_when_nothing_arrives_the_outcome_is_said_to_be_unknown() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let before = world.everything().await;
    for fault in [Fault::DropRequest, Fault::Status(500)] {
        world.fault_always("TransactWriteItems", fault);
        complete(&world, &token, json!({})).await.is(503, "outcome_unknown");
        assert_eq!(world.everything().await, before);
        world.script.clear();
    }
    complete(&world, &token, json!({})).await.is_ok(200);
}

#[tokio::test]
async fn rf_12_a_retry_after_eleven_minutes_reads_back_and_is_not_applied_twice() {
    let world = world();
    let owner = world.owner(false).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    // Frozen between the commit and the retry, until the service has forgotten the client token.
    let freeze =
        Arc::new(Frozen { emulators: world.emulators.clone(), clock: world.clock.clone(), seen: AtomicU64::new(0) });
    world.emulators.set_faults(Some(freeze.clone()));
    complete(&world, &token, json!({})).await.is_ok(200);
    assert_eq!(freeze.seen.load(Ordering::SeqCst), 2);
    applied_once(&world, &owner).await;
}

/// Loses the first transaction's answer and thaws eleven minutes later.
struct Frozen {
    emulators: Emulators,
    clock: Arc<TestClock>,
    seen: AtomicU64,
}
#[async_trait::async_trait]
impl Faults for Frozen {
    async fn before(&self, point: &Point) -> Fault {
        if point.operation != "TransactWriteItems" || point.caller != "password-reset" {
            return Fault::None;
        }
        if self.seen.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fault::LoseAnswer;
        }
        self.clock.advance(11 * 60);
        self.emulators.sweep().unwrap();
        Fault::None
    }
}

#[tokio::test]
async fn rf_13_after_twenty_tries_in_ten_seconds_nothing_has_changed() {
    let world = world();
    let owner = world.owner(true).await;
    let session = world.session(&owner).await;
    let connection = world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let (before, started) = (world.everything().await, world.clock.at());
    world.emulators.reset_calls();
    world.fault_always("TransactWriteItems", Fault::Throttle);
    let answered = complete(&world, &token, json!({"totp": world.code(&owner)})).await;
    answered.is(503, "try_again");
    assert!(answered.headers.iter().any(|(name, _)| name == "retry-after"));
    assert_eq!(world.calls("TransactWriteItems"), 20);
    assert!(world.clock.at().ms_since(started) <= 10_000, "{}", world.clock.at().ms_since(started));
    assert_eq!(world.everything().await, before);
    assert!(world.password_is(&owner, PASSWORD).await && world.session_is_alive(&session).await);
    assert!(
        world.store.find_sealed_key(owner.id, connection).await.unwrap().is_some(),
        "bots go on once the momentary fence is over"
    );
    world.clock.advance(20);
    assert!(world.user(&owner).await.fencing_until <= world.clock.at());
    world.script.clear();
    // The token is still usable.
    world.clock.advance(30);
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
}

#[tokio::test]
async fn rf_13_contention_that_ends_is_waited_out() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    world.script.times(When::calls("password-reset", "TransactWriteItems"), 0, 15, Act::Fault(Fault::Throttle));
    complete(&world, &token, json!({})).await.is_ok(200);
}

#[tokio::test]
async fn rf_14_a_crash_at_any_call_leaves_nothing_or_everything() {
    let (mut everything_seen, mut nothing_seen) = (0, 0);
    for after_the_call in [false, true] {
        for nth in 0.. {
            let world = Arc::new(world());
            let owner = world.owner(true).await;
            world.attach(&owner, "paper").await;
            let token = world.reset_token(&owner).await;
            let before = world.everything().await;
            let gate = Arc::new(Gate::default());
            let act = if after_the_call { Act::PauseAfter(gate.clone()) } else { Act::PauseBefore(gate.clone()) };
            world.script.times(When { caller: Some("password-reset".into()), ..When::default() }, nth, 1, act);
            let (running, code) = ((world.clone(), token.clone()), world.code(&owner));
            let mut resetting =
                tokio::spawn(async move { complete(&running.0, &running.1, json!({"totp": code})).await });
            let crashed = tokio::select! { () = gate.reached() => true, done = &mut resetting => { done.unwrap().is_ok(200); false } };
            resetting.abort();
            world.script.clear();
            if world.user(&owner).await.cred_version.value() == 1 {
                assert_eq!(world.everything().await, before, "call {nth}");
                world.clock.advance(30);
                complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
                nothing_seen += 1;
            } else {
                everything_seen += 1;
            }
            applied_once(&world, &owner).await;
            if !crashed {
                break;
            }
        }
    }
    assert!(nothing_seen >= 10 && everything_seen >= 3, "{nothing_seen} {everything_seen}");
}

#[tokio::test]
async fn rf_17_a_login_that_verified_the_old_password_leaves_no_session() {
    let world = world();
    let owner = world.owner(false).await;
    let older = world.session(&owner).await;
    let verified = world.user(&owner).await;
    let matched = world.store.find_credential(owner.id).await.unwrap().unwrap().hash.unwrap();
    let (whose, login) = (Whose::User(owner.id), LoginBudget::FRESH.admit(world.clock.at()).unwrap());
    assert!(world.store.write_budget(&whose, Kind::Login, &login, 0, world.clock.at()).await.unwrap());
    let token = world.reset_token(&owner).await;
    complete(&world, &token, json!({})).await.is_ok(200);
    let fresh = new_token(Purpose::Session, world.tools.entropy.bytes());
    let now = world.clock.at();
    let session =
        Session::starting(account::id::SessionId::new(world.ulid()), owner.id, verified.session_gen, false, now);
    let bucket = Bucket::Common;
    let right = RightPassword {
        user: &verified,
        matched: &matched,
        rehashed: None,
        replaced: None,
        bucket: &bucket,
        id: world.ulid(),
        source: None,
        now,
    };
    let name = DeviceName::of(&new_token(Purpose::KnownDevice, world.tools.entropy.bytes()).hash);
    let device = Knowing { name: &name, made_at: now, signed_in: true, first_here: true, among: None };
    let arrival = Arrival { device, bucket: Some(&bucket), notice: None };
    let started = world.store.start_session(&right, &session, &fresh.hash, &arrival).await;
    assert!(matches!(started, Err(StartRefused::ChangedMeanwhile)));
    // One call reads hash and versions, but not at one moment: the old hash with the versions after the reset is no way in.
    let after = world.user(&owner).await;
    let torn = RightPassword { user: &after, ..right };
    let fresh_gen = Session { session_gen: after.session_gen, ..session.clone() };
    let started = world.store.start_session(&torn, &fresh_gen, &fresh.hash, &arrival).await;
    assert!(matches!(started, Err(StartRefused::ChangedMeanwhile)));
    let challenged = world.store.put_challenge(&torn, &fresh.hash, None, now.plus_seconds(60)).await;
    assert!(matches!(challenged, Err(StartRefused::ChangedMeanwhile)));
    // Even one that got stored carries the old generation.
    world.write(session.writes(&fresh.hash).into()).await;
    assert!(!world.session_is_alive(&fresh.text.expose(String::clone)).await);
    assert!(!world.session_is_alive(&older).await);
}

#[tokio::test]
async fn rf_18_a_step_up_proof_from_before_is_refused() {
    let world = world();
    let owner = world.owner(false).await;
    let proof = world.proof(&owner, "POST", "/v1/connections", "00").await;
    let token = world.reset_token(&owner).await;
    complete(&world, &token, json!({})).await.is_ok(200);
    let (hash, user) = (TokenHash::of(Purpose::StepUpProof, &proof), world.user(&owner).await);
    let spending = Spending { hash: &hash, user: &user, method: "POST", path: "/v1/connections", body_sha256: "00" };
    assert!(world.store.spend_step_up(spending, world.clock.at()).await.unwrap().is_none());
}

#[tokio::test]
async fn rf_22_a_reset_of_twenty_connections_is_one_transaction_of_47_writes() {
    let world = world();
    let owner = world.owner(true).await;
    for _ in 0..20 {
        world.attach(&owner, "paper").await;
    }
    let token = world.reset_token(&owner).await;
    let sizes = Arc::new(Sizes::default());
    world.emulators.set_faults(Some(sizes.clone()));
    world.emulators.reset_calls();
    let answered = complete(&world, &token, json!({"recovery_code": owner.codes[0]})).await;
    assert_eq!(answered.is_ok(200)["connections_removed"], 20);
    assert_eq!(*sizes.0.lock().unwrap(), [47]);
    assert_eq!((world.calls("TransactWriteItems"), world.shreds().await.len()), (1, 20));
    // Beside it: the token, its pointer, the user twice, credential, code, the latest recovery, the budget there and back, the lists, the source, the
    // fence, and afterwards the budgets of the login and of step-ups.
    let trace = world.trace();
    assert_eq!(
        trace.iter().map(|(op, count)| (op.as_str(), *count)).collect::<Vec<_>>(),
        [
            ("GenerateMac", 1),
            ("GetItem", 9),
            ("PutItem", 2),
            ("Query", 4),
            ("TransactWriteItems", 1),
            ("UpdateItem", 5),
        ]
    );
}

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
async fn rf_29_every_read_of_the_reset_but_the_display_is_consistent() {
    let world = world();
    let owner = world.owner(true).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let reads = Arc::new(Reads::default());
    world.emulators.set_faults(Some(reads.clone()));
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
    let reads = reads.0.lock().unwrap();
    assert!(reads.len() >= 8);
    for read in reads.iter() {
        assert!(read["ConsistentRead"] == true || read["IndexName"] == "user", "{read}");
    }
}

#[derive(Default)]
struct Reads(Mutex<Vec<Value>>);
#[async_trait::async_trait]
impl Faults for Reads {
    async fn before(&self, point: &Point) -> Fault {
        let read = matches!(point.operation.as_str(), "GetItem" | "Query" | "BatchGetItem" | "Scan");
        if read && point.caller == "password-reset" {
            self.0.lock().unwrap().push(serde_json::from_slice(&point.body).unwrap());
        }
        Fault::None
    }
}

#[tokio::test]
async fn rf_31_with_the_identity_key_down_nothing_changes_and_no_failure_counts() {
    for operation in ["GenerateMac", "Decrypt"] {
        let world = world();
        let owner = world.owner(true).await;
        world.attach(&owner, "paper").await;
        let token = world.reset_token(&owner).await;
        let before = world.everything().await;
        for fault in [Fault::Status(503), Fault::Throttle, Fault::DropRequest] {
            world.fault_always(operation, fault);
            complete(&world, &token, json!({"totp": world.code(&owner)})).await.is(503, "unavailable");
            world.script.clear();
        }
        assert_eq!(world.everything().await, before, "{operation}");
        assert_eq!(world.user(&owner).await.fencing_until, WallTime::from_ms(0), "not even the momentary fence");
        let charged =
            world.store.find_budget(&Whose::User(owner.id), Kind::ResetFactor, ResetFactorBudget::FRESH).await.unwrap();
        assert!(charged.state.charged_at.is_empty(), "{operation}");
        complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
    }
}

#[tokio::test]
async fn rl_5_a_source_that_had_its_hashes_gets_none_and_loses_nothing() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    for _ in 0..300 {
        assert!(world.store.charge_source(None, world.clock.at()).await.unwrap());
    }
    world.emulators.reset_calls();
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is(429, "too_many_requests");
    assert_eq!(world.calls("GenerateMac"), 0);
    world.clock.advance(60);
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
}

#[tokio::test]
async fn pw_4_it_does_not_start_with_a_hash_below_the_floor() {
    let world = world();
    let with = |name: &str, value: &str| {
        let mut host = world.host.clone();
        let pairs = host.environment.pairs().filter(|(k, _)| *k != name).map(|(k, v)| (k.to_owned(), v.to_owned()));
        host.environment =
            host::Environment::of(pairs.chain([(name.to_owned(), value.to_owned())]).collect::<Vec<_>>());
        function_password_reset::router(&host).map(|_| ())
    };
    use function_password_reset::StartRefused;
    assert!(matches!(with("HASH_COST", "19455/2/1"), Err(StartRefused::Cost(_))));
    assert!(matches!(with("HASH_COST", "much"), Err(StartRefused::Cost(_))));
    assert!(with("HASH_COST", "19456/2/1").is_ok());
    for needed in ["KEY_IDENTITY", "KEY_IDENTITY_MAC", "ALLOWED_ORIGIN"] {
        assert!(matches!(with(needed, ""), Err(StartRefused::Missing(_))), "{needed}");
    }
}

#[tokio::test]
async fn a_list_of_orders_that_cannot_be_read_holds_no_reset_up() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    world.script.always(When::calls("password-reset", "Query").with_body("\"user\""), Act::Fault(Fault::Status(500)));
    let answered = complete(&world, &token, json!({})).await;
    assert_eq!(
        answered.is_ok(200),
        json!({"connections_removed": 0, "orders_left_open": null, "orders_in_flight": null})
    );
    let mails = world.mails().await;
    let told = mails.iter().find_map(|m| match &m.notice {
        Notice::PasswordWasReset { orders_left_open, orders_in_flight, .. } => {
            Some((orders_left_open, orders_in_flight))
        }
        _ => None,
    });
    let (left_open, in_flight) = told.unwrap();
    assert!(
        left_open[0].contains("could not be read") && in_flight[0].contains("could not be read"),
        "an unread list is no empty one"
    );
}

/// One reset, whole.
async fn applied_once(world: &World, owner: &world::Owner) {
    let user = world.user(owner).await;
    assert_eq!((user.cred_version.value(), user.session_gen.value(), user.trade_epoch.value()), (2, 2, 2));
    assert!(world.password_is(owner, NEW_PASSWORD).await);
    assert_eq!(
        world.mails().await.iter().filter(|m| matches!(m.notice, Notice::PasswordWasReset { .. })).count(),
        1,
        "one notice"
    );
    assert_eq!(world.audit(owner).await, ["password_reset"]);
    let live = world.items(Table::Vault).await.values().filter(|row| row.text_if("wrapped_dk").is_some()).count();
    assert_eq!((live, world.shreds().await.len()), (0, 1));
}
