//! Detaching a key: no further use from its commit on, erasure ordered, told why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

mod attaching;
#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use attaching::{Venue, attach, body, call, open_jobs, router, secrets, shred};
use emulators::{Act, Fault, When};
use serde_json::json;
use world::World;

#[tokio::test]
async fn a_detached_key_is_unusable_at_once_and_erased() {
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    let (_, attached) = attach(&world, &router, &owner, &body("key-1")).await;
    let id: account::ConnectionId = attached["connection"]["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/v1/connections/{id}");
    let before = world.store.find_user(owner.user).await.unwrap().unwrap();
    assert_eq!(call(&router, "DELETE", &path, &owner, None, None).await.0, 204);
    // The wrapped key went in the same commit.
    assert_eq!(world.store.find_sealed_key(owner.user, id).await.unwrap(), None);
    let raw =
        world.store.read(store::Table::Vault, &store::entity::connection::key(owner.user, id)).await.unwrap().unwrap();
    assert!(raw.text_if("wrapped_dk").is_none() && raw.text("status").unwrap() == "REVOKED");
    // RF-21: a reset that has read the list reads again.
    let after = world.store.find_user(owner.user).await.unwrap().unwrap();
    assert_eq!(after.conn_set_version, before.conn_set_version.next());
    let (_, shown) = call(&router, "GET", &path, &owner, None, None).await;
    assert_eq!(
        (&shown["connection"]["status"], &shown["connection"]["revoked"]["code"]),
        (&json!("revoked"), &json!("detached"))
    );
    // Again: nothing more happens.
    assert_eq!(call(&router, "DELETE", &path, &owner, None, None).await.0, 204);
    assert_eq!((open_jobs(&world, "shred").await.len(), open_jobs(&world, "mail").await.len()), (1, 2));
    assert_eq!(shred(&world).await, 0);
    assert_eq!((secrets(&world).await, open_jobs(&world, "shred").await.len()), (0, 0));
}

#[tokio::test]
async fn a_failure_of_the_transaction_leaves_all_or_nothing() {
    for fault in [Fault::LoseAnswer, Fault::DropRequest, Fault::Status(500), Fault::Throttle, Fault::Duplicate] {
        let (world, venue) = (World::new(), Venue::new());
        let (owner, router) = (world.owner().await, router(&world, &venue));
        let (_, attached) = attach(&world, &router, &owner, &body("key-1")).await;
        let path = format!("/v1/connections/{}", attached["connection"]["id"].as_str().unwrap());
        world.script.once(When::calls("connections", "TransactWriteItems"), Act::Fault(fault));
        let (status, _) = call(&router, "DELETE", &path, &owner, None, None).await;
        let gone = status == 204;
        assert!(gone || status == 503, "{fault:?}: {status}");
        assert_eq!(open_jobs(&world, "shred").await.len(), usize::from(gone), "{fault:?}");
        assert_eq!(open_jobs(&world, "mail").await.len(), 1 + usize::from(gone), "{fault:?}");
    }
}
