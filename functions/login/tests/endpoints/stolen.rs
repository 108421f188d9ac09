//! SU-4: a password that could not be looked up when it was chosen is looked up at the next sign-in, which it never stops.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::list::List;
use crate::world::{EMAIL, PASSWORD, World, call, post};

fn login(password: &str) -> crate::world::Call {
    post("/v1/login", &json!({ "email": EMAIL, "password": password }))
}

/// An account whose password was not looked up, and a list that holds it or not.
async fn due(stolen: bool, with_factor: bool) -> (World, List, String) {
    let list = List::start();
    if stolen {
        list.steal(PASSWORD);
    }
    let world = World::asking(&list.url);
    let user = if with_factor { world.account_with_totp(EMAIL).await } else { world.account(EMAIL).await };
    let key = format!("CRED#{user}");
    world.set(&key, "CRED", "password_check", AttributeValue::S("due".into())).await;
    (world, list, key)
}
async fn stored(world: &World, key: &str) -> String {
    world.item("identity", key, "CRED").await.unwrap()["password_check"].as_s().unwrap().clone()
}
async fn shown(world: &World, session: &str) -> bool {
    world.send(call("GET", "/v1/me").bearer(session)).await.json()["password_breached"].as_bool().unwrap()
}
fn breach_mails(mails: &BTreeMap<String, u32>) -> u32 {
    mails.get("password_breached").copied().unwrap_or(0)
}

#[tokio::test]
async fn su_4_a_hit_gives_the_session_tells_the_owner_once_and_stays_to_be_seen() {
    let (world, list, key) = due(true, false).await;
    let session = world.send(login(PASSWORD)).await.session();
    assert_eq!((stored(&world, &key).await.as_str(), breach_mails(&world.mails().await)), ("breached", 1));
    assert!(shown(&world, &session).await);
    world.advance(60);
    let again = world.send(login(PASSWORD)).await.session();
    assert!(shown(&world, &again).await);
    assert_eq!((list.asked(), breach_mails(&world.mails().await)), (1, 1));
    list.learnt_nothing_of(PASSWORD);
}

#[tokio::test]
async fn su_4_a_miss_ends_it() {
    let (world, list, key) = due(false, false).await;
    let session = world.send(login(PASSWORD)).await.session();
    assert_eq!((stored(&world, &key).await.as_str(), breach_mails(&world.mails().await)), ("passed", 0));
    assert!(!shown(&world, &session).await);
    world.advance(60);
    world.send(login(PASSWORD)).await.session();
    assert_eq!(list.asked(), 1);
}

#[tokio::test]
async fn su_4_a_list_that_is_down_is_asked_again_at_the_next_sign_in() {
    let (world, list, key) = due(true, false).await;
    list.down(true);
    let session = world.send(login(PASSWORD)).await.session();
    assert!(!shown(&world, &session).await);
    assert_eq!(stored(&world, &key).await, "due");
    list.down(false);
    world.advance(60);
    let session = world.send(login(PASSWORD)).await.session();
    assert!(shown(&world, &session).await);
    assert_eq!(list.asked(), 2);
}

#[tokio::test]
async fn su_4_an_account_from_before_the_check_is_looked_up_too() {
    let list = List::start();
    list.steal(PASSWORD);
    let world = World::asking(&list.url);
    let user = world.account(EMAIL).await;
    let key = format!("CRED#{user}");
    world.unset(&key, "CRED", "password_check").await;
    world.send(login(PASSWORD)).await.session();
    assert_eq!(stored(&world, &key).await, "breached");
}

#[tokio::test]
async fn su_4_whoever_does_not_know_the_password_makes_nobody_ask() {
    let (world, list, _) = due(true, false).await;
    world.send(login("seven loud lanterns drift")).await.refused(401, "sign_in_refused");
    assert_eq!(list.asked(), 0);
}

#[tokio::test]
async fn su_4_behind_a_second_factor_the_password_is_looked_up_when_it_is_shown() {
    let (world, list, key) = due(true, true).await;
    world.send(login(PASSWORD)).await.challenge();
    assert_eq!((stored(&world, &key).await.as_str(), list.asked()), ("breached", 1));
    assert_eq!(breach_mails(&world.mails().await), 1);
}
