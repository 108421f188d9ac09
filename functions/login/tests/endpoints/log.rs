//! LG-6: what the log says of a sign-in, and what it never says.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::world::{World, answer, log_in, me, post};

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
async fn lg_6_events_are_logged_and_no_password_token_code_or_address() {
    let captured = Captured::default();
    let writer = captured.clone();
    // Everything of ours, down to the finest level; the SDK's own lines as the host has them.
    let filter = EnvFilter::new("trace,aws=warn,hyper=warn,h2=warn,dynoxide=warn");
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(move || writer.clone()).try_init().unwrap();
    let world = World::new();
    let user = world.account_with_totp("canary.address@example.com").await;
    let codes = world.recovery_codes(user).await;
    let mut never = vec![
        crate::world::PASSWORD.to_owned(),
        "canary wrong password".to_owned(),
        "canary.address".to_owned(),
        "canary.typed".to_owned(),
    ];

    world.send(log_in("canary.address@example.com", "canary wrong password")).await.refused(401, "sign_in_refused");
    world.send(log_in("canary.typed@example.com", "canary wrong password")).await.refused(401, "sign_in_refused");
    world.advance(1);
    let challenge = world.log_in("canary.address@example.com").await.challenge();
    world.send(answer(&challenge, "recovery_code", "canary-code")).await.refused(401, "challenge_refused");
    world.advance(1);
    let session = world.send(answer(&challenge, "totp", &world.code(0))).await.session();
    never.extend([challenge, "canary-code".to_owned(), world.code(0)]);
    world.advance(30);
    let body = json!({
        "method": "POST", "path": "/v1/connections", "body_sha256": "0".repeat(64), "password": crate::world::PASSWORD, "totp": world.code(0),
    });
    let proof =
        world.send(post("/v1/step-up", &body).bearer(&session)).await.json()["proof"].as_str().unwrap().to_owned();
    let again = world.challenge(user).await;
    let recovered = world.send(answer(&again, "recovery_code", &codes[0])).await.session();
    world.send(me(&recovered)).await;
    world.fail("TransactWriteItems", 0);
    let failing = world.challenge(user).await;
    world.send(answer(&failing, "recovery_code", &codes[1])).await.refused(503, "outcome_unknown");
    world.recover();
    never.extend([session, proof, again, recovered, failing, codes[0].clone(), codes[1].clone(), world.code(0)]);

    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for event in ["sign_in_refused", "password_accepted", "second_factor_refused", "signed_in", "step_up_given"] {
        assert!(text.contains(event), "{event} is not in the log");
    }
    assert!(text.contains(&user.to_string()) && text.contains("192.0.2.1"));
    for secret in never {
        assert!(!text.contains(&secret), "{secret} is in the log");
    }
}
