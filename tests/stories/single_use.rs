//! Fifty at once: one code, one link, one success. Through the HTTP router, on as many threads as there are.

use std::collections::BTreeMap;
use std::future::Future;

use serde_json::{Value, json};
use tests::world::{Answered, Browser, Owner, World, newest_token};
use tokio::task::JoinSet;

const AT_ONCE: usize = 50;

/// Runs them side by side, each taking turns at every call; how often each status and code came.
async fn at_once<F>(world: &World, requests: impl IntoIterator<Item = F>) -> BTreeMap<String, usize>
where
    F: Future<Output = Answered> + Send + 'static,
{
    world.interleaves_calls();
    let mut running = JoinSet::new();
    for request in requests {
        running.spawn(request);
    }
    let mut answers = BTreeMap::new();
    while let Some(answered) = running.join_next().await {
        let answered = answered.expect("an answer");
        let name = if answered.status.is_success() {
            "success".to_owned()
        } else {
            format!("{} {}", answered.status.as_u16(), answered.refused())
        };
        *answers.entry(name).or_default() += 1;
    }
    assert_eq!(answers.values().sum::<usize>(), AT_ONCE);
    answers
}
#[track_caller]
fn one_success(answers: &BTreeMap<String, usize>) {
    assert_eq!(answers.get("success"), Some(&1), "{answers:?}");
    assert!(
        answers.keys().all(|name| name == "success" || name.starts_with('4') || name == "503 try_again"),
        "a refusal, not a breakdown: {answers:?}"
    );
}
fn post(browser: &Browser, path: &str, form: Value) -> impl Future<Output = Answered> + Send + 'static {
    let (browser, path) = (browser.clone(), path.to_owned());
    async move { browser.post(&path, &form).await }
}

async fn owner_with_a_factor(world: &World) -> (Owner, Vec<String>) {
    let mut owner = world.owner("owner@example.org").await;
    let codes = owner.adds_a_factor().await;
    (owner, codes)
}
async fn challenge(owner: &Owner) -> String {
    let form = json!({ "email": owner.email, "password": owner.password });
    owner.post("/v1/login", &form).await.ok()["challenge"]["id"].as_str().expect("a challenge").to_owned()
}
/// As many challenges as can wait at once: RL-2 makes each wait for the last, and the first lives five minutes.
async fn challenges(owner: &Owner) -> Vec<String> {
    let mut challenges = Vec::new();
    for nth in 0..40 {
        owner.clock.advance(match nth {
            0..=2 => 1,
            3..=8 => 3,
            9..=24 => 5,
            _ => 10,
        });
        challenges.push(challenge(owner).await);
    }
    challenges
}
async fn items(world: &World, prefix: &str) -> usize {
    world
        .dump("identity")
        .await
        .into_iter()
        .filter(|item| {
            item["pk"].as_str().is_some_and(|pk| pk.starts_with(prefix))
                || item["sk"].as_str().is_some_and(|sk| sk.starts_with(prefix))
        })
        .count()
}
async fn user(world: &World) -> BTreeMap<String, Value> {
    world
        .dump("identity")
        .await
        .into_iter()
        .find(|item| item["pk"].as_str().is_some_and(|pk| pk.starts_with("USER#")) && item.contains_key("cred_version"))
        .expect("the user")
}

#[tokio::test(flavor = "multi_thread")]
async fn tp_5_one_code_opens_one_session_however_many_challenges_wait() {
    let world = World::seeded(51);
    let (owner, _) = owner_with_a_factor(&world).await;
    let challenges = challenges(&owner).await;
    let (before, sessions) = (user(&world).await, items(&world, "SESSION#").await);
    let code = owner.fresh_code();
    let answers = at_once(
        &world,
        challenges
            .iter()
            .cycle()
            .take(AT_ONCE)
            .map(|id| post(&owner, "/v1/login/second-factor", json!({ "challenge": id, "totp": code }))),
    )
    .await;
    one_success(&answers);
    assert_eq!(user(&world).await, before, "nothing else changed");
    assert!(items(&world, "SESSION#").await <= sessions + 1);
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn lg_2_one_challenge_opens_one_session_however_often_it_is_answered() {
    let world = World::seeded(52);
    let (owner, _) = owner_with_a_factor(&world).await;
    owner.clock.advance(1);
    let id = challenge(&owner).await;
    let code = owner.fresh_code();
    one_success(
        &at_once(
            &world,
            (0..AT_ONCE).map(|_| post(&owner, "/v1/login/second-factor", json!({ "challenge": id, "totp": code }))),
        )
        .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tp_5_one_code_gives_one_step_up() {
    let world = World::seeded(53);
    let (owner, _) = owner_with_a_factor(&world).await;
    let form = json!({ "method": "POST", "path": "/v1/connections", "body_sha256": "0".repeat(64), "password": owner.password, "totp": owner.fresh_code() });
    let proofs = items(&world, "PROOF#").await;
    one_success(&at_once(&world, (0..AT_ONCE).map(|_| post(&owner, "/v1/step-up", form.clone()))).await);
    assert_eq!(items(&world, "PROOF#").await, proofs + 1, "one proof is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn st_1_one_proof_lets_one_request_in() {
    let world = World::seeded(54);
    let (owner, _) = owner_with_a_factor(&world).await;
    let proof = owner.step_up("POST", "/v1/second-factors/recovery-codes", Some(&json!({}))).await.ok()["proof"]
        .as_str()
        .expect("a proof")
        .to_owned();
    one_success(
        &at_once(
            &world,
            (0..AT_ONCE).map(|_| {
                let (owner, proof) = (owner.clone(), proof.clone());
                async move {
                    owner.send("POST", "/v1/second-factors/recovery-codes", Some("{}"), &[("x-step-up", &proof)]).await
                }
            }),
        )
        .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rc_2_one_recovery_code_opens_one_session_and_the_other_nine_stay() {
    let world = World::seeded(55);
    let (owner, codes) = owner_with_a_factor(&world).await;
    let challenges = challenges(&owner).await;
    let answers =
        at_once(
            &world,
            challenges.iter().cycle().take(AT_ONCE).map(|id| {
                post(&owner, "/v1/login/second-factor", json!({ "challenge": id, "recovery_code": codes[0] }))
            }),
        )
        .await;
    one_success(&answers);
    assert_eq!(items(&world, "RECOVERY#").await, codes.len() - 1);
    owner.clock.advance(10);
    let id = challenge(&owner).await;
    assert!(
        post(&owner, "/v1/login/second-factor", json!({ "challenge": id, "recovery_code": codes[1] }))
            .await
            .status
            .is_success(),
        "the next one works"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pr_8_one_reset_link_resets_once() {
    let world = World::seeded(56);
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    let reset = owner.prepares_a_reset(&world, "eleven copper kettles whistling").await;
    let before = user(&world).await;
    one_success(
        &at_once(
            &world,
            (0..AT_ONCE).map(|nth| {
                let mut form = reset.clone();
                form["password"] = json!(format!("eleven copper kettles whistling {nth}"));
                post(&owner, "/v1/password-reset/complete", form)
            }),
        )
        .await,
    );
    let after = user(&world).await;
    for counter in ["cred_version", "session_gen", "trade_epoch"] {
        assert_eq!(after[counter].as_i64(), before[counter].as_i64().map(|n| n + 1), "{counter} rose once");
    }
    world.drain().await;
    let notices =
        world.mails_to(&owner.email).iter().filter(|text| text.contains("Your password was reset at")).count();
    assert_eq!(notices, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pr_8_one_reset_link_and_one_code_reset_once() {
    let world = World::seeded(57);
    let (mut owner, _) = owner_with_a_factor(&world).await;
    let reset = owner.prepares_a_reset(&world, "eleven copper kettles whistling").await;
    one_success(
        &at_once(&world, (0..AT_ONCE).map(|_| post(&owner, "/v1/password-reset/complete", reset.clone()))).await,
    );
    owner.password = "eleven copper kettles whistling".into();
    owner.signs_in().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ev_1_one_mailed_token_verifies_once() {
    let world = World::seeded(58);
    let browser = world.stranger("owner@example.org");
    browser.post("/v1/signup", &json!({ "email": browser.email, "password": browser.password })).await.ok();
    world.drain().await;
    let token = newest_token(&world, &browser.email, "verify?token=");
    one_success(
        &at_once(&world, (0..AT_ONCE).map(|_| post(&browser, "/v1/signup/verify", json!({ "token": token })))).await,
    );
    assert!(browser.clone().log_in().await.status.is_success());
}
