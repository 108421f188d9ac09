//! SU-4, PR-16: a new password meets the policy and the list of the sign-up, behind a good link and a charged source.
#![allow(clippy::allow_attributes, reason = "not every file needs every one, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

#[path = "../../../crates/breached-passwords/tests/list/mod.rs"]
mod list;
mod reset;
mod world;

use account::breached::PasswordCheck;
use list::{List, STOLEN, new_passwords};
use reset::{complete, world_asking};
use serde_json::json;
use store::attribute::s;
use store::entity::credential;
use store::{Table, Write};
use world::{NEW_PASSWORD, PASSWORD};

#[tokio::test]
async fn pr_16_a_reset_judges_by_the_table_of_the_sign_up() {
    let list = List::start();
    list.steal(STOLEN);
    let world = world_asking(&list.url);
    let owner = world.owner(false).await;
    for (password, refused) in new_passwords(&owner.email) {
        // One source for each hour, so that its budget is not what refuses.
        world.clock.advance(3600);
        let token = world.reset_token(&owner).await;
        let answered = complete(&world, &token, json!({ "password": password })).await;
        match refused {
            Some(code) => {
                answered.is(422, "password_too_weak");
                assert_eq!(answered.json()["errors"][0]["code"], code, "{password}");
            }
            None => {
                answered.is_ok(200);
                assert!(world.password_is(&owner, &password).await);
            }
        }
    }
    // What the local policy refuses is not asked about.
    assert_eq!(list.asked(), 3);
}

#[tokio::test]
async fn su_4_a_stolen_password_changes_nothing_and_the_link_stays_good() {
    let list = List::start();
    list.steal(NEW_PASSWORD);
    let world = world_asking(&list.url);
    let owner = world.owner(true).await;
    let token = world.reset_token(&owner).await;
    let body = json!({ "totp": world.code(&owner) });
    complete(&world, &token, body.clone()).await.is(422, "password_too_weak");
    assert!(world.password_is(&owner, PASSWORD).await);
    // A dead link asks nobody.
    complete(&world, "no token", body).await.is(400, "reset_refused");
    assert_eq!(list.asked(), 1);
    list.learnt_nothing_of(NEW_PASSWORD);
    let other = json!({ "totp": world.code(&owner), "password": "an otter mends seven cold nets" });
    complete(&world, &token, other).await.is_ok(200);
}

#[tokio::test]
async fn su_4_a_new_password_ends_the_mark_of_a_stolen_one_and_is_due_when_the_list_is_down() {
    let list = List::start();
    let world = world_asking(&list.url);
    let owner = world.owner(false).await;
    for (down, expected) in [(false, PasswordCheck::Passed), (true, PasswordCheck::Due)] {
        let mark = Write::update(Table::Identity, credential::key(owner.id), "SET #password_check = :breached")
            .when("attribute_exists(pk)")
            .value(":breached", s(PasswordCheck::Breached.name()));
        world.write(vec![mark]).await;
        assert_eq!(world.credential(&owner).await.password_check, PasswordCheck::Breached);
        list.down(down);
        let token = world.reset_token(&owner).await;
        complete(&world, &token, json!({})).await.is_ok(200);
        assert_eq!(world.credential(&owner).await.password_check, expected);
        world.clock.advance(3600);
    }
}

#[tokio::test]
async fn rl_5_a_source_beyond_its_budget_asks_no_list() {
    let list = List::start();
    list.steal(STOLEN);
    let world = world_asking(&list.url);
    let owner = world.owner(false).await;
    let token = world.reset_token(&owner).await;
    let mut last = 422;
    for _ in 0..1_000 {
        last = complete(&world, &token, json!({ "password": STOLEN })).await.status.as_u16();
        if last == 429 {
            break;
        }
    }
    let asked = list.asked();
    complete(&world, &token, json!({ "password": STOLEN })).await.is(429, "too_many_requests");
    assert_eq!((last, list.asked()), (429, asked));
}
