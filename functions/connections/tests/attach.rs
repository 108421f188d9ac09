//! Attaching a key: the way it works, every way it is refused, and every place where it breaks off.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

mod attaching;
#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use account::WallTime;
use attaching::{SECRET, Venue, attach, body, call, code, open_jobs, router, secrets, shred};
use emulators::{Act, Fault, Gate, Service, When};
use serde_json::{Value, json};
use std::sync::Arc;
use store::entity::user::TradingState;
use world::{Owner, World};

async fn live(world: &World, owner: &Owner) -> usize {
    let all = world.store.list_connections(owner.user).await.unwrap();
    all.iter().filter(|c| c.status == store::entity::connection::Status::Live).count()
}

#[tokio::test]
async fn a_key_is_attached_shown_and_listed_without_its_secret() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    let (status, answer) = attach(&world, &router, &owner, &body("key-1")).await;
    assert_eq!(status, 201, "{answer}");
    let connection = &answer["connection"];
    assert_eq!((&connection["status"], &connection["verdict"]["accepted"]), (&json!("live"), &json!(true)));
    assert_eq!((&connection["allowed_pairs"], &connection["order_quote_max"]), (&json!(["ETH-USDT"]), &json!("1000")));
    let path = format!("/v1/connections/{}", connection["id"].as_str().unwrap());
    let shown = call(&router, "GET", &path, &owner, None, None).await;
    let listed = call(&router, "GET", "/v1/connections", &owner, None, None).await;
    assert_eq!((shown.0, &shown.1), (200, &answer));
    assert_eq!(listed.1["items"], json!([connection]));
    // KX-5: the canary is in no answer.
    for text in [answer.to_string(), shown.1.to_string(), listed.1.to_string()] {
        assert!(!text.contains(SECRET) && !text.contains("key-1") && !text.contains("arn:"));
    }
    // The owner is told.
    assert_eq!(open_jobs(&world, "mail").await.len(), 1);
    assert_eq!(open_jobs(&world, "shred").await.len(), 0);
    // SS-8.
    let other = world.owner().await;
    assert_eq!(code(&call(&router, "GET", &path, &other, None, None).await), (404, "not_found"));
    assert_eq!(code(&call(&router, "DELETE", &path, &other, None, None).await), (404, "not_found"));
    assert_eq!(world.operations("connections", Service::SecretsManager), ["CreateSecret"]);
}

#[tokio::test]
async fn every_bad_form_is_refused_before_anything_is_asked() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    let changed = |field: &str, value: Value| {
        let mut form = body("key-1");
        form[field] = value;
        form
    };
    for (form, expected, pointer) in [
        (changed("exchange", json!("binance")), "exchange_not_supported", ""),
        (changed("label", json!("")), "invalid_fields", "/label"),
        (changed("label", json!("<b>")), "invalid_fields", "/label"),
        (changed("label", json!("a\nb")), "invalid_fields", "/label"),
        (changed("label", json!("http://evil.example")), "invalid_fields", "/label"),
        (changed("api_key", json!("a b")), "invalid_fields", "/api_key"),
        (changed("api_secret", json!("a\r\nx: y")), "invalid_fields", "/api_secret"),
        (changed("passphrase", json!("p")), "invalid_fields", "/passphrase"),
        (changed("allowed_pairs", json!([])), "invalid_fields", "/allowed_pairs"),
        (changed("allowed_pairs", json!(["ETH-USDT", "eth"])), "invalid_fields", "/allowed_pairs/1"),
        (changed("allowed_pairs", json!(["ETH-USDT", "ETH-USDT"])), "invalid_fields", "/allowed_pairs/1"),
        (changed("order_quote_max", json!("0")), "invalid_fields", "/order_quote_max"),
        (changed("order_quote_max", json!("-1")), "invalid_fields", "/order_quote_max"),
        (changed("order_quote_max", json!("1e3")), "invalid_fields", "/order_quote_max"),
        (changed("order_quote_max", json!(1000)), "invalid_fields", "/order_quote_max"),
        (changed("withdraw", json!(true)), "invalid_fields", "/withdraw"),
    ] {
        let answer = attach(&world, &router, &owner, &form).await;
        assert_eq!(code(&answer), (422, expected), "{form}");
        assert!(
            pointer.is_empty()
                || answer.1["errors"][0]["pointer"].as_str().unwrap_or("").starts_with(pointer)
                || pointer == "/withdraw",
            "{answer:?}"
        );
        assert!(!answer.1.to_string().contains(SECRET));
    }
    assert_eq!(venue.asked.lock().unwrap().len(), 0);
    // Without a proof, and with one for another body.
    assert_eq!(
        code(&call(&router, "POST", "/v1/connections", &owner, None, Some(&body("k"))).await),
        (403, "step_up_required")
    );
    let proof = world.step_up(&owner, "POST", "/v1/connections", "another").await;
    assert_eq!(
        code(&call(&router, "POST", "/v1/connections", &owner, Some(&proof), Some(&body("k"))).await),
        (403, "step_up_required")
    );
}

#[tokio::test]
async fn kx_1_every_bad_key_is_refused_and_nothing_is_stored() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    for (field, bad, good, expected) in [
        ("enableWithdrawals", json!(true), json!(false), "key_too_powerful"),
        ("enableInternalTransfer", json!(true), json!(false), "key_too_powerful"),
        ("ipRestrict", json!(false), json!(true), "key_not_ip_restricted"),
        ("enableSpotAndMarginTrading", json!(false), json!(true), "key_rejected"),
        ("enableMargin", json!("perhaps"), json!(false), "key_too_powerful"),
    ] {
        venue.says(field, bad);
        assert_eq!(code(&attach(&world, &router, &owner, &body("key-1")).await), (422, expected), "{field}");
        venue.says(field, good);
    }
    assert_eq!(code(&attach(&world, &router, &owner, &body("unknown-key")).await), (422, "key_rejected"));
    let mut wrong = body("key-1");
    wrong["api_secret"] = json!("not-the-secret");
    assert_eq!(code(&attach(&world, &router, &owner, &wrong).await), (422, "key_rejected"));
    *venue.silent.lock().unwrap() = true;
    assert_eq!(code(&attach(&world, &router, &owner, &body("key-1")).await), (503, "unavailable"));
    assert_eq!((secrets(&world).await, live(&world, &owner).await, open_jobs(&world, "shred").await.len()), (0, 0, 0));
}

#[tokio::test]
async fn the_state_of_the_account_decides() {
    let (world, venue) = (World::new(), Venue::new());
    let router = router(&world, &venue);
    let unverified = world.owner_with(|user| user.email_verified = false).await;
    assert_eq!(code(&attach(&world, &router, &unverified, &body("key-1")).await), (403, "email_not_verified"));
    let held = world
        .owner_with(|user| {
            user.trading_state = TradingState::Held {
                since: WallTime::from_ms(0),
                reason: account::trading_state::HeldReason::ResetDisowned,
            }
        })
        .await;
    assert_eq!(code(&attach(&world, &router, &held, &body("key-2")).await), (409, "cooling_off"));
    // A paper key may be attached in COOLING.
    let cooling =
        world.owner_with(|user| user.trading_state = TradingState::Cooling { until: WallTime::FAR_FUTURE }).await;
    assert_eq!(attach(&world, &router, &cooling, &body("key-3")).await.0, 201);
}

#[tokio::test]
async fn kx_4_a_key_serves_one_account_and_nobody_is_told_which() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, other, router) = (world.owner().await, world.owner().await, router(&world, &venue));
    let (_, attached) = attach(&world, &router, &owner, &body("key-1")).await;
    let mine = attach(&world, &router, &owner, &body("key-1")).await;
    let theirs = attach(&world, &router, &other, &body("key-1")).await;
    assert_eq!((code(&mine), code(&theirs)), ((409, "key_in_use"), (409, "key_in_use")));
    assert_eq!(mine.1, theirs.1);
    // Who has the key's name alone learns nothing.
    let mut guess = body("key-1");
    guess["api_secret"] = json!("guessed");
    assert_eq!(code(&attach(&world, &router, &other, &guess).await), (422, "key_rejected"));
    // Detached, it may come back to its own account and to no other.
    let path = format!("/v1/connections/{}", attached["connection"]["id"].as_str().unwrap());
    assert_eq!(call(&router, "DELETE", &path, &owner, None, None).await.0, 204);
    assert_eq!(code(&attach(&world, &router, &other, &body("key-1")).await), (409, "key_in_use"));
    assert_eq!(attach(&world, &router, &owner, &body("key-1")).await.0, 201);
}

#[tokio::test]
async fn rf_22_the_twenty_first_key_is_refused() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    for at in 0..19 {
        assert_eq!(attach(&world, &router, &owner, &body(&format!("key-{at}"))).await.0, 201);
    }
    // Two at once for the last place.
    let (a, b) = (body("key-a"), body("key-b"));
    let (one, two) = tokio::join!(attach(&world, &router, &owner, &a), attach(&world, &router, &owner, &b));
    let mut got = [one.0, two.0];
    got.sort_unstable();
    assert_eq!(got, [201, 409]);
    assert_eq!(code(&attach(&world, &router, &owner, &body("key-21")).await), (409, "connections_full"));
    assert_eq!(live(&world, &owner).await, 20);
}

// RF-22 once more: both have read 19 before either commits.
#[tokio::test]
async fn rf_22_two_that_counted_at_once_do_not_both_commit() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    for at in 0..19 {
        assert_eq!(attach(&world, &router, &owner, &body(&format!("key-{at}"))).await.0, 201);
    }
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("connections", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
    let form = body("key-a");
    let (paused, other) = tokio::join!(attach(&world, &router, &owner, &form), async {
        gate.reached().await;
        let other = attach(&world, &router, &owner, &body("key-b")).await;
        gate.open();
        other
    });
    assert_eq!((code(&paused), other.0), ((409, "connections_full"), 201));
    assert_eq!(live(&world, &owner).await, 20);
    // What the loser had stored is erased.
    shred(&world).await;
    assert_eq!((open_jobs(&world, "shred").await.len(), secrets(&world).await), (0, 20));
}

// RF-19: a fence is raised while the attach stands before each of its calls.
#[tokio::test]
async fn rf_19_a_fence_between_any_two_steps_leaves_no_live_key() {
    for operation in ["GenerateMac", "Query", "PutItem", "GenerateDataKey", "CreateSecret", "TransactWriteItems"] {
        let (world, venue) = (World::new(), Venue::new());
        let (owner, router) = (world.owner().await, router(&world, &venue));
        let gate = Arc::new(Gate::default());
        world.script.once(When::calls("connections", operation), Act::PauseBefore(gate.clone()));
        let form = body("key-1");
        let (answer, ()) = tokio::join!(attach(&world, &router, &owner, &form), async {
            gate.reached().await;
            world.change(&owner, |user| user.trade_epoch = user.trade_epoch.next()).await;
            gate.open();
        });
        assert_eq!(code(&answer), (403, "step_up_required"), "{operation}");
        assert_eq!(live(&world, &owner).await, 0, "{operation}");
        shred(&world).await;
        assert_eq!((secrets(&world).await, open_jobs(&world, "shred").await.len()), (0, 0), "{operation}");
    }
}

// RF-20: the function dies after each of its calls; whatever was stored is found through the ledger and erased.
#[tokio::test]
async fn rf_20_a_crash_after_any_call_leaves_nothing_behind() {
    for operation in ["GenerateMac", "Query", "PutItem", "GenerateDataKey", "CreateSecret", "TransactWriteItems"] {
        let (world, venue) = (World::new(), Venue::new());
        let (owner, router) = (world.owner().await, router(&world, &venue));
        let gate = Arc::new(Gate::default());
        world.script.once(When::calls("connections", operation), Act::PauseAfter(gate.clone()));
        let form = body("key-1");
        tokio::select! { biased; _ = attach(&world, &router, &owner, &form) => panic!("it did not stop"), () = gate.reached() => {} }
        let committed = operation == "TransactWriteItems";
        assert_eq!(live(&world, &owner).await, usize::from(committed), "{operation}");
        sweep(&world).await;
        assert_eq!(secrets(&world).await, usize::from(committed), "{operation}");
        assert_eq!(
            (
                open_jobs(&world, "shred").await.len(),
                world.store.find_unfinished_creations(WallTime::FAR_FUTURE).await.unwrap().len()
            ),
            (0, 0),
            "{operation}"
        );
    }
}

/// What the sweep does about broken attaches within 15 minutes, twice.
async fn sweep(world: &World) {
    for _ in 0..2 {
        world.clock.advance_s(700);
        for orphan in world.store.find_unfinished_creations(world.now().plus_seconds(-600)).await.unwrap() {
            let ulid: ulid::Ulid = orphan.name.rsplit('/').next().unwrap().parse().unwrap();
            world.store.order_orphan_shred(&orphan, account::id::JobId::new(ulid), world.now()).await.unwrap();
        }
        shred(world).await;
    }
}

// Every call of the attach fails once, in each way: it answers with a problem or succeeds, and leaves no half.
#[tokio::test]
async fn a_failure_of_any_call_leaves_a_whole_key_or_none() {
    for operation in ["GenerateMac", "Query", "PutItem", "GenerateDataKey", "CreateSecret", "TransactWriteItems"] {
        for fault in [Fault::LoseAnswer, Fault::DropRequest, Fault::Status(500), Fault::Throttle] {
            let (world, venue) = (World::new(), Venue::new());
            let (owner, router) = (world.owner().await, router(&world, &venue));
            world.script.once(When::calls("connections", operation), Act::Fault(fault));
            let answer = attach(&world, &router, &owner, &body("key-1")).await;
            assert!(answer.0 == 201 || answer.0 == 503, "{operation} {fault:?}: {answer:?}");
            assert_eq!(live(&world, &owner).await, usize::from(answer.0 == 201), "{operation} {fault:?}");
            sweep(&world).await;
            assert_eq!(secrets(&world).await, usize::from(answer.0 == 201), "{operation} {fault:?}");
            assert_eq!(open_jobs(&world, "shred").await.len(), 0, "{operation} {fault:?}");
        }
    }
}

// RF-20: an order to erase an orphan that became LIVE meanwhile erases nothing.
#[tokio::test]
async fn a_slow_attach_and_the_sweep_do_not_both_win() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("connections", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
    let form = body("key-1");
    let (answer, ()) = tokio::join!(attach(&world, &router, &owner, &form), async {
        gate.reached().await;
        // Ordered, and not yet worked.
        world.clock.advance_s(700);
        let orphan = world.store.find_unfinished_creations(world.now()).await.unwrap().remove(0);
        world.store.order_orphan_shred(&orphan, account::id::JobId::new(world.ulid()), world.now()).await.unwrap();
        gate.open();
    });
    assert_eq!(answer.0, 201);
    assert_eq!(shred(&world).await, 0);
    assert_eq!((secrets(&world).await, live(&world, &owner).await, open_jobs(&world, "shred").await.len()), (1, 1, 0));
}
#[tokio::test]
async fn an_attach_whose_secret_was_given_up_is_refused() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    let gate = Arc::new(Gate::default());
    world.script.once(When::calls("connections", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
    let form = body("key-1");
    let (answer, ()) = tokio::join!(attach(&world, &router, &owner, &form), async {
        gate.reached().await;
        sweep(&world).await;
        gate.open();
    });
    assert_eq!(code(&answer), (503, "try_again"));
    assert_eq!((secrets(&world).await, live(&world, &owner).await), (0, 0));
}
