//! The HTTP side of the world: requests to the function's router, and an exchange that answers the permission question.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every test file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

use std::sync::{Arc, Mutex};

use aws_lambda_events::event::dynamodb::Event;
use exchange::{Endpoint, Parts};
use hmac::{KeyInit, Mac};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::Digest;
use tower::ServiceExt;
use wire::{Answer, Limits, Sent, Transport};

use crate::world::{Owner, World};

pub const SECRET: &str = "canary-secret-5d21";

/// Answers as Binance does, for keys that all have the same secret.
#[derive(Debug)]
pub struct Venue {
    pub restrictions: Mutex<Value>,
    pub asked: Mutex<Vec<Endpoint>>,
    pub silent: Mutex<bool>,
}

impl Venue {
    pub fn new() -> Arc<Self> {
        let good = json!({
            "ipRestrict": true, "createTime": 1_698_645_219_000_i64, "enableReading": true, "enableSpotAndMarginTrading": true,
            "enableWithdrawals": false, "enableInternalTransfer": false, "permitsUniversalTransfer": false, "enableMargin": false,
            "enableFutures": false, "enableVanillaOptions": false, "enablePortfolioMarginTrading": false, "enableFixApiTrade": false,
        });
        Arc::new(Self { restrictions: Mutex::new(good), asked: Mutex::default(), silent: Mutex::new(false) })
    }
    pub fn says(&self, field: &str, value: Value) {
        self.restrictions.lock().unwrap()[field] = value;
    }
    fn answer(&self, parts: &Parts) -> (u16, Value) {
        if parts.endpoint == Endpoint::ServerTime {
            return (200, json!({ "serverTime": 1_764_000_000_000_i64 }));
        }
        let query = parts.query.expose(String::clone);
        let (signed, signature) = query.rsplit_once("&signature=").unwrap();
        let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())
            .unwrap()
            .chain_update(signed.as_bytes())
            .finalize();
        if hex::encode(mac.into_bytes()) != signature {
            return (400, json!({ "code": -1022, "msg": "Signature for this request is not valid." }));
        }
        if parts.headers.iter().any(|(_, v)| v.expose(|v| v == "unknown-key")) {
            return (401, json!({ "code": -2015, "msg": "Invalid API-key, IP, or permissions for action." }));
        }
        (200, self.restrictions.lock().unwrap().clone())
    }
}
#[async_trait::async_trait]
impl Transport for Venue {
    async fn send(&self, _: &str, parts: Parts, _: Limits) -> Sent {
        self.asked.lock().unwrap().push(parts.endpoint);
        if *self.silent.lock().unwrap() {
            return Sent::Unknown { why: "no answer".into() };
        }
        let (status, body) = self.answer(&parts);
        Sent::Answered(Answer { status, retry_after_s: None, body: body.to_string().into_bytes() })
    }
}

pub fn router(world: &World, venue: &Arc<Venue>) -> axum::Router {
    function_connections::router_over(&world.host("connections"), venue.clone()).unwrap()
}
pub fn body(key: &str) -> Value {
    json!({ "exchange": "paper", "label": "main", "api_key": key, "api_secret": SECRET, "allowed_pairs": ["ETH-USDT"] })
}

/// Status and body of one request.
pub async fn call(
    router: &axum::Router,
    method: &str,
    path: &str,
    owner: &Owner,
    proof: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", owner.token))
        .header("content-type", "application/json");
    if let Some(proof) = proof {
        // A proof is new with every request.
        request = request.header("x-step-up", proof).header("idempotency-key", proof);
    } else {
        request = request.header("idempotency-key", "a-request-without-a-proof");
    }
    let request = request.body(axum::body::Body::from(body.map(Value::to_string).unwrap_or_default())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
/// Attaches with a fresh step-up.
pub async fn attach(world: &World, router: &axum::Router, owner: &Owner, body: &Value) -> (u16, Value) {
    let hash = hex::encode(sha2::Sha256::digest(body.to_string()));
    let proof = world.step_up(owner, "POST", "/v1/connections", &hash).await;
    call(router, "POST", "/v1/connections", owner, Some(&proof), Some(body)).await
}
pub fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or(""))
}

/// Gives every open shred job to the shredder once, as the stream or the sweep would; answers how many must come again.
pub async fn shred(world: &World) -> usize {
    let deps = function_shredder::Deps::of(&world.host("shredder"));
    function_shredder::handle(&deps, event(&open_jobs(world, "shred").await)).await.batch_item_failures.len()
}
pub async fn open_jobs(world: &World, kind: &str) -> Vec<String> {
    world
        .store
        .find_open_jobs(kind, account::WallTime::FAR_FUTURE)
        .await
        .unwrap()
        .into_iter()
        .map(|job| job.key.pk)
        .collect()
}
pub fn event(pks: &[String]) -> Event {
    let records: Vec<_> = pks.iter().enumerate().map(|(at, pk)| json!({
        "awsRegion": "us-east-1", "eventID": at.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventVersion": "1.1",
        "dynamodb": { "ApproximateCreationDateTime": 1_764_000_000, "Keys": { "pk": { "S": pk }, "sk": { "S": "JOB" } },
            "SequenceNumber": at.to_string(), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE" },
    })).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
/// The names of all secrets that are there.
pub async fn secrets(world: &World) -> usize {
    let client = aws_sdk_secretsmanager::Client::new(&world.host("auditor").aws);
    client.list_secrets().send().await.unwrap().secret_list.unwrap_or_default().len()
}
