//! Completing a reset: what it does, and everything that keeps it from being done.
#![allow(clippy::allow_attributes, reason = "not every file needs every one, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod reset;
mod world;

use std::sync::Arc;

use account::budget::{FactorBudget, LoginBudget, ResetFactorBudget};
use account::security_event::SecurityEvent;
use account::token::{Purpose, TokenHash};
use account::totp::TotpStep;
use account::trading_state::TradingState;
use emulators::{Act, Gate, When};
use reset::{complete, world};
use serde_json::{Value, json};
use store::attribute::{n, s};
use store::entity::budget::{Kind, Whose};
use store::entity::connection::{self, Status};
use store::entity::intent::{Ask, Intent, IntentState};
use store::entity::job::Notice;
use store::entity::{credential, recovery_code, reset_token, user};
use store::{Table, Write};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::order::{OrderKey, OrderKind, PlannedOrder, Role, Side, Slot};
use world::{NEW_PASSWORD, Owner, PASSWORD, World, hash_of};

#[tokio::test]
async fn pr_8_a_reset_without_a_factor_does_everything_in_one_transaction() {
    let world = world();
    let owner = world.owner(false).await;
    let (first, second) = (world.attach(&owner, "paper").await, world.attach(&owner, "paper").await);
    let session = world.session(&owner).await;
    assert!(world.session_is_alive(&session).await);
    let token = world.reset_token(&owner).await;
    let before = world.user(&owner).await;
    let t0 = world.clock.at();
    world.emulators.reset_calls();
    let answered = complete(&world, &token, json!({})).await;
    assert_eq!(answered.is_ok(200), json!({"connections_removed": 2, "orders_left_open": [], "orders_in_flight": []}));
    assert_eq!(world.calls("TransactWriteItems"), 1, "G6");
    // PR-11: no session comes of it, and the browser forgets its own.
    let cookies: Vec<_> =
        answered.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, v)| v.as_str()).collect();
    assert_eq!(cookies, ["__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"]);
    assert!(!world.session_is_alive(&session).await);

    let after = world.user(&owner).await;
    assert_eq!(after.cred_version, before.cred_version.next());
    assert_eq!(after.session_gen, before.session_gen.next());
    assert_eq!(after.trade_epoch, before.trade_epoch.next());
    assert_eq!(after.trading_state, TradingState::Cooling { until: t0.plus_seconds(24 * 3600) });
    assert_eq!(after.fencing_until, t0.plus_seconds(15));
    assert_eq!((after.conn_set_version, after.frozen), (before.conn_set_version, before.frozen));
    assert!(world.password_is(&owner, NEW_PASSWORD).await && !world.password_is(&owner, PASSWORD).await);

    // PR-12, G3: revoked, and the share is gone.
    for id in [first, second] {
        let row = world.row(Table::Vault, &connection::key(owner.id, id)).await.unwrap();
        assert_eq!((row.text_if("wrapped_dk"), row.text("revoked_by").unwrap()), (None, "password_reset"));
        let found = world.store.find_connection(owner.id, id).await.unwrap().unwrap();
        assert_eq!(found.status, Status::Revoked { at: t0, by: "password_reset".into() });
        let ttl: i64 = row.number("ttl").unwrap();
        assert_eq!(ttl, t0.seconds() + 90 * 86_400, "history, by its time to live");
        // G4: the erasure is ordered in the same commit.
        assert_eq!(
            world
                .shreds()
                .await
                .iter()
                .filter(|job| job.connection == id && job.secret_arn == found.secret_arn)
                .count(),
            1
        );
    }
    assert_eq!(world.shreds().await.len(), 2);

    let notices: Vec<_> =
        world.mails().await.into_iter().filter(|m| matches!(m.notice, Notice::PasswordWasReset { .. })).collect();
    let [notice] = notices.as_slice() else { panic!("one notice: {notices:?}") };
    assert_eq!(notice.to, owner.email);
    let Notice::PasswordWasReset {
        at,
        connections_removed,
        orders_left_open,
        orders_in_flight,
        may_still_arrive_until,
        not_me_token,
    } = &notice.notice
    else {
        panic!()
    };
    assert_eq!((at, *connections_removed, orders_left_open.len(), orders_in_flight.len()), (&t0.to_string(), 2, 0, 0));
    assert_eq!(may_still_arrive_until, &t0.plus_seconds(4).to_string(), "G2");
    // PR-13: the link names this reset and carries a secret that is stored as a hash alone, for 72 h.
    let (names, secret) = not_me_token.split_once('.').unwrap();
    let used = world.row(Table::Identity, &reset_token::key(&hash_of(&token))).await.unwrap();
    assert_eq!(names, hash_of(&token).as_str());
    assert_eq!(used.text("not_me").unwrap(), TokenHash::of(Purpose::NotMe, secret).as_str());
    assert_eq!(used.number::<i64>("not_me_until").unwrap(), t0.plus_seconds(72 * 3600).ms());
    assert!(used.number::<i64>("ttl").unwrap() > t0.plus_seconds(72 * 3600).seconds());
    assert_eq!(world.audit(&owner).await, ["password_reset"]);
    // Used is used.
    complete(&world, &token, json!({})).await.is(400, "reset_refused");
    assert!(world.emulators.refused_calls().is_empty(), "within its role");
}

#[tokio::test]
async fn pr_9_with_a_factor_the_token_alone_sets_no_password() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    let before = world.everything().await;
    complete(&world, &token, json!({})).await.is(422, "second_factor_missing");
    complete(&world, &token, json!({"totp": null})).await.is(422, "second_factor_missing");
    complete(&world, &token, json!({"totp": "000000"})).await.is(400, "reset_refused");
    complete(&world, &token, json!({"totp": world.code(&owner), "recovery_code": owner.codes[0]}))
        .await
        .is(422, "invalid_fields");
    assert_eq!(world.everything().await, before);
    let code = world.code(&owner);
    complete(&world, &token, json!({"totp": code})).await.is_ok(200);
    assert_eq!(world.credential(&owner).await.totp_last_step, TotpStep::at(world.clock.at()));
    let user = world.user(&owner).await;
    assert!(user.has_factor && world.credential(&owner).await.totp.is_some(), "the factor stays on");
    let rows = world.items(Table::Identity).await;
    let event = rows.iter().find(|(key, _)| key.starts_with("EVENTS#")).unwrap().1;
    assert_eq!((event.text("event").unwrap(), event.text("factor").unwrap()), ("password_reset", "totp"), "LG-6");
}

#[tokio::test]
async fn tp_7_a_code_used_elsewhere_is_refused_and_one_used_here_is_used() {
    let world = world();
    let owner = world.owner(true).await;
    let step = TotpStep::at(world.clock.at());
    let burn = Write::update(Table::Identity, credential::key(owner.id), "SET #totp_last_step = :step")
        .value(":step", n(step.value()));
    world.write(vec![burn]).await;
    let token = world.reset_token(&owner).await;
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is(400, "reset_refused");
    assert_eq!(charges(&world, &owner).await, 1, "a used code is a failure");
    world.clock.advance(30);
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
    let again = world.reset_token(&owner).await;
    complete(&world, &again, json!({"totp": world.code(&owner)})).await.is(400, "reset_refused");
}

#[tokio::test]
async fn rc_3_a_recovery_code_replaces_the_factor_once_and_never_the_token() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    complete(&world, &token, json!({"recovery_code": "anything"})).await.is(400, "reset_refused");
    complete(&world, "no token", json!({"recovery_code": owner.codes[0]})).await.is(400, "reset_refused");
    assert_eq!(
        charges(&world, &owner).await,
        1,
        "RC-4: a wrong code is a failure, and without a token none is looked at"
    );
    complete(&world, &token, json!({"recovery_code": owner.codes[0]})).await.is_ok(200);
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 9);
    // TP-8: the current and the next step are burned.
    assert_eq!(world.credential(&owner).await.totp_last_step, TotpStep::at(world.clock.at()).next());
    let again = world.reset_token(&owner).await;
    complete(&world, &again, json!({"recovery_code": owner.codes[0]})).await.is(400, "reset_refused");
    complete(&world, &again, json!({"totp": world.code(&owner)})).await.is(400, "reset_refused");
}

#[tokio::test]
async fn pr_16_the_policy_is_that_of_the_sign_up_and_needs_a_valid_token() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    for (password, why) in [
        ("short", "too_short"),
        ("passwordpassword", "common"),
        ("shearpin shearpin shearpin", "product_word"),
        (&owner.email, "own_email"),
        (&"long and unguessable ".repeat(13), "too_long"),
    ] {
        let body = |token: &str| json!({"token": token, "password": password, "totp": "000000"});
        let answered = world.post("/v1/password-reset/complete", body(&token)).await;
        answered.is(422, "password_too_weak");
        assert_eq!(answered.json()["errors"][0]["code"], why, "{password}");
        world.post("/v1/password-reset/complete", body("no token")).await.is(400, "reset_refused");
    }
    assert_eq!(charges(&world, &owner).await, 0, "no factor was looked at");
}

#[tokio::test]
async fn rf_16_only_the_newest_of_two_links_works() {
    let world = world();
    let owner = world.owner(false).await;
    let (older, newer) = (world.reset_token(&owner).await, world.reset_token(&owner).await);
    complete(&world, &older, json!({})).await.is(400, "reset_refused");
    complete(&world, &newer, json!({})).await.is_ok(200);
}

#[tokio::test]
async fn rf_35_a_held_younger_than_72_hours_stays_and_an_older_one_cools() {
    for (hours, expected) in [(71, "HELD"), (72, "COOLING")] {
        let world = world();
        let owner = world.owner(false).await;
        let held_at = world.clock.at().plus_seconds(-hours * 3600).ms();
        let hold = "SET #trading_state = :held, #held_at = :at";
        world
            .write(vec![
                Write::update(Table::Identity, user::key(owner.id), hold)
                    .value(":held", s("HELD"))
                    .value(":at", n(held_at)),
            ])
            .await;
        let token = world.reset_token(&owner).await;
        complete(&world, &token, json!({})).await.is_ok(200);
        let row = world.row(Table::Identity, &user::key(owner.id)).await.unwrap();
        assert_eq!(row.text("trading_state").unwrap(), expected);
        let stays = if expected == "HELD" { held_at } else { 0 };
        assert_eq!(row.number::<i64>("held_at").unwrap(), stays);
    }
}

#[tokio::test]
async fn tp_10a_ten_wrong_factors_in_thirty_days_and_no_eleventh_is_looked_at() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    for _ in 0..10 {
        complete(&world, &token, json!({"totp": "000000"})).await.is(400, "reset_refused");
    }
    world.emulators.reset_calls();
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is(400, "reset_refused");
    assert_eq!(world.calls("Decrypt"), 0, "a right one is not even looked at");
    // Nothing that the mailbox can do restores it.
    world.clock.advance(29 * 86_400);
    let another = world.reset_token(&owner).await;
    complete(&world, &another, json!({"totp": world.code(&owner)})).await.is(400, "reset_refused");
    // The login's budget is another one.
    let whose = Whose::User(owner.id);
    let login = world.store.find_budget(&whose, Kind::Login, LoginBudget::FRESH).await.unwrap();
    let factor = world.store.find_budget(&whose, Kind::Factor, 0_u8).await.unwrap();
    assert_eq!((login.version, factor.version), (0, 0));
    // A recovery code still does.
    complete(&world, &another, json!({"recovery_code": owner.codes[3]})).await.is_ok(200);
}

#[tokio::test]
async fn tp_10a_a_right_factor_is_no_failure_and_restores_none() {
    let world = world();
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    for _ in 0..9 {
        complete(&world, &token, json!({"totp": "000000"})).await.is(400, "reset_refused");
    }
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
    assert_eq!(charges(&world, &owner).await, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tp_10a_a_burst_of_wrong_factors_is_looked_at_ten_times() {
    let world = Arc::new(world());
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    world.emulators.reset_calls();
    let tries: Vec<_> = (0..60)
        .map(|_| {
            let (world, token) = (world.clone(), token.clone());
            tokio::spawn(async move { complete(&world, &token, json!({"totp": "000000"})).await })
        })
        .collect();
    for answered in tries {
        assert!(matches!(answered.await.unwrap().code().as_str(), "reset_refused" | "try_again"));
    }
    assert!(world.calls("Decrypt") <= 10, "{}", world.calls("Decrypt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rf_15_fifty_parallel_completions_of_one_token_are_one() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let before = world.user(&owner).await;
    assert_eq!(in_parallel(&world, &token, json!({})).await, 1);
    assert_eq!(world.user(&owner).await.trade_epoch, before.trade_epoch.next());
    assert_eq!((world.shreds().await.len(), world.audit(&owner).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc_2_fifty_parallel_uses_of_one_recovery_code_are_one() {
    let world = Arc::new(world());
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    assert_eq!(in_parallel(&world, &token, json!({"recovery_code": owner.codes[5]})).await, 1);
    assert_eq!(world.store.recovery_codes(owner.id).await.unwrap().len(), 9);
    assert_eq!(world.user(&owner).await.session_gen.value(), 2);
}

#[tokio::test]
async fn pr_8_whatever_changes_under_it_aborts_the_whole_reset() {
    type Change = fn(&World, &Owner, &str) -> Write;
    let changes: [(&str, Change); 8] = [
        ("token used", |_, _, token| {
            Write::update(Table::Identity, reset_token::key(&hash_of(token)), "SET #used_at = :n, #used_by = :who")
                .value(":n", n(1))
                .value(":who", s("another"))
        }),
        ("token gone", |_, _, token| Write::delete(Table::Identity, reset_token::key(&hash_of(token)))),
        ("token expired", |_, _, token| {
            Write::update(Table::Identity, reset_token::key(&hash_of(token)), "SET #expires_at = :n").value(":n", n(1))
        }),
        ("token of another version", |_, _, token| {
            Write::update(Table::Identity, reset_token::key(&hash_of(token)), "SET #cred_version = :n")
                .value(":n", n(9))
        }),
        ("a newer token", |_, owner, _| {
            Write::update(Table::Identity, reset_token::pointer_key(owner.id), "SET #newest = :n")
                .value(":n", s("newer"))
        }),
        ("credentials changed", |_, owner, _| {
            Write::update(Table::Identity, user::key(owner.id), "SET #cred_version = :n").value(":n", n(9))
        }),
        ("step used", |world, owner, _| {
            Write::update(Table::Identity, credential::key(owner.id), "SET #totp_last_step = :n")
                .value(":n", n(TotpStep::at(world.clock.at()).value()))
        }),
        ("factor gone", |_, owner, _| Write::update(Table::Identity, credential::key(owner.id), "REMOVE #totp_seed")),
    ];
    for (name, change) in changes {
        let (world, owner) = aborted(name, |w, o, t| vec![change(w, o, t)], |w, o| json!({"totp": w.code(o)})).await;
        assert!(world.password_is(&owner, PASSWORD).await, "{name}");
    }
    let code_gone = |_: &World, owner: &Owner, _: &str| {
        let hash = account::recovery_code::RecoveryCode::parse(&owner.codes[0]).unwrap().hash();
        vec![Write::delete(Table::Identity, recovery_code::key(owner.id, &hash))]
    };
    aborted("code used", code_gone, |_, owner| json!({"recovery_code": owner.codes[0]})).await;
}

#[tokio::test]
async fn pr_9_a_factor_turned_on_under_a_reset_without_one_aborts_it() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let on = Write::update(Table::Identity, credential::key(owner.id), "SET #totp_seed = :s, #enrolled_at = :n")
        .value(":s", s("x"))
        .value(":n", n(1));
    paused_at_the_commit(&world, &token, json!({}), vec![on]).await.is(400, "reset_refused");
    assert!(world.password_is(&owner, PASSWORD).await);
}

#[tokio::test]
async fn rf_21_a_connection_that_came_in_between_is_removed_too() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let known = world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let resetting = spawn(&world, &token, json!({}));
    gate.reached().await;
    let late = world.attach(&owner, "paper").await;
    gate.open();
    assert_eq!(resetting.await.unwrap().is_ok(200)["connections_removed"], 2);
    for id in [known, late] {
        let row = world.row(Table::Vault, &connection::key(owner.id, id)).await.unwrap();
        assert_eq!((row.text("status").unwrap(), row.text_if("wrapped_dk")), ("REVOKED", None));
    }
    assert_eq!(world.shreds().await.len(), 2);
}

#[tokio::test]
async fn rf_21_a_connection_that_went_in_between_is_not_revoked_twice() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let (stays, goes) = (world.attach(&owner, "paper").await, world.attach(&owner, "paper").await);
    let token = world.reset_token(&owner).await;
    let revoke = "SET #status = :revoked, #revoked_at = :n, #revoked_by = :by";
    let gone = Write::update(Table::Vault, connection::key(owner.id, goes), revoke)
        .value(":revoked", s("REVOKED"))
        .value(":n", n(1))
        .value(":by", s("detached"));
    let answered = paused_at_the_commit(&world, &token, json!({}), vec![gone]).await;
    assert_eq!(answered.is_ok(200)["connections_removed"], 1);
    let row = world.row(Table::Vault, &connection::key(owner.id, goes)).await.unwrap();
    assert_eq!(row.text("revoked_by").unwrap(), "detached");
    assert_eq!(world.shreds().await.iter().map(|job| job.connection).collect::<Vec<_>>(), [stays]);
}

#[tokio::test]
async fn rf_21_a_key_of_another_epoch_is_read_again() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let id = world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let moved = Write::update(Table::Vault, connection::key(owner.id, id), "SET #epoch = :n").value(":n", n(7));
    world.emulators.reset_calls();
    paused_at_the_commit(&world, &token, json!({}), vec![moved]).await.is_ok(200);
    assert_eq!(world.calls("TransactWriteItems"), 2, "the epoch as read is a condition");
}

#[tokio::test]
async fn no_fence_is_raised_for_a_token_that_died_meanwhile() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let gate = Arc::new(Gate::default());
    world
        .script
        .once(When::calls("password-reset", "UpdateItem").with_body("fencing_until"), Act::PauseBefore(gate.clone()));
    let resetting = spawn(&world, &token, json!({}));
    gate.reached().await;
    world
        .write(vec![Write::update(Table::Identity, user::key(owner.id), "SET #cred_version = :n").value(":n", n(9))])
        .await;
    gate.open();
    resetting.await.unwrap().is(400, "reset_refused");
    assert_eq!(world.user(&owner).await.fencing_until.ms(), 0);
}

#[tokio::test]
async fn rf_40_the_epoch_rises_above_what_is_there() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let raised = Write::update(Table::Identity, user::key(owner.id), "SET #trade_epoch = :n").value(":n", n(7));
    paused_at_the_commit(&world, &token, json!({}), vec![raised]).await.is_ok(200);
    assert_eq!(world.user(&owner).await.trade_epoch.value(), 8);
}

#[tokio::test]
async fn pr_11_a_sign_in_in_between_is_ended_too() {
    let world = Arc::new(world());
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    // A recovery-code login raises the generation without touching the credentials' version.
    let raised = Write::update(Table::Identity, user::key(owner.id), "SET #session_gen = :n").value(":n", n(2));
    paused_at_the_commit(&world, &token, json!({}), vec![raised]).await.is_ok(200);
    assert_eq!(world.user(&owner).await.session_gen.value(), 3);
}

#[tokio::test]
async fn pr_13_open_orders_are_listed_in_the_answer_and_in_the_notice() {
    let world = world();
    let (owner, other) = (world.owner(false).await, world.owner(false).await);
    let (mine, _theirs, _closed) =
        (order(&world, &owner, true).await, order(&world, &other, true).await, order(&world, &owner, false).await);
    let token = world.reset_token(&owner).await;
    let looked = world.post("/v1/password-reset/inspect", json!({"token": token})).await.is_ok(200);
    assert_eq!(
        looked,
        json!({"factors": [], "connections": 0, "bots": 1, "open_orders": 1, "recovery": {"stage": "none"}})
    );
    let listed = json!([{"client_order_id": mine, "pair": "ETH-USDT", "side": "buy", "type": "limit", "quantity": "0.5", "price": "2000"}]);
    assert_eq!(
        complete(&world, &token, json!({})).await.is_ok(200),
        json!({"connections_removed": 0, "orders_left_open": listed, "orders_in_flight": []})
    );
    let mails = world.mails().await;
    let told = mails.iter().find_map(|m| match &m.notice {
        Notice::PasswordWasReset { orders_left_open, .. } => Some(orders_left_open),
        _ => None,
    });
    assert_eq!(told.unwrap(), &[format!("ETH-USDT limit buy 0.5 at 2000 ({mine})")]);
}

/// Whoever has the session decides how many orders there are; a notice that fits no item would keep the reset out for good.
#[tokio::test]
async fn pr_8_no_number_of_open_orders_keeps_a_reset_out() {
    let world = world();
    let owner = world.owner(false).await;
    let (bot, _, template) = planned(&world);
    let deal = DealId::new(world.ulid());
    for chunk in (0..6_000_u32).collect::<Vec<_>>().chunks(100) {
        let puts = chunk.iter().map(|revision| {
            let key = OrderKey { slot: Slot::of(Role::Base), revision: *revision, attempt: 0 };
            let order =
                PlannedOrder { client_order_id: ClientOrderId::derive(bot, deal, key), key, ..template.clone() };
            open_order(&owner, bot, deal, &order)
        });
        world.write(puts.collect()).await;
    }
    let token = world.reset_token(&owner).await;
    let looked = world.post("/v1/password-reset/inspect", json!({"token": token})).await.is_ok(200);
    assert_eq!(looked["open_orders"], 6_000);
    let done = complete(&world, &token, json!({})).await.is_ok(200);
    assert_eq!((done["orders_left_open"].as_array().unwrap().len(), &done["more_orders"]), (500, &json!(true)));
    let told = world.mails().await.into_iter().find_map(|m| match m.notice {
        Notice::PasswordWasReset { orders_left_open, .. } => Some(orders_left_open),
        _ => None,
    });
    let told = told.unwrap();
    assert_eq!((told.len(), told[500].as_str()), (501, "And more. Look at the exchange."));
}
fn open_order(owner: &Owner, bot: BotId, deal: DealId, planned: &PlannedOrder) -> Write {
    let at = store::entity::order::key(bot, &planned.client_order_id);
    let row = store::attribute::Row::keyed(&at)
        .with("deal", s(deal))
        .with("pair", s("ETH-USDT"))
        .with("order", store::attribute::json(planned).unwrap())
        .with("status", s("NEW"))
        .with("exchange_order_id", s("1"))
        .with("filled", store::attribute::json(&strategy::order::Filled::ZERO).unwrap())
        .with("trade_id_seen", n(0))
        .with("sent_at", n(1))
        .with("seen_at", n(1))
        .with("user_key", s(format!("USER#{}", owner.id)));
    Write::put(Table::Trading, at, row)
}

/// RL-2: a stranger's hundred guesses close the login until the mailbox's owner reacts, and so do ten wrong second factors.
#[tokio::test]
async fn tp_10_a_completed_reset_opens_the_login_again() {
    let world = world();
    let owner = world.owner(true).await;
    let (whose, now) = (Whose::User(owner.id), world.clock.at());
    let closed = LoginBudget { failures: LoginBudget::FAILURES_MAX, blocked_until: now };
    let spent = FactorBudget { failures: FactorBudget::FAILURES_MAX, blocked_until: now, ..FactorBudget::FRESH };
    assert!(world.store.write_budget(&whose, Kind::Login, &closed, 0, now).await.unwrap());
    assert!(world.store.write_budget(&whose, Kind::Factor, &spent, 0, now).await.unwrap());
    let token = world.reset_token(&owner).await;
    complete(&world, &token, json!({"totp": "000000"})).await.is(400, "reset_refused");
    let login = async || world.store.find_budget(&whose, Kind::Login, LoginBudget::FRESH).await.unwrap();
    let factor = async || world.store.find_budget(&whose, Kind::Factor, FactorBudget::FRESH).await.unwrap();
    assert_eq!((login().await.state, factor().await.state), (closed, spent), "the mailbox alone opens nothing");
    complete(&world, &token, json!({"totp": world.code(&owner)})).await.is_ok(200);
    assert!(login().await.state.admit(now).is_ok() && factor().await.state.allows_password_login());
    // RL-1: nor do step-ups stay closed that whoever had a session used up.
    let step_up = world.store.find_budget(&whose, Kind::StepUp, closed).await.unwrap();
    assert_eq!(step_up.state, LoginBudget::FRESH);
    // A guess that was under way counts from the new version on, or not at all.
    assert!(!world.store.write_budget(&whose, Kind::Login, &closed, 1, now).await.unwrap());
}

/// What is done is done: the login's budgets are not worth a failure.
#[tokio::test]
async fn tp_10_a_reset_stands_when_the_login_cannot_be_opened() {
    let world = world();
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let opening = When::calls("password-reset", "UpdateItem").with_body("BUDGET#usr_");
    world.script.always(opening, Act::Fault(emulators::Fault::Status(500)));
    complete(&world, &token, json!({})).await.is_ok(200);
    assert!(world.password_is(&owner, NEW_PASSWORD).await);
}

/// G2, RF-33: what was authorised and not answered may still arrive. Nothing else is listed as such, and no order twice.
#[tokio::test]
async fn g_2_orders_in_flight_are_listed_in_the_answer_and_in_the_notice() {
    let world = world();
    let (owner, other) = (world.owner(false).await, world.owner(false).await);
    let mut listed = Vec::new();
    for state in [IntentState::Authorised, IntentState::Unknown] {
        listed.push(intent(&world, &owner, state, true).await);
    }
    for state in [IntentState::Proposed, IntentState::Sent, IntentState::Absent, IntentState::Refused] {
        intent(&world, &owner, state, true).await;
    }
    intent(&world, &owner, IntentState::Authorised, false).await;
    intent(&world, &other, IntentState::Authorised, true).await;
    // Answered a moment ago, and the index shows its intent still.
    let (bot, _, planned) = planned(&world);
    let known = recorded(&world, &owner, true, bot, &planned).await;
    place(&world, &owner, IntentState::Authorised, bot, Ask::Place(planned)).await;
    listed.sort();
    let token = world.reset_token(&owner).await;
    let looked = world.post("/v1/password-reset/inspect", json!({"token": token})).await.is_ok(200);
    assert_eq!(looked["open_orders"], 3, "an order without an answer may be open");
    let done = complete(&world, &token, json!({})).await.is_ok(200);
    let ids = |name: &str| {
        let mut ids: Vec<_> =
            done[name].as_array().unwrap().iter().map(|o| o["client_order_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!((ids("orders_left_open"), ids("orders_in_flight")), (vec![known], listed.clone()));
    let one = &done["orders_in_flight"][0];
    assert_eq!(
        (&one["pair"], &one["side"], &one["type"], &one["quantity"]),
        (&json!("ETH-USDT"), &json!("buy"), &json!("limit"), &json!("0.5"))
    );
    let mails = world.mails().await;
    let told = mails.iter().find_map(|m| match &m.notice {
        Notice::PasswordWasReset { orders_in_flight, .. } => Some(orders_in_flight),
        _ => None,
    });
    let mut told = told.unwrap().clone();
    let mut lines: Vec<_> = listed.iter().map(|id| format!("ETH-USDT limit buy 0.5 at 2000 ({id})")).collect();
    told.sort();
    lines.sort();
    assert_eq!(told, lines);
}

/// A PLACE or CANCEL intent as the signer leaves it; its order's client id.
async fn intent(world: &World, owner: &Owner, state: IntentState, is_place: bool) -> String {
    let (bot, id, planned) = planned(world);
    place(
        world,
        owner,
        state,
        bot,
        if is_place { Ask::Place(planned) } else { Ask::Cancel { order: id.clone(), number: 1 } },
    )
    .await;
    id.to_string()
}
async fn place(world: &World, owner: &Owner, state: IntentState, bot: BotId, ask: Ask) {
    let key = match &ask {
        Ask::Place(order) => store::entity::intent::place_key(bot, &order.client_order_id),
        Ask::Cancel { order, number } => store::entity::intent::cancel_key(bot, order, *number),
        Ask::QueryOrder { .. } | Ask::QueryConnection(_) => panic!("not of an order"),
    };
    let intent = Intent {
        key: key.clone(),
        ask,
        state,
        user: owner.id,
        connection: account::ConnectionId::new(world.ulid()),
        exchange: "paper".into(),
        bot: Some(bot),
        deal: Some(DealId::new(world.ulid())),
        pair: Some("ETH-USDT".parse().unwrap()),
        run: 1,
        epoch: account::Epoch::FIRST,
        proposed_at: world.clock.at(),
        authorised_at: None,
        why: None,
    };
    world.write(vec![Write::put(Table::Trading, key, intent.to_row().unwrap())]).await;
}

/// An order of a bot of the owner's, as the signer records it; its client id.
async fn order(world: &World, owner: &Owner, open: bool) -> String {
    let (bot, _, planned) = planned(world);
    recorded(world, owner, open, bot, &planned).await
}
fn planned(world: &World) -> (BotId, ClientOrderId, PlannedOrder) {
    let (bot, deal) = (BotId::new(world.ulid()), DealId::new(world.ulid()));
    let key = OrderKey { slot: Slot::of(Role::Base), revision: 0, attempt: 0 };
    let (id, price) = (ClientOrderId::derive(bot, deal, key), strategy::money::Price::parse("2000").unwrap());
    let planned = PlannedOrder {
        client_order_id: id.clone(),
        key,
        side: Side::Buy,
        kind: OrderKind::Limit { price },
        quantity: strategy::money::Quantity::parse("0.5").unwrap(),
        reference_price: price,
        reason: "The deal starts.".into(),
    };
    (bot, id, planned)
}
async fn recorded(world: &World, owner: &Owner, open: bool, bot: BotId, planned: &PlannedOrder) -> String {
    let at = store::entity::order::key(bot, &planned.client_order_id);
    let deal = DealId::new(world.ulid());
    let row = store::attribute::Row::keyed(&at)
        .with("deal", s(deal))
        .with("pair", s("ETH-USDT"))
        .with("order", store::attribute::json(planned).unwrap())
        .with("status", s(if open { "NEW" } else { "FILLED" }))
        .with("exchange_order_id", s("1"))
        .with("filled", store::attribute::json(&strategy::order::Filled::ZERO).unwrap())
        .with("trade_id_seen", n(0))
        .with("sent_at", n(1))
        .with("seen_at", n(1))
        .with_some("user_key", open.then(|| s(format!("USER#{}", owner.id))));
    let bot_row = store::attribute::Row::keyed(&store::entity::bot::key(bot))
        .with_some("user_key", open.then(|| s(format!("USER#{}", owner.id))));
    world
        .write(vec![
            Write::put(Table::Trading, at, row),
            Write::put(Table::Trading, store::entity::bot::key(bot), bot_row),
        ])
        .await;
    planned.client_order_id.to_string()
}

#[tokio::test]
async fn what_the_reset_writes_is_what_its_event_says() {
    let effects = account::security_event::consequences(SecurityEvent::PasswordReset);
    assert!(
        effects.delete_secrets()
            && effects.ends_sessions()
            && effects.new_credential_version
            && !effects.removes_password
    );
}

async fn charges(world: &World, owner: &Owner) -> usize {
    let whose = Whose::User(owner.id);
    world.store.find_budget(&whose, Kind::ResetFactor, ResetFactorBudget::FRESH).await.unwrap().state.charged_at.len()
}

fn spawn(world: &Arc<World>, token: &str, more: Value) -> tokio::task::JoinHandle<world::Answered> {
    let (world, token) = (world.clone(), token.to_owned());
    tokio::spawn(async move { complete(&world, &token, more).await })
}

/// How many of fifty completions succeeded; all others got the one refusal, or were told to try again.
async fn in_parallel(world: &Arc<World>, token: &str, more: Value) -> usize {
    let running: Vec<_> = (0..50).map(|_| spawn(world, token, more.clone())).collect();
    let mut succeeded = 0;
    for answered in running {
        let answered = answered.await.unwrap();
        match answered.status.as_u16() {
            200 => succeeded += 1,
            400 => answered.is(400, "reset_refused"),
            _ => answered.is(503, "try_again"),
        }
    }
    succeeded
}

/// Stops a completion before its transaction, changes something, and lets it go on.
async fn paused_at_the_commit(world: &Arc<World>, token: &str, more: Value, changes: Vec<Write>) -> world::Answered {
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let resetting = spawn(world, token, more);
    gate.reached().await;
    world.write(changes).await;
    gate.open();
    resetting.await.unwrap()
}

async fn aborted(
    name: &str,
    change: impl Fn(&World, &Owner, &str) -> Vec<Write>,
    more: impl Fn(&World, &Owner) -> Value,
) -> (Arc<World>, Owner) {
    let world = Arc::new(world());
    let owner = world.owner(true).await;
    world.attach(&owner, "paper").await;
    let token = world.reset_token(&owner).await;
    let gate = Arc::new(Gate::default());
    world.fault("TransactWriteItems", Act::PauseBefore(gate.clone()));
    let resetting = spawn(&world, &token, more(&world, &owner));
    gate.reached().await;
    world.write(change(&world, &owner, &token)).await;
    let before = world.everything().await;
    gate.open();
    resetting.await.unwrap().is(400, "reset_refused");
    assert_eq!(world.everything().await, before, "{name}");
    (world, owner)
}
