//! An owner who lost the authenticator gets a new one with a recovery code, and nothing else with it.

use serde_json::json;
use sha2::{Digest, Sha256};
use tests::world::World;

#[tokio::test]
async fn rc_5_a_recovery_code_leads_to_a_new_authenticator_and_to_nothing_else() {
    let world = World::seeded(77);
    let mut owner = world.owner("lost@example.org").await;
    let codes = owner.adds_a_factor().await;
    let old_seed = owner.seed.take();
    // Signed in with a recovery code: entries are frozen until there is a new factor.
    let challenge = owner.log_in().await.ok()["challenge"]["id"].clone();
    let signed_in =
        owner.post("/v1/login/second-factor", &json!({ "challenge": challenge, "recovery_code": codes[0] })).await.ok();
    owner.token = Some(signed_in["session"]["token"].as_str().unwrap().to_owned());

    let empty = hex::encode(Sha256::digest(b""));
    let form = |method: &str, path: &str, code: &str| json!({ "method": method, "path": path, "body_sha256": empty, "password": owner.password, "recovery_code": code });
    world.clock.advance(5);
    let elsewhere = owner.post("/v1/step-up", &form("POST", "/v1/second-factors/recovery-codes", &codes[1])).await;
    assert_eq!(elsewhere.refused(), "invalid_fields", "RC-3: a recovery code confirms nothing but the removal");
    let given = owner.post("/v1/step-up", &form("DELETE", "/v1/second-factors/totp", &codes[1])).await.ok();
    let proof = given["proof"].as_str().unwrap().to_owned();
    world.clock.advance(5);
    let again = owner.post("/v1/step-up", &form("DELETE", "/v1/second-factors/totp", &codes[1])).await;
    assert_eq!(again.refused(), "step_up_refused", "RC-2: a code is good once");
    let removed = owner.send("DELETE", "/v1/second-factors/totp", None, &[("x-step-up", &proof)]).await;
    assert!(removed.status.is_success(), "{} {}", removed.status, removed.body);

    world.clock.advance(60);
    owner.signs_in().await;
    owner.adds_a_factor().await;
    assert_ne!(owner.seed, old_seed, "TP-1: a fresh seed");
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["totp"]));
    world.drain().await;
    let mails = world.machine.emulators().mailbox().unwrap();
    let used = mails.iter().filter(|m| m.subject.to_lowercase().contains("recovery code")).count();
    assert!(used >= 2, "each use was told: {:?}", mails.iter().map(|m| &m.subject).collect::<Vec<_>>());
    world.no_call_was_refused();
}
