//! An attach and a reset in all their orders: the key is in the revoked set or was never LIVE, and its secret is erased.

use std::sync::Arc;

use emulators::{Act, Gate, When};
use exchange::Endpoint;
use serde_json::{Value, json};
use tests::world::{Owner, PAIR, World};

/// Where the attach stands while the reset happens.
#[derive(Debug, Clone, Copy)]
enum Pause {
    Before,
    After,
}

/// An attach that needs one request more, with its proof.
async fn about_to_attach(world: &World) -> (Owner, Value, String) {
    let owner = world.owner("owner@example.org").await;
    let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
    let form = json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [PAIR] });
    let proof =
        owner.step_up("POST", "/v1/connections", Some(&form)).await.ok()["proof"].as_str().expect("a proof").to_owned();
    (owner, form, proof)
}

/// Attaches with a reset at the gate. `None`: the attach never came there.
async fn attach_with_a_reset_at(world: &World, gate: &Gate) -> Option<(Owner, tests::world::Answered)> {
    let (mut owner, form, proof) = about_to_attach(world).await;
    let reset = owner.prepares_a_reset(world, "eleven copper kettles whistling").await;
    let attacher = owner.clone();
    let mut attaching = tokio::spawn(async move {
        attacher.send("POST", "/v1/connections", Some(&form.to_string()), &[("x-step-up", &proof)]).await
    });
    let reached = tokio::select! { biased; () = gate.reached() => true, _ = &mut attaching => false };
    if !reached {
        return None;
    }
    owner.completes(&reset).await;
    gate.open();
    Some((owner, attaching.await.expect("an answer")))
}

/// RF-19, RF-20: nothing LIVE, no key share, and within fifteen minutes no secret.
async fn nothing_is_left(world: &World, owner: &mut Owner, at: &str) {
    let live = || async {
        let vault = world.dump("vault").await;
        vault
            .iter()
            .filter(|item| item.contains_key("wrapped_dk") || item.get("status").is_some_and(|s| s == "LIVE"))
            .count()
    };
    assert_eq!(live().await, 0, "{at}");
    for _ in 0..16 {
        world.after(60).await;
        world.sweep().await;
    }
    assert_eq!(live().await, 0, "{at}: later");
    assert_eq!(world.secrets().await, Vec::<String>::new(), "{at}: the secret is erased");
    let ledger: Vec<_> = world
        .dump("vault")
        .await
        .into_iter()
        .filter(|item| item["pk"].as_str().is_some_and(|pk| pk.starts_with("LEDGER#")))
        .collect();
    assert!(ledger.iter().all(|row| row["state"] == "DELETED"), "{at}: {ledger:?}");
    // G7: the same owner attaches another key.
    owner.signs_in().await;
    owner.attaches_a_key().await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn rf_19_and_rf_21_wherever_a_reset_falls_into_an_attach_no_live_connection_and_no_secret_remains() {
    let mut met = 0;
    for pause in [Pause::Before, Pause::After] {
        for nth in 0.. {
            let world = World::seeded(300 + nth);
            let gate = Arc::new(Gate::default());
            let act = match pause {
                Pause::Before => Act::PauseBefore(gate.clone()),
                Pause::After => Act::PauseAfter(gate.clone()),
            };
            world.faults.times(When { caller: Some("connections".into()), ..When::default() }, nth, 1, act);
            let Some((mut owner, answered)) = attach_with_a_reset_at(&world, &gate).await else { break };
            let at = format!("{pause:?} call {nth}: {}", answered.status);
            nothing_is_left(&world, &mut owner, &at).await;
            met += 1;
        }
    }
    // Session, proof, permission, ledger, secret and connection are twelve calls at least.
    assert!(met >= 2 * 10, "only {met} places were met");
}

#[tokio::test]
async fn rf_19_a_reset_while_the_exchange_is_asked_about_the_key_leaves_nothing() {
    for endpoint in [Endpoint::ServerTime, Endpoint::ApiRestrictions] {
        let world = World::seeded(23);
        let gate = world.exchange.pause_before(endpoint);
        let (mut owner, answered) = attach_with_a_reset_at(&world, &gate).await.expect("the exchange is asked");
        assert!(!answered.status.is_success(), "{endpoint:?}");
        nothing_is_left(&world, &mut owner, &format!("{endpoint:?}")).await;
    }
}

#[tokio::test]
async fn rf_20_an_attach_that_crashes_with_its_secret_made_leaves_no_orphan() {
    let world = World::seeded(24);
    let (mut owner, form, proof) = about_to_attach(&world).await;
    let gate = world.pause_after("connections", "CreateSecret");
    let attacher = owner.clone();
    let attaching = tokio::spawn(async move {
        attacher.send("POST", "/v1/connections", Some(&form.to_string()), &[("x-step-up", &proof)]).await
    });
    gate.reached().await;
    attaching.abort();
    assert!(attaching.await.is_err(), "it crashed");
    assert_eq!(world.secrets().await.len(), 1, "the secret is there");
    nothing_is_left(&world, &mut owner, "crashed").await;
}
