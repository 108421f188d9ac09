//! API tokens: made with all factors, shown once, dead with what they were made under.

use account::token::{Purpose, TokenHash, new_api_token};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Table;
use store::entity::api_token::list_key;

use crate::world::{Answered, Call, EMAIL, PASSWORD, World, call, post};

/// A verified account with a session.
struct Owner {
    user: account::UserId,
    session: String,
}

async fn owner(world: &World, email: &str) -> Owner {
    let user = world.account(email).await;
    world.set(&format!("USER#{user}"), "STATE", "email_verified", AttributeValue::Bool(true)).await;
    let session = world.log_in(email).await.session();
    Owner { user, session }
}
fn form() -> Value {
    json!({ "name": "watch-list", "scope": "read" })
}
async fn proof(world: &World, session: &str, body: &str) -> String {
    let form = json!({ "method": "POST", "path": "/v1/tokens", "body_sha256": hex::encode(Sha256::digest(body)), "password": PASSWORD });
    world.send(post("/v1/step-up", &form).bearer(session)).await.json()["proof"].as_str().expect("a proof").to_owned()
}
/// The making of one, with its proof.
async fn making(world: &World, session: &str, form: &Value) -> Call {
    let body = form.to_string();
    let proof = proof(world, session, &body).await;
    call("POST", "/v1/tokens")
        .raw("application/json", &body)
        .bearer(session)
        .header("x-step-up", &proof)
        .header("idempotency-key", &proof)
}
async fn make(world: &World, session: &str, form: &Value) -> Answered {
    world.send(making(world, session, form).await).await
}
fn secret(made: &Answered) -> String {
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()["secret"].as_str().expect("a secret").to_owned()
}
fn id(made: &Answered) -> String {
    made.json()["token"]["id"].as_str().expect("an id").to_owned()
}
/// What a live token of scope read gets from a route that wants a person, and what a dead one gets.
async fn lives(world: &World, token: &str) -> bool {
    let answered = world.send(call("GET", "/v1/sessions").bearer(token)).await;
    match answered.code().as_str() {
        "session_required" => true,
        "no_session" => false,
        other => panic!("{other}"),
    }
}
async fn listed(world: &World, session: &str) -> Vec<Value> {
    let listed = world.send(call("GET", "/v1/tokens").bearer(session)).await;
    assert_eq!(listed.status, 200);
    listed.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn st_1_a_token_is_made_with_a_proof_shown_once_and_told_by_mail() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let without =
        post("/v1/tokens", &form()).bearer(&owner.session).header("idempotency-key", "a-request-without-a-proof");
    world.send(without).await.refused(403, "step_up_required");
    let bot = "bot_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let wanted = json!({ "name": "grid (phone)", "scope": "trade", "bots": [bot], "expires_in_days": 7 });
    let made = make(&world, &owner.session, &wanted).await;
    let token = secret(&made);
    assert!(token.starts_with("shp_") && token.len() == 4 + 43, "a recognisable prefix and 256 bits");
    let shown = &made.json()["token"];
    assert_eq!(
        (&shown["name"], &shown["scope"], &shown["bots"]),
        (&"grid (phone)".into(), &"trade".into(), &json!([bot]))
    );
    let items = listed(&world, &owner.session).await;
    assert_eq!(items, std::slice::from_ref(shown));
    assert_eq!(shown["expires_at"], world.now().plus_seconds(7 * 86_400).to_string());
    assert_eq!(world.mails().await.get("token_made"), Some(&1));
    assert!(world.events(owner.user).await.contains(&"token_made".to_owned()));
    // Nothing that is stored, mailed or listed opens anything: the text is in the one answer alone.
    let hash = TokenHash::of(Purpose::ApiToken, &token);
    for table in ["identity", "outbox"] {
        let dump = world.dump(table).await;
        assert!(!dump.contains(&token) && !dump.contains(&token[4..]), "{table}");
        assert_eq!(dump.contains(hash.as_str()), table == "identity", "{table} holds the hash alone");
    }
    assert!(!json!(items).to_string().contains(&token[4..]));
    world.send(call("GET", "/v1/sessions").bearer(hash.as_str())).await.refused(401, "no_session");
    world.send(call("GET", "/v1/sessions").bearer(&format!("shp_{}", hash.as_str()))).await.refused(401, "no_session");
}

#[tokio::test]
async fn ev_4_an_unverified_account_makes_no_token() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let session = world.log_in(EMAIL).await.session();
    make(&world, &session, &form()).await.refused(403, "email_not_verified");
    assert!(!world.dump("identity").await.contains("TOKEN#"));
    // The flag falls between the check and the commit: the commit asks again.
    world.set(&format!("USER#{user}"), "STATE", "email_verified", AttributeValue::Bool(true)).await;
    make(&world, &session, &form()).await;
    assert_eq!(listed(&world, &session).await.len(), 1);
}

#[tokio::test]
async fn lg_4_a_token_reaches_nothing_that_needs_a_person() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let made = make(&world, &owner.session, &json!({ "name": "all", "scope": "trade" })).await;
    let token = secret(&made);
    let body = form().to_string();
    let proof = proof(&world, &owner.session, &body).await;
    for (function, route) in api::routes::ALL {
        if *function != "login" || route.tokens() != api::Tokens::Refused || route.demands() == api::Policy::Public {
            continue;
        }
        let path = route.path().replace("{id}", &id(&made));
        let asked = call(route.method(), &path)
            .raw("application/json", &body)
            .bearer(&token)
            .header("x-step-up", &proof)
            .header("idempotency-key", "the-key-of-two-request");
        world.send(asked).await.refused(403, "session_required");
    }
    // Nor is it a session in another guise.
    world.send(call("GET", "/v1/sessions").cookie(&token)).await.refused(401, "no_session");
    assert_eq!(listed(&world, &owner.session).await.len(), 1);
    // The proof of a person was not spent on the way.
    let still = call("POST", "/v1/tokens").raw("application/json", &body).bearer(&owner.session);
    secret(&world.send(still.header("x-step-up", &proof).header("idempotency-key", "the-key-of-three-request")).await);
}

#[tokio::test]
async fn pr_11_a_token_dies_with_the_epoch_and_the_credentials_it_was_made_under() {
    for counter in ["trade_epoch", "cred_version"] {
        let world = World::new();
        let owner = owner(&world, EMAIL).await;
        let token = secret(&make(&world, &owner.session, &form()).await);
        assert!(lives(&world, &token).await);
        world.raise(owner.user, counter).await;
        assert!(!lives(&world, &token).await, "{counter}");
        // Nothing can bring it back, so it is not shown and takes nobody's place.
        let session = world.log_in(EMAIL).await.session();
        assert!(listed(&world, &session).await.is_empty(), "{counter}");
    }
}

#[tokio::test]
async fn pr_11_a_change_between_the_check_and_the_commit_leaves_no_token() {
    for (counter, value) in [("trade_epoch", 7), ("cred_version", 7), ("session_gen", 7)] {
        let world = World::new();
        let owner = owner(&world, EMAIL).await;
        let call = making(&world, &owner.session, &form()).await;
        let gate = world.pause_before("TransactWriteItems");
        let waiting = {
            let world = world.clone();
            tokio::spawn(async move { world.send(call).await })
        };
        gate.reached().await;
        world.set(&format!("USER#{}", owner.user), "STATE", counter, AttributeValue::N(value.to_string())).await;
        gate.open();
        waiting.await.unwrap().refused(401, "no_session");
        world.recover();
        assert!(!world.dump("identity").await.contains("TOKEN#"), "{counter}");
    }
}

#[tokio::test]
async fn a_token_lives_until_its_last_second() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let token =
        secret(&make(&world, &owner.session, &json!({ "name": "short", "scope": "read", "expires_in_days": 1 })).await);
    world.advance_ms(86_400_000 - 1_000);
    assert!(lives(&world, &token).await);
    world.advance_ms(1_000);
    assert!(!lives(&world, &token).await);
    world.advance_ms(1_000);
    assert!(!lives(&world, &token).await);
}

#[tokio::test]
async fn pr_11_a_revoked_token_is_refused_on_the_very_next_request() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let (one, other) = (make(&world, &owner.session, &form()).await, make(&world, &owner.session, &form()).await);
    let revoke = |id: String, session: String| call("DELETE", &format!("/v1/tokens/{id}")).bearer(&session);
    let answers = world.at_once((0..5).map(|_| revoke(id(&one), owner.session.clone()))).await;
    assert_eq!(answers.iter().filter(|answered| answered.status == 204).count(), 1, "{answers:?}");
    assert!(!lives(&world, &secret(&one)).await);
    assert!(lives(&world, &secret(&other)).await);
    assert_eq!(world.mails().await.get("token_revoked"), Some(&1));
    assert!(world.events(owner.user).await.contains(&"token_revoked".to_owned()));
    revoke(id(&one), owner.session.clone());
    world.send(revoke(id(&one), owner.session.clone())).await.refused(404, "not_found");
}

/// A repeated making puts another text in the place of the first one's; the revocation has read the first one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_11_a_token_whose_text_is_replaced_while_it_is_revoked_is_not_left_alive() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let made = make(&world, &owner.session, &form()).await;
    let gate = world.pause_before("TransactWriteItems");
    let revoking = {
        let (world, session, id) = (world.clone(), owner.session.clone(), id(&made));
        tokio::spawn(async move { world.send(call("DELETE", &format!("/v1/tokens/{id}")).bearer(&session)).await })
    };
    gate.reached().await;
    let first = TokenHash::of(Purpose::ApiToken, &secret(&made));
    let token = world.store.find_api_token(&first).await.unwrap().unwrap();
    let left = world.store.read(Table::Identity, &list_key(owner.user, token.id)).await.unwrap();
    let again = new_api_token([7; 32]);
    let writes = token.writes(&again.hash, left.as_ref()).unwrap();
    world.store.transact("again", &writes).await.unwrap();
    // EXPOSE: the program that repeated the making got it.
    let again = again.text.expose(String::clone);
    assert!(lives(&world, &again).await && !lives(&world, &secret(&made)).await);
    gate.open();
    assert_eq!(revoking.await.unwrap().status, 204);
    assert!(!lives(&world, &again).await && !lives(&world, &secret(&made)).await);
    assert!(listed(&world, &owner.session).await.is_empty());
    assert_eq!(world.mails().await.get("token_revoked"), Some(&1));
}

#[tokio::test]
async fn ss_8_anothers_token_is_not_found_and_not_listed() {
    let world = World::new();
    let (mine, theirs) = (owner(&world, EMAIL).await, owner(&world, "other@example.com").await);
    let made = make(&world, &theirs.session, &form()).await;
    let foreign = world.send(call("DELETE", &format!("/v1/tokens/{}", id(&made))).bearer(&mine.session)).await;
    let absent = world.send(call("DELETE", "/v1/tokens/tok_01ARZ3NDEKTSV4RRFFQ69G5FAV").bearer(&mine.session)).await;
    assert_eq!(foreign.refused(404, "not_found"), &absent);
    assert!(listed(&world, &mine.session).await.is_empty());
    assert!(lives(&world, &secret(&made)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_makings_at_once_leave_at_most_twenty_tokens() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(making(&world, &owner.session, &form()).await);
    }
    let answers = world.at_once(calls).await;
    let made = answers.iter().filter(|answered| answered.status == 201).count();
    let items = listed(&world, &owner.session).await;
    assert_eq!(items.len(), made);
    assert!(made <= 20, "{made}");
    for refused in answers.iter().filter(|answered| answered.status != 201) {
        assert!(["tokens_full", "try_again"].contains(&refused.code().as_str()), "{}", refused.json());
    }
    // One after the other up to the limit, and one place for each that goes.
    for _ in made..20 {
        secret(&make(&world, &owner.session, &form()).await);
    }
    make(&world, &owner.session, &form()).await.refused(409, "tokens_full");
    let gone = format!("/v1/tokens/{}", items[0]["id"].as_str().unwrap());
    assert_eq!(world.send(call("DELETE", &gone).bearer(&owner.session)).await.status, 204);
    secret(&make(&world, &owner.session, &form()).await);
    make(&world, &owner.session, &form()).await.refused(409, "tokens_full");
}

#[tokio::test]
async fn ss_1_a_token_costs_two_reads_and_its_use_is_noted_once_a_minute() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let token = secret(&make(&world, &owner.session, &form()).await);
    world.trace();
    assert!(lives(&world, &token).await);
    assert_eq!(world.trace(), [("GetItem".to_owned(), 2), ("UpdateItem".to_owned(), 1)].into());
    world.advance_ms(60_000);
    assert!(lives(&world, &token).await);
    assert_eq!(world.trace(), [("GetItem".to_owned(), 2)].into());
    let first = world.now().plus_ms(-60_000).to_string();
    assert_eq!(listed(&world, &owner.session).await[0]["last_used_at"], first);
    world.advance_ms(1);
    world.trace();
    assert!(lives(&world, &token).await);
    assert_eq!(world.trace().get("UpdateItem"), Some(&1));
}

#[tokio::test]
async fn a_form_that_makes_no_sense_is_refused_field_by_field() {
    let world = World::new();
    let owner = owner(&world, EMAIL).await;
    let bot = "bot_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (field, value, pointer) in [
        ("name", json!(""), "/name"),
        ("name", json!("x".repeat(61)), "/name"),
        ("name", json!("a\nb"), "/name"),
        ("name", json!(" a"), "/name"),
        ("name", json!("https://evil.example/"), "/name"),
        ("scope", json!("admin"), "/scope"),
        ("expires_in_days", json!(0), "/expires_in_days"),
        ("expires_in_days", json!(366), "/expires_in_days"),
        ("bots", json!([]), "/bots"),
        ("bots", json!([bot, bot]), "/bots/1"),
        ("bots", json!(["con_01ARZ3NDEKTSV4RRFFQ69G5FAV"]), "/bots/0"),
        ("bots", json!(["nonsense"]), "/bots/0"),
    ] {
        let mut form = form();
        form[field] = value.clone();
        let refused = make(&world, &owner.session, &form).await;
        refused.refused(422, "invalid_fields");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{value}");
    }
    assert!(listed(&world, &owner.session).await.is_empty());
    for days in [1, 365] {
        secret(&make(&world, &owner.session, &json!({ "name": "a", "scope": "read", "expires_in_days": days })).await);
    }
}
