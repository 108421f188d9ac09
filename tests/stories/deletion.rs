//! An account is deleted: at once for everybody who could use it, and after a while everywhere.

use emulators::{Act, Fault, When};
use serde_json::{Value, json};
use tests::world::{Answered, Owner, World};

const TABLES: [&str; 6] = ["identity", "vault", "trading", "market", "outbox", "paper"];

async fn deletes(owner: &Owner) -> Answered {
    owner.stepped_up("DELETE", "/v1/account", None).await
}
async fn id(owner: &Owner) -> String {
    owner.get("/v1/me").await.ok()["id"].as_str().unwrap().to_owned()
}
/// An owner with everything that leaves something behind.
async fn owner_of_everything(world: &World, email: &str) -> Owner {
    let mut owner = world.owner(email).await;
    owner.adds_a_factor().await;
    owner.trades(world).await;
    owner
        .stepped_up("POST", "/v1/tokens", Some(&json!({ "name": "t", "scope": "read", "expires_in_days": 7 })))
        .await
        .ok();
    // Links and challenges that nobody follows.
    owner.post("/v1/password-reset", &json!({ "email": email })).await.ok();
    owner.stepped_up("POST", "/v1/email", Some(&json!({ "email": format!("new-{email}") }))).await.ok();
    let mut second = owner.clone();
    second.token = None;
    second.log_in().await.ok();
    owner.step_up("POST", "/v1/tokens", None).await.ok();
    second.signs_in().await;
    world.quiet_minutes(1).await;
    owner
}
/// Everything that is stored, as text, by what it is.
async fn stored(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        for item in world.dump(table).await {
            all.push(format!("{table} {}", serde_json::to_string(&item).unwrap()));
        }
    }
    all.extend(world.secrets().await.into_iter().map(|name| format!("secret {name}")));
    all
}
async fn traces(world: &World, words: &[&str]) -> Vec<String> {
    stored(world).await.into_iter().filter(|item| words.iter().any(|word| item.contains(word))).collect()
}
/// Sweeps until the erasure's last mail was sent.
async fn erased(world: &World, email: &str) -> bool {
    for _ in 0..6 {
        world.drain().await;
        world.clock.advance(300);
        world.sweep().await;
        world.drain().await;
        let mails = world.machine.emulators().mailbox().unwrap();
        if mails.iter().any(|mail| mail.to.iter().any(|to| to == email) && mail.subject.contains("is erased")) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_deleted_account_is_useless_at_once_and_gone_everywhere_soon() {
    let world = World::seeded(2201);
    let owner = owner_of_everything(&world, "leaver@example.org").await;
    let other = owner_of_everything(&world, "stayer@example.org").await;
    let (user, other_user) = (id(&owner).await, id(&other).await);
    let others_before = traces(&world, &[&other_user]).await.len();
    let deleted = deletes(&owner).await;
    assert_eq!(deleted.status, 202);
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session");
    assert_eq!(owner.log_in().await.refused(), "sign_in_refused");
    let item = owner.connection_item(&world).await;
    assert_eq!((&item["status"], &item["revoked_by"]), (&json!("REVOKED"), &json!("account_deleted")));
    assert!(!item.contains_key("wrapped_dk"), "G3");
    assert!(erased(&world, &owner.email).await, "left: {:#?}", traces(&world, &[&user]).await);
    assert_eq!(traces(&world, &[&user, "leaver@example.org"]).await, [""; 0]);
    assert!(world.mails_to(&owner.email).iter().any(|mail| mail.contains("was deleted at")));
    // Nobody else is touched.
    assert!(other.get("/v1/me").await.status.is_success());
    assert!(other.connection_item(&world).await.contains_key("wrapped_dk"));
    assert!(traces(&world, &[&other_user]).await.len() + 5 >= others_before);
    assert_eq!(world.secrets().await.len(), 1);
    world.no_call_was_refused();
    // The same address signs up anew, as somebody else.
    let anew = world.owner("leaver@example.org").await;
    assert_ne!(id(&anew).await, user);
}

#[tokio::test]
async fn su_5_the_address_is_free_at_once_and_the_erasure_leaves_the_new_account_alone() {
    let world = World::seeded(2202);
    let owner = owner_of_everything(&world, "leaver@example.org").await;
    assert_eq!(deletes(&owner).await.status, 202);
    let anew = world.owner("leaver@example.org").await;
    assert!(erased(&world, &owner.email).await);
    assert!(anew.get("/v1/me").await.status.is_success());
    let mut again = anew.clone();
    again.signs_in().await;
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_deletions_at_once_are_one() {
    let world = World::seeded(2203);
    let mut owner = world.owner("leaver@example.org").await;
    owner.attaches_a_key().await;
    let mut proofs = Vec::new();
    for _ in 0..50 {
        owner.clock.advance(2);
        proofs.push(owner.proof_for("DELETE", "/v1/account", b"").await);
    }
    world.interleaves_calls();
    let mut running = tokio::task::JoinSet::new();
    for proof in proofs {
        let owner = owner.clone();
        running.spawn(async move { owner.send("DELETE", "/v1/account", None, &[("x-step-up", &proof)]).await });
    }
    for answered in running.join_all().await {
        assert!(matches!(answered.status.as_u16(), 202 | 401 | 403 | 503), "{}", answered.status);
    }
    let jobs = world.dump("outbox").await;
    let count = |kind: &str| jobs.iter().filter(|job| job.get("kind").is_some_and(|k| k == kind)).count();
    assert_eq!((count("erase"), count("shred")), (1, 1));
    world.machine.emulators().set_faults(None);
    assert!(erased(&world, &owner.email).await);
}

#[tokio::test]
async fn rf_14_an_erasure_that_breaks_off_at_any_call_is_finished_all_the_same() {
    let faults = [Fault::LoseAnswer, Fault::Status(500)];
    for (seed, operation) in
        ["Query", "TransactWriteItems", "DeleteItem", "GetItem", "UpdateItem"].into_iter().enumerate()
    {
        for (number, fault) in faults.into_iter().enumerate() {
            for skipped in [0_u64, 2] {
                let world = World::seeded(2300 + u64::try_from(seed * 100 + number * 10).unwrap() + skipped);
                let mut owner = world.owner("leaver@example.org").await;
                owner.attaches_a_key().await;
                let user = id(&owner).await;
                assert_eq!(deletes(&owner).await.status, 202);
                world.faults.times(When::calls("shredder", operation), skipped, 2, Act::Fault(fault));
                assert!(
                    erased(&world, &owner.email).await,
                    "{operation} {fault:?} after {skipped}: {:#?}",
                    traces(&world, &[&user]).await
                );
                assert_eq!(
                    traces(&world, &[&user, "leaver@example.org"]).await,
                    [""; 0],
                    "{operation} {fault:?} {skipped}"
                );
            }
        }
    }
}

#[tokio::test]
async fn rf_23_an_account_is_not_called_erased_while_a_secret_cannot_be_deleted() {
    let world = World::seeded(2204);
    let mut owner = world.owner("leaver@example.org").await;
    owner.attaches_a_key().await;
    let user = id(&owner).await;
    assert_eq!(deletes(&owner).await.status, 202);
    world.faults.always(When::calls("shredder", "DeleteSecret"), Act::Fault(Fault::Throttle));
    assert!(!erased(&world, &owner.email).await);
    let left = traces(&world, &[&user]).await;
    assert!(left.iter().any(|item| item.contains("LEDGER#")), "its record stays: {left:#?}");
    assert!(left.iter().any(|item| item.contains("CONN#")), "and the connection that names it");
    world.faults.clear();
    assert!(erased(&world, &owner.email).await);
    assert_eq!(traces(&world, &[&user, "leaver@example.org"]).await, [""; 0]);
}

#[tokio::test]
async fn kx_4_the_key_of_a_deleted_account_can_be_attached_to_another() {
    let world = World::seeded(2205);
    let owner = world.owner("leaver@example.org").await;
    let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
    let form = json!({ "exchange": "paper", "label": "k", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [tests::world::PAIR] });
    owner.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
    let fingerprints = async || {
        world.dump("vault").await.iter().filter(|i| i["pk"].as_str().unwrap().starts_with("FINGERPRINT#")).count()
    };
    assert_eq!(fingerprints().await, 1);
    assert_eq!(deletes(&owner).await.status, 202);
    assert!(erased(&world, &owner.email).await);
    assert_eq!(fingerprints().await, 0);
}

#[tokio::test]
async fn st_1_a_deletion_needs_a_proof_and_a_session() {
    let world = World::seeded(2206);
    let owner = world.owner("leaver@example.org").await;
    assert_eq!(owner.delete("/v1/account").await.refused(), "step_up_required");
    let proof = owner.proof_for("DELETE", "/v1/account", b"").await;
    let body = owner.send("DELETE", "/v1/account", Some("{\"a\":1}"), &[("x-step-up", &proof)]).await;
    assert_eq!(body.refused(), "step_up_required", "another body");
    let me: Value = owner.get("/v1/me").await.ok();
    assert_eq!(me["email"], "leaver@example.org");
}
