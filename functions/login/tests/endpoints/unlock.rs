//! `POST /v1/login/unlock` and its confirmation (TP-10, RL-1, RL-2, PR-1, PR-3).

use account::UserId;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::{Answered, Call, EMAIL, PASSWORD, World, answer, log_in, me, post};

const WRONG: &str = "seven quiet lanterns drown";

fn ask(email: &str) -> Call {
    post("/v1/login/unlock", &json!({ "email": email }))
}
fn confirm(token: &str) -> Call {
    post("/v1/login/unlock/confirm", &json!({ "token": token }))
}
async fn newest_link(world: &World) -> String {
    world.notices("login_locked").await.last().expect("a mail")["unlock_token"].as_str().unwrap().to_owned()
}
/// The link of an account whose password login was closed.
async fn closed(world: &World) -> (UserId, String) {
    let user = world.account(EMAIL).await;
    world.exhaust(user, "LOGIN", 100).await;
    assert_eq!(world.send(ask(EMAIL)).await.status, 202);
    (user, newest_link(world).await)
}

#[tokio::test]
async fn rl_1_the_mailbox_opens_a_closed_login_and_the_browser_that_asks_gets_past_the_crowd() {
    let world = World::new();
    let (user, token) = closed(&world).await;
    world.log_in(EMAIL).await.refused(401, "sign_in_refused");
    let opened = world.send(confirm(&token)).await;
    assert_eq!((opened.status.as_u16(), opened.body.len()), (204, 0));
    let device = opened.device();
    assert_eq!(world.failures(user, "LOGIN").await, 0);
    assert_eq!(world.notices("login_unlocked").await.len(), 1);
    assert!(world.events(user).await.contains(&"login_opened".to_owned()));
    // It opens nothing by itself.
    world.send(me(&device)).await.refused(401, "no_session");
    // The guessers are faster, and keep no one out.
    world.send(log_in(EMAIL, WRONG)).await.refused(401, "sign_in_refused");
    world.send(log_in(EMAIL, PASSWORD)).await.refused(401, "sign_in_refused");
    world.send(log_in(EMAIL, PASSWORD).device(&device)).await.session();
    // LG-7: a browser that the mailbox made known was not signed in from before.
    world.advance(60);
    world.exhaust(user, "LOGIN", 100).await;
    world.advance(600);
    world.send(ask(EMAIL)).await;
    let device = world.send(confirm(&newest_link(&world).await)).await.device();
    world.send(log_in(EMAIL, PASSWORD).device(&device)).await.session();
    assert!(!world.notices("signed_in_from_new_device").await.is_empty());
}

#[tokio::test]
async fn rl_2_the_hundredth_wrong_password_closes_and_tells_once_with_the_link() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.exhaust(user, "LOGIN", 99).await;
    // The hundredth try may be right.
    world.log_in(EMAIL).await.session();
    assert!(world.notices("login_locked").await.is_empty());
    world.exhaust(user, "LOGIN", 99).await;
    let wrong = world.send(log_in(EMAIL, WRONG)).await;
    wrong.refused(401, "sign_in_refused");
    world.advance(2 * 86_400);
    for _ in 0..5 {
        assert_eq!(world.log_in(EMAIL).await, wrong, "RL-6");
    }
    assert_eq!(world.notices("login_locked").await.len(), 1, "once per lock");
    world.advance(-2 * 86_400);
    assert_eq!(world.send(confirm(&newest_link(&world).await)).await.status, 204);
    world.log_in(EMAIL).await.session();
}

#[tokio::test]
async fn lg_1_the_hundredth_failure_costs_the_same_for_an_unknown_address() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.exhaust(user, "LOGIN", 99).await;
    // The same failures of an address without account.
    world.send(log_in("nobody@example.com", WRONG)).await;
    let unknown = world.budgets_of_unknown_addresses().await.remove(0);
    let state = AttributeValue::S(r#"{"failures":99,"blocked_until":0}"#.to_owned());
    world.set(&unknown, "LOGIN", "state", state).await;
    world.trace();
    let known = (world.send(log_in(EMAIL, WRONG)).await, world.trace());
    let unknown = (world.send(log_in("nobody@example.com", WRONG)).await, world.trace());
    assert_eq!(known, unknown);
    assert_eq!(known.1["TransactWriteItems"], 1, "{:?}", known.1);
    assert_eq!(world.notices("login_locked").await.len(), 1);
}

#[tokio::test]
async fn tp_10_the_tenth_wrong_factor_tells_with_the_link_and_the_lock_holds_at_every_step() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
    let early = world.challenge(user).await;
    world.exhaust(user, "FACTOR", 9).await;
    let challenge = world.challenge(user).await;
    world.send(answer(&challenge, "totp", &world.wrong_code())).await.refused(401, "challenge_refused");
    assert_eq!(world.mails().await.into_iter().collect::<Vec<_>>(), [("login_locked".to_owned(), 1)], "one mail");
    world.advance(60);
    // Keycloak CVE-2026-16103: a lock that is looked at only where a sign-in starts is none.
    world.send(answer(&early, "totp", &world.code(0))).await.refused(401, "challenge_refused");
    world.log_in(EMAIL).await.refused(401, "sign_in_refused");
    let body = json!({ "method": "POST", "path": "/v1/connections", "body_sha256": "0".repeat(64), "password": PASSWORD, "totp": world.code(0) });
    world.send(post("/v1/step-up", &body).bearer(&session)).await.refused(401, "step_up_refused");
    // RL-1: who is signed in stays so.
    assert_eq!(world.send(me(&session)).await.status, 200);
    assert_eq!(world.send(confirm(&newest_link(&world).await)).await.status, 204);
    let challenge = world.log_in(EMAIL).await.challenge();
    world.send(answer(&challenge, "totp", &world.code(0))).await.session();
}

#[tokio::test]
async fn tp_10_the_tenth_wrong_factor_at_a_step_up_closes_and_tells_too() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let session = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await.session();
    world.exhaust(user, "FACTOR", 9).await;
    let form = |password: &str, code: &str| json!({ "method": "POST", "path": "/v1/connections", "body_sha256": "0".repeat(64), "password": password, "totp": code });
    // Without the password no factor is looked at, nothing is closed, nobody is told.
    let body = form(WRONG, &world.wrong_code());
    world.send(post("/v1/step-up", &body).bearer(&session)).await.refused(401, "step_up_refused");
    assert_eq!(world.failures(user, "FACTOR").await, 9);
    assert!(world.notices("login_locked").await.is_empty());
    world.advance(60);
    let body = form(PASSWORD, &world.wrong_code());
    world.send(post("/v1/step-up", &body).bearer(&session)).await.refused(401, "step_up_refused");
    assert_eq!(world.notices("login_locked").await.len(), 1);
    assert_eq!(world.send(confirm(&newest_link(&world).await)).await.status, 204);
    assert_eq!(world.failures(user, "FACTOR").await, 0);
}

/// Who has password and mailbox still lacks the factor: the mailbox opens it three times in 30 days, and TP-10a's own count
/// is not touched at all.
#[tokio::test]
async fn tp_10_the_mailbox_gives_no_endless_tries_at_the_factor_and_tp_10a_is_untouched() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    world.set(&format!("BUDGET#{user}"), "RESET_FACTOR", "state", AttributeValue::S("[1,2,3]".to_owned())).await;
    for round in 0..5 {
        let row = world.item("identity", &format!("BUDGET#{user}"), "FACTOR").await;
        let mut state: serde_json::Value =
            row.map_or_else(|| json!({}), |row| serde_json::from_str(row["state"].as_s().unwrap()).unwrap());
        state["failures"] = json!(10);
        state["blocked_until"] = json!(0);
        world.set(&format!("BUDGET#{user}"), "FACTOR", "state", AttributeValue::S(state.to_string())).await;
        world.set(&format!("BUDGET#{user}"), "FACTOR", "version", AttributeValue::N(format!("{}", round + 50))).await;
        world.advance(3_600);
        let before = world.notices("login_locked").await.len();
        world.send(ask(EMAIL)).await;
        let mailed = world.notices("login_locked").await.len() - before;
        assert_eq!(mailed, usize::from(round < 3), "round {round}");
        if mailed == 1 {
            assert_eq!(world.send(confirm(&newest_link(&world).await)).await.status, 204);
        }
    }
    let row = world.item("identity", &format!("BUDGET#{user}"), "RESET_FACTOR").await.unwrap();
    assert_eq!(row["state"].as_s().unwrap(), "[1,2,3]");
}

#[tokio::test]
async fn pr_1_closed_open_unknown_and_over_budget_cannot_be_told_apart() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.exhaust(user, "LOGIN", 100).await;
    world.account("open@example.com").await;
    world.trace();
    let mut seen: Vec<(Answered, _)> = Vec::new();
    for _ in 0..5 {
        for email in [EMAIL, "open@example.com", "nobody@example.com"] {
            seen.push((world.send(ask(email)).await, world.trace()));
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "same bytes, same operations: {seen:?}");
    assert_eq!((seen[0].0.status.as_u16(), seen[0].0.body.as_slice()), (202, b"{}".as_slice()));
    // PR-3: three at once, and the oldest link of them still works.
    let links = world.notices("login_locked").await;
    assert_eq!(links.len(), 3);
    assert_eq!(world.mails().await.len(), 1, "whose login is open is not bothered");
    assert_eq!(world.send(confirm(links[0]["unlock_token"].as_str().unwrap())).await.status, 204);
}

#[tokio::test]
async fn an_unlock_link_lives_ten_minutes_and_dies_with_the_credentials() {
    for (seconds, alive) in [(599, true), (600, false)] {
        let world = World::new();
        let (_, token) = closed(&world).await;
        world.advance(seconds);
        assert_eq!(world.send(confirm(&token)).await.status == 204, alive, "{seconds}");
    }
    let world = World::new();
    let (user, token) = closed(&world).await;
    world.raise(user, "cred_version").await;
    world.send(confirm(&token)).await.refused(400, "unlock_refused");
    // EV-2: no other token serves.
    for other in ["", "x", &world.challenge(user).await] {
        world.send(confirm(other)).await.refused(400, "unlock_refused");
    }
    assert_eq!(world.failures(user, "LOGIN").await, 100);
    assert!(!world.dump("identity").await.contains(&token), "only its hash is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unlock_link_confirmed_fifty_times_at_once_opens_once() {
    let world = World::new();
    let (_, token) = closed(&world).await;
    let answers = world.at_once((0..50).map(|_| confirm(&token))).await;
    assert_eq!(answers.iter().filter(|answered| answered.status == 204).count(), 1);
    assert_eq!(world.notices("login_unlocked").await.len(), 1);
    world.send(confirm(&token)).await.refused(400, "unlock_refused");
}

#[tokio::test]
async fn pr_1_a_store_that_fails_answers_alike_for_all_addresses() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.exhaust(user, "LOGIN", 100).await;
    for operation in ["UpdateItem", "GetItem", "BatchGetItem", "TransactWriteItems"] {
        world.fail(operation, 0);
        let known = world.send(ask(EMAIL)).await;
        assert_eq!(known, world.send(ask("nobody@example.com")).await, "{operation}");
        assert_eq!(known.status, 503, "{operation}");
        world.recover();
    }
}
