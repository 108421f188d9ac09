//! A creating request that is repeated under its `Idempotency-Key` is answered again, and nothing is created twice:
//! whatever gets lost, however many ask at once, and whoever else knows the key.

use std::collections::{BTreeMap, BTreeSet};

use api::Route;
use api::routes::ALL;
use emulators::{Act, Fault, When};
use serde_json::{Value, json};
use tests::world::{Answered, Browser, Owner, PAIR, World, dca, fresh_key};
use tokio::task::JoinSet;

const AT_ONCE: usize = 50;

async fn owner(world: &World) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    owner
}
async fn post(who: &Browser, path: &str, body: &str, key: &str) -> Answered {
    who.send("POST", path, Some(body), &[("idempotency-key", key)]).await
}
async fn stepped_up(who: &Browser, path: &str, body: &Value, key: &str) -> Answered {
    let proof = who.step_up("POST", path, Some(body)).await.ok()["proof"].as_str().unwrap().to_owned();
    who.send("POST", path, Some(&body.to_string()), &[("x-step-up", &proof), ("idempotency-key", key)]).await
}
fn replayed(answered: &Answered) -> bool {
    answered.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}
/// How many there are of what the creating routes create.
async fn things(world: &World) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::from([("bots", 0), ("connections", 0), ("paper keys", 0), ("tokens", 0)]);
    for table in ["trading", "vault", "paper", "identity"] {
        for item in world.dump(table).await {
            let (pk, sk) = (item["pk"].as_str().unwrap().to_owned(), item["sk"].as_str().unwrap().to_owned());
            let kind = match table {
                "trading" if sk == "BOT" => "bots",
                "vault" if sk.starts_with("CONN#") => "connections",
                "paper" if pk.starts_with("KEY#") => "paper keys",
                "identity" if pk.starts_with("TOKEN#") => "tokens",
                _ => continue,
            };
            *found.get_mut(kind).unwrap() += 1;
        }
    }
    found
}
fn creating() -> Vec<&'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| route.creates()).collect()
}
/// A form that makes something, and what it makes. A new creating route is asked for here.
async fn form(owner: &Owner, route: &Route) -> (Value, &'static str) {
    match route.path() {
        "/v1/bots" => (dca(&owner.connection), "bots"),
        "/v1/paper/keys" => (json!({}), "paper keys"),
        "/v1/tokens" => (json!({ "name": "story", "scope": "read" }), "tokens"),
        "/v1/connections" => {
            let key = owner.post("/v1/paper/keys", &json!({})).await.ok();
            let form = json!({ "exchange": "paper", "label": "again", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [PAIR] });
            (form, "connections")
        }
        other => panic!("a new creating route: say what it takes: {other}"),
    }
}
async fn send(owner: &Owner, route: &Route, body: &Value, key: &str) -> Answered {
    match route.demands() {
        api::Policy::StepUp => stepped_up(owner, route.path(), body, key).await,
        api::Policy::Session | api::Policy::Public => post(owner, route.path(), &body.to_string(), key).await,
    }
}
/// Another path that wants a key and no proof.
fn elsewhere(route: &Route) -> &'static str {
    if route.path() == "/v1/bots" { "/v1/paper/keys" } else { "/v1/bots" }
}
fn function(route: &Route) -> &'static str {
    ALL.iter().find(|(_, known)| known == route).expect("a route").0
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_for_a_day_and_creates_nothing_more() {
    let world = World::seeded(901);
    let owner = owner(&world).await;
    for route in creating() {
        let (body, made) = form(&owner, route).await;
        let (key, before) = (fresh_key(), things(&world).await[made]);
        let first = send(&owner, route, &body, &key).await;
        assert_eq!((first.status.as_u16(), replayed(&first)), (201, false), "{}: {}", route.path(), first.body);
        assert_eq!(things(&world).await[made], before + 1);
        // No second proof is needed, and none is spent.
        let again = post(&owner, route.path(), &body.to_string(), &key).await;
        assert!(replayed(&again), "{}: {}", route.path(), again.body);
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{}", route.path());
        assert_eq!(again.headers["content-type"], first.headers["content-type"]);
        assert_eq!(again.headers["cache-control"], "no-store");
        // One byte more is another request.
        let other = format!("{body} ");
        assert_eq!(post(&owner, route.path(), &other, &key).await.refused(), "idempotency_key_reused");
        assert_eq!(post(&owner, elsewhere(route), &body.to_string(), &key).await.refused(), "idempotency_key_reused");
        assert_eq!(things(&world).await[made], before + 1, "{}", route.path());
    }
    world.no_call_was_refused();
}

#[tokio::test]
async fn after_a_day_a_key_is_new() {
    let world = World::seeded(902);
    let mut owner = owner(&world).await;
    let (key, body) = (fresh_key(), dca(&owner.connection).to_string());
    post(&owner, "/v1/bots", &body, &key).await.ok();
    world.clock.advance(24 * 3600 - 60);
    owner.signs_in().await;
    // The session is another: it is told that there is an answer, and not which.
    let answered = post(&owner, "/v1/bots", &body, &key).await;
    assert_eq!((answered.status.as_u16(), answered.refused()), (409, "idempotency_answered_elsewhere"));
    world.clock.advance(60);
    let anew = post(&owner, "/v1/bots", &body, &key).await;
    assert!(!replayed(&anew));
    anew.ok();
    assert_eq!(things(&world).await["bots"], 2);
}

#[tokio::test]
async fn a_creating_route_without_a_good_key_creates_nothing_and_spends_no_proof() {
    let world = World::seeded(903);
    let owner = owner(&world).await;
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    for route in creating() {
        let (body, _) = form(&owner, route).await;
        let before = things(&world).await;
        let text = body.to_string();
        let proof = owner.proof_for("POST", route.path(), text.as_bytes()).await;
        let base = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("x-step-up", &proof)];
        let long = "k".repeat(256);
        for (keys, code) in [
            (vec![], "idempotency_key_missing"),
            (vec![""], "idempotency_key_invalid"),
            (vec!["fifteen-letters"], "idempotency_key_invalid"),
            (vec![long.as_str()], "idempotency_key_invalid"),
            (vec!["with a blank inside"], "idempotency_key_invalid"),
            (vec!["sixteen-letters-\u{e9}"], "idempotency_key_invalid"),
            (vec!["one-key-of-a-story,another-key"], "idempotency_key_invalid"),
        ] {
            let mut headers = base.to_vec();
            headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
            let answered = owner.raw("POST", route.path(), text.clone().into_bytes(), &headers).await;
            assert_eq!((answered.status.as_u16(), answered.refused()), (400, code), "{} {keys:?}", route.path());
        }
        assert_eq!(things(&world).await, before);
        // The proof is still good.
        let mut headers = base.to_vec();
        let key = fresh_key();
        headers.push(("idempotency-key", &key));
        owner.raw("POST", route.path(), text.into_bytes(), &headers).await.ok();
    }
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_under_one_key_create_one() {
    let world = World::seeded(904);
    let owner = owner(&world).await;
    let body = dca(&owner.connection).to_string();
    let key = fresh_key();
    world.interleaves_calls();
    let mut running = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (owner, body, key) = (owner.clone(), body.clone(), key.clone());
        running.spawn(async move { post(&owner, "/v1/bots", &body, &key).await });
    }
    let (mut ids, mut met) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    while let Some(answered) = running.join_next().await {
        let answered = answered.expect("an answer");
        if answered.status == 201 {
            ids.insert(answered.body["id"].as_str().unwrap().to_owned());
            *met.entry("201".into()).or_default() += 1;
        } else {
            assert_eq!(answered.refused(), "idempotency_in_flight", "{}", answered.body);
            assert!(answered.headers.contains_key("retry-after"));
            *met.entry("409".into()).or_default() += 1;
        }
    }
    assert_eq!((ids.len(), things(&world).await["bots"]), (1, 1), "{met:?}");
    assert!(met["201"] >= 1, "{met:?}");
    world.no_call_was_refused();
}

#[tokio::test]
async fn anothers_key_is_another_key() {
    let world = World::seeded(905);
    let (mine, theirs) = (owner(&world).await, world.owner("other@example.org").await);
    let key = fresh_key();
    let first = post(&mine, "/v1/paper/keys", "{}", &key).await.ok();
    let second = post(&theirs, "/v1/paper/keys", "{}", &key).await;
    assert!(!replayed(&second));
    assert_ne!(first["api_key"], second.ok()["api_key"]);
}

#[tokio::test]
async fn pr_11_an_answer_is_shown_to_no_dead_session_to_no_other_and_to_nobody_after_a_reset() {
    let world = World::seeded(906);
    let mut owner = owner(&world).await;
    let key = fresh_key();
    post(&owner, "/v1/paper/keys", "{}", &key).await.ok();
    let before = things(&world).await;
    let (old, mut second) = (owner.clone(), owner.clone());
    // A browser of its own: a sign-in ends the session that it shows (LG-3).
    second.token = None;
    second.signs_in().await;
    // Another session of the same owner.
    let elsewhere = post(&second, "/v1/paper/keys", "{}", &key).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.refused()), (409, "idempotency_answered_elsewhere"));
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    assert_eq!(post(&old, "/v1/paper/keys", "{}", &key).await.refused(), "no_session");
    owner.signs_in().await;
    let after = post(&owner, "/v1/paper/keys", "{}", &key).await;
    assert_eq!((after.status.as_u16(), after.refused()), (409, "idempotency_answered_elsewhere"));
    // What was only claimed before the reset is not gone on with after it either.
    assert_eq!(things(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_answer_of_a_table_is_lost_nothing_is_created_twice() {
    // Side by side: the SDK waits between its attempts.
    let faults = [Fault::LoseAnswer, Fault::DropRequest, Fault::Status(500)];
    let unclear = JoinSet::from_iter(faults.map(repeats_after)).join_all().await.into_iter().sum::<usize>();
    assert!(unclear > 6, "the faults met the request: {unclear}");
}
/// Breaks every call of a request in turn; how many requests were left without an answer.
async fn repeats_after(fault: Fault) -> usize {
    let world = World::seeded(907);
    let owner = owner(&world).await;
    let body = dca(&owner.connection).to_string();
    let (mut bots, mut unclear) = (0, 0);
    // Every call of the request in turn: claimed, created, finished. All of the SDK's own attempts meet the fault.
    for operation in ["PutItem", "UpdateItem", "GetItem"] {
        for nth in 0..4 {
            let key = fresh_key();
            world.faults.times(When::calls("bots", operation), nth, 12, Act::Fault(fault));
            let broken = post(&owner, "/v1/bots", &body, &key).await;
            world.faults.clear();
            let what = format!("{fault:?} {operation} {nth}: {} {}", broken.status, broken.body);
            unclear += usize::from(broken.status.is_server_error());
            assert!([201, 503].contains(&broken.status.as_u16()), "{what}");
            // The client repeats until there is an answer.
            let mut answered = post(&owner, "/v1/bots", &body, &key).await;
            if answered.status == 409 {
                assert_eq!(answered.refused(), "idempotency_in_flight", "{what}");
                world.clock.advance(61);
                answered = post(&owner, "/v1/bots", &body, &key).await;
            }
            assert_eq!(answered.status.as_u16(), 201, "{what}, then {}", answered.body);
            bots += 1;
            assert_eq!(things(&world).await["bots"], bots, "{what}");
            if broken.status == 201 {
                assert_eq!(broken.body["id"], answered.body["id"], "{what}");
            }
        }
    }
    world.no_call_was_refused();
    unclear
}

#[tokio::test]
async fn a_claim_whose_holder_died_is_taken_over_after_its_lease_and_names_the_same_creation() {
    for route in creating() {
        let world = World::seeded(908);
        let owner = owner(&world).await;
        let (body, made) = form(&owner, route).await;
        let (key, before) = (fresh_key(), things(&world).await[made]);
        // It dies when all was done but the keeping of its answer.
        world
            .faults
            .always(When::calls(function(route), "UpdateItem").with_body("#answer"), Act::Fault(Fault::DropRequest));
        let first = send(&owner, route, &body, &key).await.ok();
        world.faults.clear();
        assert_eq!(things(&world).await[made], before + 1);
        let early = send(&owner, route, &body, &key).await;
        assert_eq!((early.status.as_u16(), early.refused()), (409, "idempotency_in_flight"), "{}", route.path());
        world.clock.advance(61);
        let second = send(&owner, route, &body, &key).await;
        assert_eq!(second.status.as_u16(), 201, "{}: {}", route.path(), second.body);
        assert!(!replayed(&second), "{}", route.path());
        assert_eq!(things(&world).await[made], before + 1, "{}", route.path());
        match made {
            // A token's text is shown once: a repetition makes the token anew.
            "tokens" => assert_ne!(second.body["secret"], first["secret"]),
            _ => assert_eq!(second.body, first, "{}", route.path()),
        }
        assert!(replayed(&post(&owner, route.path(), &body.to_string(), &key).await));
        world.no_call_was_refused();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_take_over_at_once_one_does() {
    let world = World::seeded(909);
    let owner = owner(&world).await;
    let (key, body) = (fresh_key(), dca(&owner.connection).to_string());
    world.faults.always(When::calls("bots", "UpdateItem").with_body("#answer"), Act::Fault(Fault::DropRequest));
    let first = post(&owner, "/v1/bots", &body, &key).await.ok();
    world.faults.clear();
    world.clock.advance(61);
    world.interleaves_calls();
    let mut running = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (owner, body, key) = (owner.clone(), body.clone(), key.clone());
        running.spawn(async move { post(&owner, "/v1/bots", &body, &key).await });
    }
    while let Some(answered) = running.join_next().await {
        let answered = answered.expect("an answer");
        match answered.status.as_u16() {
            201 => assert_eq!(answered.body["id"], first["id"]),
            _ => assert_eq!(answered.refused(), "idempotency_in_flight", "{}", answered.body),
        }
    }
    assert_eq!(things(&world).await["bots"], 1);
}

#[tokio::test]
async fn a_refusal_that_may_be_repeated_gives_the_key_back_and_a_final_one_is_kept() {
    let world = World::seeded(910);
    let owner = owner(&world).await;
    let key = fresh_key();
    let (body, _) = form(&owner, &api::routes::ATTACH_CONNECTION).await;
    // Without a proof, then with one.
    let refused = post(&owner, "/v1/connections", &body.to_string(), &key).await;
    assert_eq!(refused.refused(), "step_up_required");
    stepped_up(&owner, "/v1/connections", &body, &key).await.ok();
    // Final: the same again, and marked.
    let key = fresh_key();
    for nth in 0..2 {
        let answered = post(&owner, "/v1/bots", "{}", &key).await;
        assert_eq!((answered.status.as_u16(), answered.refused()), (422, "invalid_fields"));
        assert_eq!(replayed(&answered), nth == 1);
        assert_eq!(answered.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn kx_5_a_dump_holds_neither_key_nor_body_nor_answer_nor_token() {
    let world = World::seeded(911);
    let owner = owner(&world).await;
    let mut canaries = vec![owner.token.clone().unwrap()];
    for route in creating() {
        let (body, _) = form(&owner, route).await;
        let key = format!("canary-key-{}", fresh_key());
        let answered = send(&owner, route, &body, &key).await.ok();
        canaries.push(key);
        for value in [&body["api_secret"], &answered["api_secret"], &answered["secret"], &answered["token"]["secret"]] {
            canaries.extend(value.as_str().map(str::to_owned));
        }
    }
    assert!(canaries.len() >= 1 + 2 * creating().len() - 1, "{canaries:?}");
    let kept: Vec<_> = world
        .dump("identity")
        .await
        .into_iter()
        .filter(|item| item["pk"].as_str().unwrap().starts_with("IDEMPOTENCY#"))
        .collect();
    assert!(kept.len() >= creating().len() && kept.iter().all(|item| item["ttl"].is_number()), "{kept:?}");
    let dump = format!("{:?}", world.dump("identity").await);
    for canary in canaries {
        assert!(!dump.contains(&canary), "{canary}");
        for encoded in [
            data_encoding::BASE64.encode(canary.as_bytes()),
            data_encoding::BASE64URL_NOPAD.encode(canary.as_bytes()),
            data_encoding::HEXLOWER.encode(canary.as_bytes()),
        ] {
            assert!(!dump.contains(&encoded), "{canary} encoded");
        }
    }
}
