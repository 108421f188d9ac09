//! `POST /v1/paper/keys` over HTTP, behind the session check.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod world;

use account::SessionGeneration;
use account::id::SessionId;
use account::token::{Purpose, TokenHash};
use axum::body::Body;
use function_paper_exchange::with_own_routes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::entity::session::Session;
use store::entity::user::{self, User};
use store::{Table, Write};
use tower::ServiceExt;
use world::World;

async fn post(router: &axum::Router, token: Option<&str>, body: &str) -> (u16, Value) {
    let mut request = http::Request::post("/v1/paper/keys")
        .header("content-type", "application/json")
        .header("idempotency-key", format!("a-key-of-a-test-{}", hex::encode(body)));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_session_makes_keys_and_everybody_else_does_not() {
    let world = World::open().await;
    let store = world.deps.store.clone();
    let (owner, hash) = (User::new(World::user(9)), TokenHash::of(Purpose::Session, "token"));
    let session = Session::starting(
        SessionId::new(ulid::Ulid(1)),
        owner.id,
        SessionGeneration::FIRST,
        false,
        world.deps.clock.now(),
    );
    let [session, listed] = session.writes(&hash);
    let writes = [session, listed, Write::put(Table::Identity, user::key(owner.id), owner.to_row())];
    assert!(store.transact("session", &writes).await.is_ok());
    let gate = api::Gate {
        store,
        clock: world.deps.clock.clone(),
        entropy: world.deps.entropy.clone(),
        allowed_origin: "https://shearpin.test".into(),
    };
    let router = with_own_routes(gate, world.deps.clone());

    let (status, problem) = post(&router, None, "{}").await;
    assert_eq!((status, &problem["code"]), (401, &json!("no_session")));
    let (status, problem) = post(&router, Some("token"), r#"{"balance": {}}"#).await;
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("unknown_field")));
    let (status, problem) = post(&router, Some("token"), r#"{"balances": {"USDT": 5}}"#).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/balances/USDT")));
    let (status, problem) = post(&router, Some("token"), r#"{"balances": {"USDT": "-5", "us/d": "1"}}"#).await;
    assert_eq!((status, &problem["errors"][1]["pointer"]), (422, &json!("/balances/us~1d")));
    let (status, key) = post(&router, Some("token"), r#"{"permissions": {}, "ip_restrict": false}"#).await;
    assert_eq!(status, 201);
    assert_eq!((key["api_key"].as_str().unwrap().len(), key["api_secret"].as_str().unwrap().len()), (64, 64));
    assert_ne!(key["api_key"], key["api_secret"]);
    // The same Lambda serves the exchange.
    let ping = router.oneshot(http::Request::get("/api/v3/ping").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(ping.status(), 200);
}
