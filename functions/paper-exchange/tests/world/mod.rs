//! The paper exchange on the embedded engine, reached by HTTP requests as clients send them.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses a part of it, and stops at what it did not expect"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use account::{UserId, WallTime};
use axum::Router;
use axum::body::Body;
use emulators::{Caller, Config, Emulators, KeyKind, KeySpec, Script, TableSpec, WallClock};
use function_paper_exchange::{Deps, MakeKey, apply_candle, list_symbol, make_key, router};
use hmac::{Hmac, KeyInit, Mac};
use host::{Clock, Entropy, Environment, Host, Monotonic};
use http_body_util::BodyExt;
use paper::symbol::default_rules;
use serde_json::Value;
use sha2::{Digest, Sha256};
use strategy::market::{Candle, MarketTime, Pair};
use tower::ServiceExt;

/// A wall clock that stands still until a test moves it.
#[derive(Debug)]
pub struct StillClock(AtomicI64);

impl StillClock {
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}
#[async_trait::async_trait]
impl Clock for StillClock {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ms(0)
    }
    async fn wait(&self, time: Duration) {
        self.advance_ms(i64::try_from(time.as_millis()).unwrap());
    }
}
impl WallClock for StillClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Repeatable bytes.
#[derive(Debug)]
struct Seeded(AtomicU64);
impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let digest = Sha256::digest(self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

pub struct World {
    pub deps: Deps,
    pub clock: Arc<StillClock>,
    pub emulators: Emulators,
    pub faults: Arc<Script>,
    pub router: Router,
}

pub struct Client {
    router: Router,
    clock: Arc<StillClock>,
    pub key: String,
    secret: String,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    /// Binance's error code; None when all is well.
    pub fn code(&self) -> Option<i64> {
        self.body["code"].as_i64()
    }
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
    pub fn refused(&self, code: i64, text: &str) {
        assert_eq!((self.code(), self.body["msg"].as_str()), (Some(code), Some(text)), "{self:?}");
        assert!(self.status >= 400);
    }
}

pub fn pair() -> Pair {
    "BTC-USDT".parse().unwrap()
}
pub fn candle(minute: i64, open: &str, high: &str, low: &str, close: &str, volume: &str) -> Candle {
    Candle {
        open_time: MarketTime::from_ms(minute * 60_000),
        close_time: MarketTime::from_ms((minute + 1) * 60_000),
        open: open.parse().unwrap(),
        high: high.parse().unwrap(),
        low: low.parse().unwrap(),
        close: close.parse().unwrap(),
        volume: volume.parse().unwrap(),
    }
}
pub fn flat(minute: i64, price: &str) -> Candle {
    candle(minute, price, price, price, price, "1000")
}

impl World {
    /// An exchange that has seen one candle of BTC-USDT at 100.
    pub async fn open() -> Self {
        let clock = Arc::new(StillClock(AtomicI64::new(1_700_000_000_000)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        let text = |name: &str| KeySpec { name: name.into(), kind: KeyKind::Text };
        let table = |name: &str| TableSpec {
            name: name.into(),
            partition: text("pk"),
            sort: Some(text("sk")),
            indexes: vec![],
            stream: None,
            ttl: Some("ttl".into()),
        };
        emulators.ensure_tables(&[table("paper-table"), table("identity-table")]).unwrap();
        let faults = Arc::new(Script::new());
        emulators.set_faults(Some(faults.clone()));
        let host = Host {
            clock: clock.clone(),
            entropy: Arc::new(Seeded(AtomicU64::new(1))),
            aws: emulators.sdk_config(Caller::owner("paper-exchange")),
            environment: Environment::of([
                ("TABLE_PAPER".to_owned(), "paper-table".to_owned()),
                ("TABLE_IDENTITY".to_owned(), "identity-table".to_owned()),
            ]),
        };
        let deps = Deps::of(&host);
        list_symbol(&deps, &pair(), default_rules().unwrap()).await.unwrap();
        apply_candle(&deps, &pair(), flat(1, "100")).await.unwrap();
        Self { router: router(deps.clone()), deps, clock, emulators, faults }
    }
    pub fn user(n: u128) -> UserId {
        UserId::new(ulid::Ulid(n))
    }
    pub async fn client(&self, form: &str) -> Client {
        let form: MakeKey = serde_json::from_str(form).unwrap();
        let made = make_key(&self.deps, Self::user(7), form).await.unwrap();
        let secret = made.api_secret.expose(Clone::clone);
        Client { router: self.router.clone(), clock: self.clock.clone(), key: made.api_key, secret }
    }
    pub async fn apply(&self, candle: Candle) {
        apply_candle(&self.deps, &pair(), candle).await.unwrap();
    }
    pub async fn public(&self, path: &str) -> Reply {
        send(&self.router, "GET", path, "", None).await
    }
}

impl Client {
    pub fn sign(&self, payload: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).unwrap();
        mac.update(payload.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
    /// Adds timestamp and signature.
    pub fn signed(&self, parameters: &str) -> String {
        let timestamp = format!("timestamp={}", self.clock.now().ms());
        let payload = if parameters.is_empty() { timestamp } else { format!("{parameters}&{timestamp}") };
        format!("{payload}&signature={}", self.sign(&payload))
    }
    pub async fn send(&self, method: &str, path: &str, query: &str, body: &str) -> Reply {
        let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        send(&self.router, method, &uri, body, Some(&self.key)).await
    }
    pub async fn get(&self, path: &str, parameters: &str) -> Reply {
        self.send("GET", path, &self.signed(parameters), "").await
    }
    pub async fn order(&self, parameters: &str) -> Reply {
        self.send("POST", "/api/v3/order", "", &self.signed(&format!("symbol=BTCUSDT&{parameters}"))).await
    }
    pub async fn cancel(&self, parameters: &str) -> Reply {
        self.send("DELETE", "/api/v3/order", &self.signed(&format!("symbol=BTCUSDT&{parameters}")), "").await
    }
    pub async fn show(&self, parameters: &str) -> Value {
        self.get("/api/v3/order", &format!("symbol=BTCUSDT&{parameters}")).await.ok()
    }
    pub async fn trades(&self, parameters: &str) -> Vec<Value> {
        self.get("/api/v3/myTrades", &format!("symbol=BTCUSDT{parameters}")).await.ok().as_array().unwrap().clone()
    }
    pub async fn open_orders(&self) -> usize {
        self.get("/api/v3/openOrders", "").await.ok().as_array().unwrap().len()
    }
    /// Free and locked units of an asset.
    pub async fn balance(&self, asset: &str) -> (String, String) {
        let account = self.get("/api/v3/account", "").await.ok();
        let found =
            account["balances"].as_array().unwrap().iter().find(|b| b["asset"] == asset).cloned().unwrap_or_default();
        (found["free"].as_str().unwrap_or("none").to_owned(), found["locked"].as_str().unwrap_or("none").to_owned())
    }
}

async fn send(router: &Router, method: &str, uri: &str, body: &str, key: Option<&str>) -> Reply {
    let mut request = http::Request::builder().method(method).uri(uri);
    if let Some(key) = key {
        request = request.header("X-MBX-APIKEY", key);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{bytes:?}")) }
}
