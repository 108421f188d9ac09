//! The core of an account's life, step by step the same for a page with its cookie and a program with its bearer token.

use serde_json::{Value, json};
use tests::world::{Client, Owner, World};

const NEXT_PASSWORD: &str = "eleven copper kettles whistling";

async fn owner(world: &World, client: Client) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    owner.client = client;
    owner
}
async fn sessions(owner: &Owner) -> Vec<Value> {
    owner.get("/v1/sessions").await.ok()["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn lg_2_signing_in_takes_both_factors_from_every_client() {
    for client in Client::ALL {
        let world = World::seeded(1401);
        let mut owner = owner(&world, client).await;
        owner.adds_a_factor().await;
        let old = owner.clone();
        let given = owner.log_in().await.ok();
        assert!(given["session"].is_null() && given["challenge"]["id"].is_string(), "{client:?}: {given}");
        owner.signs_in().await;
        assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["totp"]), "{client:?}");
        // LG-3: the session that was shown at the sign-in is over.
        assert_eq!(old.get("/v1/me").await.refused(), "no_session", "{client:?}");
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn ss_4_every_client_lists_its_sessions_and_ends_one_or_all_others() {
    for client in Client::ALL {
        let world = World::seeded(1402);
        let owner = owner(&world, client).await;
        let mut others = Vec::new();
        for _ in 0..3 {
            let mut other = world.stranger(&owner.email);
            other.signs_in().await;
            others.push(other);
        }
        let listed = sessions(&owner).await;
        assert_eq!(listed.len(), 4, "{client:?}");
        let first = listed.iter().find(|session| session["current"] == false).expect("another")["id"].clone();
        let path = format!("/v1/sessions/{}", first.as_str().expect("an id"));
        assert!(owner.delete(&path).await.status.is_success(), "{client:?}");
        assert_eq!(owner.delete(&path).await.refused(), "not_found", "{client:?}");
        assert_eq!(sessions(&owner).await.len(), 3, "{client:?}");
        assert!(owner.delete("/v1/sessions").await.status.is_success(), "{client:?}");
        assert_eq!(sessions(&owner).await.len(), 1, "{client:?}");
        for other in &others {
            assert_eq!(other.get("/v1/me").await.refused(), "no_session", "{client:?}");
        }
        let gone = owner.post("/v1/logout", &json!({})).await;
        assert_eq!(gone.status.as_u16(), 204, "{client:?}");
        assert_eq!(owner.get("/v1/me").await.refused(), "no_session", "{client:?}");
    }
}

#[tokio::test]
async fn st_1_a_step_up_is_asked_of_every_client_and_serves_any_client_of_its_owner_once() {
    for client in Client::ALL {
        let world = World::seeded(1403);
        let mut owner = owner(&world, client).await;
        let path = "/v1/second-factors/totp";
        assert_eq!(owner.post(path, &json!({})).await.refused(), "step_up_required", "{client:?}");
        let proof = owner.proof_for("POST", path, b"{}").await;
        let used = owner.send("POST", path, Some("{}"), &[("x-step-up", &proof)]).await;
        assert!(used.status.is_success(), "{client:?}: {}", used.body);
        let again = owner.send("POST", path, Some("{}"), &[("x-step-up", &proof)]).await;
        assert_eq!(again.refused(), "step_up_required", "{client:?}");
        owner.adds_a_factor().await;
    }
}

#[tokio::test]
async fn pr_11_a_reset_by_either_client_ends_the_sessions_of_both() {
    for client in Client::ALL {
        let world = World::seeded(1404);
        let mut owner = owner(&world, client).await;
        let mut sessions = Vec::new();
        for kind in Client::ALL {
            let mut other = world.stranger(&owner.email);
            other.client = kind;
            other.signs_in().await;
            other.get("/v1/me").await.ok();
            sessions.push(other);
        }
        owner.resets_the_password(&world, NEXT_PASSWORD).await;
        for dead in sessions.iter().chain([&*owner]) {
            assert_eq!(dead.get("/v1/me").await.refused(), "no_session", "{client:?} {:?}", dead.client);
            assert_eq!(dead.post("/v1/logout", &json!({})).await.refused(), "no_session", "{client:?}");
        }
        owner.signs_in().await;
        owner.get("/v1/me").await.ok();
        world.no_call_was_refused();
    }
}
