//! KX-5, LG-6: what is logged when keys are attached, refused and erased, and calls fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

mod attaching;
#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use std::io::Write;
use std::sync::{Arc, Mutex};

use attaching::{SECRET, Venue, attach, body, router, shred};
use emulators::{Act, Fault, When};
use serde_json::json;
use world::World;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);
impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn kx_5_no_line_of_the_log_holds_a_key_a_secret_or_a_proof() {
    let lines = Lines::default();
    let writer = lines.clone();
    // The filter of production, with our own lines in full.
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("trace,aws=warn,hyper=warn,h2=warn")
        .with_writer(move || writer.clone())
        .finish();
    let _while = tracing::subscriber::set_default(subscriber);
    let (world, venue) = (World::new(), Venue::new());
    let (owner, router) = (world.owner().await, router(&world, &venue));
    for operation in ["GenerateMac", "GenerateDataKey", "CreateSecret", "TransactWriteItems"] {
        for fault in [Fault::DropRequest, Fault::Status(500), Fault::Throttle] {
            world.script.times(When::calls("connections", operation), 0, 9, Act::Fault(fault));
            assert_eq!(attach(&world, &router, &owner, &body("canary-key-1")).await.0, 503);
            world.script.clear();
        }
    }
    let mut wrong = body("canary-key-1");
    wrong["api_secret"] = json!("canary-secret-wrong");
    assert_eq!(attach(&world, &router, &owner, &wrong).await.0, 422);
    assert_eq!(attach(&world, &router, &owner, &body("canary-key-1")).await.0, 201);
    shred(&world).await;
    world.clock.advance_s(600);
    shred(&world).await;
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("a key was attached")
            && logged.contains("an attach failed after its ledger row")
            && logged.contains("proven gone")
    );
    for canary in [SECRET, "canary", owner.token.as_str(), "signature=", "wrapped"] {
        assert!(!logged.contains(canary), "{canary}");
    }
}
