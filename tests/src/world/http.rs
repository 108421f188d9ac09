//! Someone who speaks HTTP with the product, in process: the whole router, every policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::{Authenticator, FakeClock};

/// An answer.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Answered {
    /// The body of a success; fails the story otherwise.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body
    }
    /// The code of a problem; fails the story on success.
    #[track_caller]
    pub fn refused(&self) -> &str {
        assert!(!self.status.is_success(), "not refused: {} {}", self.status, self.body);
        self.body["code"].as_str().unwrap_or("no code")
    }
}

/// Whether a call needs an `Idempotency-Key`.
pub fn creates(method: &str, path: &str) -> bool {
    api::routes::ALL.iter().any(|(_, route)| route.creates() && route.method() == method && route.path() == path)
}
/// A key that no request of this process had.
pub fn fresh_key() -> String {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    format!("key-of-a-story-{:08}", GIVEN.fetch_add(1, Ordering::Relaxed))
}

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A page of ours: the session cookie, the header and the origin that a changing request needs (SS-5).
    Cookie,
    /// A program with a session, or with an API token: `Authorization: Bearer`.
    Bearer,
}

impl Client {
    /// Both.
    pub const ALL: [Client; 2] = [Client::Cookie, Client::Bearer];
    fn headers(self, token: &str) -> Vec<(&'static str, String)> {
        match self {
            Client::Cookie => vec![
                ("cookie", format!("__Host-session={token}")),
                ("x-requested-with", "shearpin".into()),
                ("origin", "http://localhost:8080".into()),
            ],
            Client::Bearer => vec![("authorization", format!("Bearer {token}"))],
        }
    }
}

/// One person at a browser.
#[derive(Clone)]
pub struct Browser {
    router: axum::Router,
    pub clock: Arc<FakeClock>,
    pub email: String,
    pub password: String,
    pub token: Option<String>,
    pub client: Client,
    pub seed: Option<Vec<u8>>,
    /// Where it sits, as the socket tells; unknown otherwise.
    pub source: Option<std::net::IpAddr>,
    /// A passkey; shown where the account has no authenticator app.
    pub passkey: Option<Authenticator>,
}

impl Browser {
    pub(super) fn new(router: axum::Router, clock: Arc<FakeClock>, email: &str) -> Self {
        Self {
            router,
            clock,
            email: email.into(),
            password: "nineteen paper lanterns adrift".into(),
            token: None,
            client: Client::Bearer,
            seed: None,
            source: None,
            passkey: None,
        }
    }
    /// Any request.
    pub async fn send(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            for (name, value) in self.client.headers(token) {
                request = request.header(name, value);
            }
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // A creating route wants a key; a story that means a certain one gives it.
        if creates(method, path) && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            request = request.header("idempotency-key", fresh_key());
        }
        if let Some(source) = self.source {
            request = request.extension(axum::extract::ConnectInfo(std::net::SocketAddr::new(source, 443)));
        }
        let body = body.map_or_else(Body::empty, |text| Body::from(text.to_owned()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        crate::contract::keeps(method, path, parts.status, &parts.headers, &bytes);
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }
    /// A request exactly as given, with any bytes: nothing is added, not even the session.
    pub async fn raw(&self, method: &str, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        self.sends(request.body(Body::from(body)).unwrap()).await
    }
    /// The product, for who speaks with it by another way than a request.
    pub fn product(&self) -> axum::Router {
        self.router.clone()
    }
    /// A request that was put together elsewhere.
    pub async fn sends(&self, request: Request<Body>) -> Answered {
        let (method, uri) = (request.method().clone(), request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        crate::contract::keeps(method.as_str(), &uri, parts.status, &parts.headers, &bytes);
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }
    /// A proof for a request with any bytes.
    pub async fn proof_for(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut form = json!({ "method": method, "path": path, "body_sha256": hex::encode(Sha256::digest(body)), "password": self.password });
        self.shows_a_factor(&mut form).await;
        self.post("/v1/step-up", &form).await.ok()["proof"].as_str().unwrap().to_owned()
    }
    /// `POST`.
    pub async fn post(&self, path: &str, body: &Value) -> Answered {
        self.send("POST", path, Some(&body.to_string()), &[]).await
    }
    /// So many equal posts at once.
    pub async fn at_once(&self, count: usize, path: &str, body: &Value) -> Vec<Answered> {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (browser, path, body) = (self.clone(), path.to_owned(), body.clone());
            running.spawn(async move { browser.post(&path, &body).await });
        }
        running.join_all().await
    }
    /// `GET`.
    pub async fn get(&self, path: &str) -> Answered {
        self.send("GET", path, None, &[]).await
    }
    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answered {
        self.send("DELETE", path, None, &[]).await
    }
    /// Asks for a proof for a request; the answer of `POST /v1/step-up`.
    pub async fn step_up(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut form = json!({ "method": method, "path": path, "body_sha256": hex::encode(Sha256::digest(text.as_bytes())), "password": self.password });
        self.shows_a_factor(&mut form).await;
        self.post("/v1/step-up", &form).await
    }
    /// Adds the account's factor to the form of a step-up.
    async fn shows_a_factor(&self, form: &mut Value) {
        if self.seed.is_some() {
            form["totp"] = json!(self.fresh_code());
        } else if let Some(passkey) = &self.passkey {
            // Past the wait that follows a try (TP-9).
            self.clock.advance(2);
            let begun = self.post("/v1/step-up/begin", &json!({})).await.ok();
            form["passkey"] = passkey.answers(&begun["passkey_options"]);
        }
    }
    /// A request behind a step-up.
    pub async fn stepped_up(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let proof = self.step_up(method, path, body).await.ok()["proof"].as_str().unwrap().to_owned();
        self.send(method, path, body.map(Value::to_string).as_deref(), &[("x-step-up", &proof)]).await
    }
    /// The code of the authenticator now.
    pub fn code(&self) -> String {
        let seed = self.seed.clone().expect("an authenticator");
        let totp =
            totp_rs::Builder::new().with_secret(totp_rs::Secret::new(seed.into_boxed_slice())).build_noncompliant();
        totp.generate(u64::try_from(host::Clock::now(&*self.clock).seconds()).unwrap()).to_string()
    }
    /// A code that was not used yet: time goes on to the next step.
    pub fn fresh_code(&self) -> String {
        self.clock.advance(30);
        self.code()
    }
    /// Asks to sign in: session or challenge.
    pub async fn log_in(&self) -> Answered {
        // Past the wait that follows a try (RL-2).
        self.clock.advance(2);
        self.post("/v1/login", &json!({ "email": self.email, "password": self.password })).await
    }
    /// Signs in with all factors and keeps the session.
    pub async fn signs_in(&mut self) {
        let mut given = self.log_in().await.ok();
        if let Some(id) = given["challenge"]["id"].as_str() {
            let mut form = json!({ "challenge": id });
            match (&self.seed, &self.passkey) {
                (None, Some(passkey)) => form["passkey"] = passkey.answers(&given["challenge"]["passkey_options"]),
                (Some(_), _) | (None, None) => form["totp"] = json!(self.fresh_code()),
            }
            given = self.post("/v1/login/second-factor", &form).await.ok();
        }
        self.token = Some(given["session"]["token"].as_str().expect("a token").to_owned());
    }
}
