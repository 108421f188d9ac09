//! An owner who lost every second factor comes back, and whoever has only the mailbox does not (PR-14).

use serde_json::json;
use tests::world::{Owner, World, newest_token};

const HOUR: i64 = 3_600;
const NEW: &str = "seven brass lanterns adrift";

/// A link of a reset, fresh from the mailbox.
async fn link(owner: &Owner, world: &World) -> String {
    owner.post("/v1/password-reset", &json!({ "email": owner.email })).await.ok();
    world.drain().await;
    newest_token(world, &owner.email, "reset?token=")
}
fn cancel_link(owner: &Owner, world: &World) -> String {
    newest_token(world, &owner.email, "recovery-cancel?token=")
}
/// An owner with an authenticator, a key and a bot, and a stranger who holds the mailbox.
async fn owner_and_thief(world: &World) -> (Owner, Owner) {
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.trades(world).await;
    let mut thief = owner.clone();
    (thief.token, thief.seed) = (None, None);
    (owner, thief)
}
async fn start(thief: &Owner, world: &World) -> serde_json::Value {
    let token = link(thief, world).await;
    let begun = thief.post("/v1/recovery", &json!({ "token": token })).await.ok();
    world.drain().await;
    begun
}
async fn complete(thief: &Owner, world: &World) -> tests::world::Answered {
    let token = link(thief, world).await;
    thief.post("/v1/recovery/complete", &json!({ "token": token, "password": NEW })).await
}
fn mails(owner: &Owner, world: &World, words: &str) -> usize {
    let all = world.machine.emulators().mailbox().expect("the mailbox");
    all.iter().filter(|m| m.to.contains(&owner.email) && m.subject.contains(words)).count()
}
/// The sweep of the wall minutes until then, so that waiting mails are driven.
async fn hours(world: &World, hours: i64) {
    for _ in 0..hours {
        world.clock.advance(HOUR);
        world.sweep().await;
    }
}

#[tokio::test]
async fn pr_14_an_owner_without_factors_is_back_after_72_hours_and_no_key_survives() {
    let world = World::seeded(1401);
    let (owner, mut thief) = owner_and_thief(&world).await;
    let begun = start(&thief, &world).await;
    assert_eq!(begun["connections_removed"], 1);
    let item = owner.connection_item(&world).await;
    assert_eq!(item["status"], "REVOKED");
    assert!(!item.contains_key("wrapped_dk"), "the keys go at the start");
    assert!(world.secrets().await.is_empty(), "and are erased");
    assert!(owner.get("/v1/me").await.status.is_success(), "no session ends at the start");
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
    hours(&world, 71).await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready", "71 hours are not enough");
    hours(&world, 2).await;
    for words in ["has begun", "still waiting", "can be completed"] {
        assert!(mails(&owner, &world, words) > 0, "a mail with {words}");
    }
    let done = complete(&thief, &world).await.ok();
    assert_eq!(done["connections_removed"], 0);
    thief.password = NEW.into();
    thief.signs_in().await;
    let me = thief.get("/v1/me").await.ok();
    assert_eq!((&me["factors"], &me["recovery_codes_left"]), (&json!([]), &json!(0)));
    assert_eq!(me["trading_state"], "cooling");
    world.no_call_was_refused();
}

#[tokio::test]
async fn pr_14_a_cancel_by_link_works_until_the_last_moment_and_works_once() {
    let world = World::seeded(1402);
    let (owner, thief) = owner_and_thief(&world).await;
    start(&thief, &world).await;
    hours(&world, 95).await;
    let token = cancel_link(&owner, &world);
    let cancel = json!({ "token": token });
    assert!(thief.post("/v1/recovery/cancel", &cancel).await.status.is_success());
    assert_eq!(thief.post("/v1/recovery/cancel", &cancel).await.refused(), "recovery_refused");
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
    assert!(world.secrets().await.is_empty(), "what was removed stays removed");
}

#[tokio::test]
async fn pr_14_a_session_with_a_second_factor_cancels_and_blocks_for_14_days() {
    let world = World::seeded(1403);
    let (mut owner, thief) = owner_and_thief(&world).await;
    owner.signs_in().await;
    start(&thief, &world).await;
    assert!(owner.delete("/v1/recovery").await.status.is_success());
    world.drain().await;
    assert_eq!(mails(&owner, &world, "was stopped"), 1);
    hours(&world, 14 * 24 - 1).await;
    let token = link(&thief, &world).await;
    assert_eq!(thief.post("/v1/recovery", &json!({ "token": token })).await.refused(), "recovery_blocked");
    hours(&world, 2).await;
    start(&thief, &world).await;
    assert_eq!(mails(&owner, &world, "still waiting"), 0, "reminders of a cancelled recovery are taken back");
}

#[tokio::test]
async fn pr_14_a_sign_in_with_password_and_factor_cancels() {
    let world = World::seeded(1404);
    let (mut owner, thief) = owner_and_thief(&world).await;
    start(&thief, &world).await;
    hours(&world, 72).await;
    owner.signs_in().await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
}

#[tokio::test]
async fn pr_14_a_reset_with_the_factor_ends_it() {
    let world = World::seeded(1405);
    let (mut owner, thief) = owner_and_thief(&world).await;
    start(&thief, &world).await;
    hours(&world, 47).await;
    owner.resets_the_password(&world, "a lighthouse keeps no secrets at noon").await;
    hours(&world, 26).await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
    assert_eq!(mails(&owner, &world, "can be completed"), 0, "its waiting mails were taken back");
}

#[tokio::test]
async fn pr_14_it_lapses_a_day_after_it_was_ready() {
    let world = World::seeded(1406);
    let (_, thief) = owner_and_thief(&world).await;
    start(&thief, &world).await;
    hours(&world, 96).await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
}

#[tokio::test]
async fn pr_14_without_a_second_factor_there_is_nothing_to_recover() {
    let world = World::seeded(1407);
    let owner = world.owner("plain@example.org").await;
    let token = link(&owner, &world).await;
    assert_eq!(owner.post("/v1/recovery", &json!({ "token": token })).await.refused(), "no_second_factor");
    assert_eq!(owner.delete("/v1/recovery").await.refused(), "recovery_refused");
    let form = json!({ "token": token, "password": NEW });
    assert_eq!(owner.post("/v1/recovery/complete", &form).await.refused(), "recovery_not_ready");
    assert!(owner.post("/v1/password-reset/complete", &form).await.status.is_success(), "no refusal used the link up");
}

#[tokio::test]
async fn pr_14_of_50_starts_cancels_and_completions_at_once_one_wins() {
    let world = World::seeded(1408);
    let (owner, thief) = owner_and_thief(&world).await;
    let token = link(&thief, &world).await;
    let form = json!({ "token": token });
    let started = thief.at_once(50, "/v1/recovery", &form).await;
    assert_eq!(started.iter().filter(|a| a.status.is_success()).count(), 1);
    world.drain().await;
    assert_eq!(mails(&owner, &world, "has begun"), 1);
    hours(&world, 73).await;
    let cancel = json!({ "token": cancel_link(&owner, &world) });
    let token = link(&thief, &world).await;
    let form = json!({ "token": token, "password": NEW });
    let (cancelled, completed) = tokio::join!(
        thief.at_once(25, "/v1/recovery/cancel", &cancel),
        thief.at_once(25, "/v1/recovery/complete", &form)
    );
    let won = |all: &[tests::world::Answered]| all.iter().filter(|a| a.status.is_success()).count();
    assert_eq!(won(&cancelled) + won(&completed), 1);
}

#[tokio::test]
async fn pr_14_what_the_mailbox_asks_for_in_vain_fences_nothing() {
    let world = World::seeded(1409);
    let (mut owner, thief) = owner_and_thief(&world).await;
    owner.signs_in().await;
    let fencing = async || {
        let items = world.dump("identity").await;
        let states = items.into_iter().filter(|item| item["sk"] == "STATE");
        states.map(|item| item["fencing_until"].to_string()).collect::<Vec<_>>()
    };
    let before = fencing().await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
    assert_eq!(fencing().await, before, "none is under way");
    start(&thief, &world).await;
    world.clock.advance(60);
    let before = fencing().await;
    let token = link(&thief, &world).await;
    assert_eq!(thief.post("/v1/recovery", &json!({ "token": token })).await.refused(), "recovery_under_way");
    let form = json!({ "token": token, "password": NEW });
    assert_eq!(thief.post("/v1/recovery/complete", &form).await.refused(), "recovery_not_ready");
    assert_eq!(fencing().await, before, "it waits");
    assert!(owner.delete("/v1/recovery").await.status.is_success());
    assert_eq!(thief.post("/v1/recovery", &json!({ "token": token })).await.refused(), "recovery_blocked");
    assert_eq!(thief.post("/v1/recovery/complete", &form).await.refused(), "recovery_not_ready");
    assert_eq!(fencing().await, before, "it was stopped");
}

#[tokio::test]
async fn pr_14_a_recovery_that_starts_under_a_sign_in_does_not_outlive_it_unseen() {
    let world = World::seeded(1410);
    let (mut owner, thief) = owner_and_thief(&world).await;
    let given = owner.log_in().await.ok();
    let form = json!({ "challenge": given["challenge"]["id"], "totp": owner.fresh_code() });
    let gate = world.pause_before("login", "Decrypt");
    let browser = owner.clone();
    let answering = tokio::spawn(async move { browser.post("/v1/login/second-factor", &form).await });
    gate.reached().await;
    start(&thief, &world).await;
    gate.open();
    assert_eq!(answering.await.unwrap().refused(), "challenge_refused", "it looked before there was one");
    owner.signs_in().await;
    hours(&world, 73).await;
    assert_eq!(complete(&thief, &world).await.refused(), "recovery_not_ready");
}

#[tokio::test]
async fn pr_14_the_link_of_a_deleted_account_cancels_nothing() {
    let world = World::seeded(1411);
    let (owner, thief) = owner_and_thief(&world).await;
    start(&thief, &world).await;
    let cancel = json!({ "token": cancel_link(&owner, &world) });
    assert!(owner.stepped_up("DELETE", "/v1/account", None).await.status.is_success());
    assert_eq!(thief.post("/v1/recovery/cancel", &cancel).await.refused(), "recovery_refused");
}
