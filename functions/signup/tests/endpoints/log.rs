//! LG-6: what the log never says of a sign-up.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::EnvFilter;

use crate::world::{World, resend, sign_up, verify};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn lg_6_no_password_token_or_address_is_logged() {
    let captured = Captured::default();
    let writer = captured.clone();
    // Everything of ours, down to the finest level; the SDK's own lines as the host has them.
    let filter = EnvFilter::new("trace,aws=warn,hyper=warn,h2=warn,dynoxide=warn");
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(move || writer.clone()).try_init().unwrap();
    let (email, password) = ("canary.address@example.com", "canary sings in the mine");
    let world = World::new();
    world.send(sign_up(email, password)).await;
    world.send(sign_up(email, password)).await;
    let first = world.mailed_token(email).await.unwrap();
    for operation in ["TransactWriteItems", "GenerateMac", "GetItem"] {
        world.fail(operation, 0);
        for call in [sign_up("canary.second@example.com", password), verify(&first), resend(email)] {
            world.send(call).await;
        }
        world.recover();
    }
    world.send(verify(&first)).await;
    let user = world.account(email).await.unwrap();
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("request failed"), "faults are logged");
    for event in ["signed_up", "email_verified"] {
        assert!(text.contains(event), "{event} is not in the log");
    }
    assert!(text.contains(&user.id.to_string()));
    for secret in [email, "canary.second", password, &first] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
