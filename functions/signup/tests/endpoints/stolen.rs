//! SU-4: a stolen password opens no account, a list that is down keeps nobody out, and the list learns nothing.

use crate::list::{List, STOLEN, new_passwords};
use crate::world::{EMAIL, PASSWORD, World, sign_up};

async fn stored_check(world: &World, email: &str) -> String {
    let user = world.account(email).await.unwrap();
    let item = world.item("identity", &format!("CRED#{}", user.id), "CRED").await.unwrap();
    item["password_check"].as_s().unwrap().clone()
}

#[tokio::test]
async fn su_4_a_stolen_password_is_refused_by_five_digits_of_its_hash() {
    let list = List::start();
    list.steal(PASSWORD);
    let world = World::asking(&list.url);
    let answered = world.send(sign_up(EMAIL, PASSWORD)).await;
    answered.refused(422, "password_too_weak");
    assert_eq!(answered.json()["errors"][0]["code"], "breached");
    assert!(world.account(EMAIL).await.is_none());
    assert_eq!(list.asked(), 1);
    list.learnt_nothing_of(PASSWORD);
}

#[tokio::test]
async fn su_4_a_list_that_is_down_keeps_nobody_out_and_the_account_is_marked() {
    let list = List::start();
    let world = World::asking(&list.url);
    list.down(true);
    assert_eq!(world.sign_up(EMAIL).await.status, 202);
    assert_eq!(stored_check(&world, EMAIL).await, "due");
    list.down(false);
    assert_eq!(world.sign_up("second@example.com").await.status, 202);
    assert_eq!(stored_check(&world, "second@example.com").await, "passed");
    list.learnt_nothing_of(PASSWORD);
    // Where no list is configured nothing is asked.
    let world = World::new();
    assert_eq!(world.sign_up(EMAIL).await.status, 202);
    assert_eq!(stored_check(&world, EMAIL).await, "due");
}

#[tokio::test]
async fn su_1_the_list_is_asked_about_known_and_unknown_addresses_alike() {
    let list = List::start();
    list.steal(STOLEN);
    let world = World::asking(&list.url);
    world.trace();
    let new = (world.sign_up(EMAIL).await, world.trace(), list.asked());
    let known = (world.sign_up(EMAIL).await, world.trace(), list.asked() - 1);
    assert_eq!(new, known);
    let unknown = (world.send(sign_up("other@example.com", STOLEN)).await, world.trace());
    assert_eq!((world.send(sign_up(EMAIL, STOLEN)).await, world.trace()), unknown);
    assert_eq!(list.asked(), 4);
}

#[tokio::test]
async fn rl_5_a_source_beyond_its_budget_asks_no_list() {
    let list = List::start();
    list.steal(STOLEN);
    let world = World::asking(&list.url);
    for _ in 0..10_000 {
        if world.send(sign_up(EMAIL, STOLEN)).await.status == 429 {
            break;
        }
    }
    let asked = list.asked();
    world.send(sign_up(EMAIL, STOLEN)).await.refused(429, "too_many_requests");
    assert_eq!(list.asked(), asked);
}

#[tokio::test]
async fn pr_16_sign_up_judges_by_the_table() {
    let list = List::start();
    list.steal(STOLEN);
    let world = World::asking(&list.url);
    for (at, (password, refused)) in new_passwords(EMAIL).into_iter().enumerate() {
        let from = format!("192.0.2.{}:1", at + 1);
        let answered = world.send(sign_up(EMAIL, &password).from(&from)).await;
        match refused {
            Some(code) => {
                answered.refused(422, "password_too_weak");
                assert_eq!(answered.json()["errors"][0]["code"], code, "{password}");
            }
            None => assert_eq!(answered.status, 202, "{password}"),
        }
    }
    // What the local policy refuses is not asked about.
    assert_eq!(list.asked(), 3);
}
