//! Talks to the API as any client would: HTTP and JSON, a session token, step-up where a route asks for it.

use std::sync::atomic::{AtomicU64, Ordering};

use local_stack::Up;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::report::Stopped;

/// One person at a browser.
pub struct Browser {
    http: reqwest::Client,
    base: String,
    pub token: Option<String>,
    pub password: String,
    pub email: String,
    seed: Option<Vec<u8>>,
}

/// A key that no request of this story had; keys are an account's own, and a story's accounts are new.
fn fresh_key() -> String {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    format!("request-of-the-demo-{}", GIVEN.fetch_add(1, Ordering::Relaxed))
}

/// An answer.
pub struct Answered {
    pub status: StatusCode,
    pub body: Value,
}
impl Answered {
    /// The body, or the end of the story.
    pub fn or_stop(self, what: &str) -> Result<Value, Stopped> {
        if self.status.is_success() {
            Ok(self.body)
        } else {
            Err(Stopped(format!("{what}: {} {}", self.status, self.body)))
        }
    }
    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

impl Browser {
    /// A person with an address and a password.
    pub fn new(up: &Up, email: &str, password: &str) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap_or_default(),
            base: up.endpoints().api.clone(),
            token: None,
            password: password.into(),
            email: email.into(),
            seed: None,
        }
    }
    /// Remembers the seed of the authenticator app.
    pub fn keep_seed(&mut self, base32: &str) {
        self.seed = data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).ok();
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        proof: Option<&str>,
    ) -> Result<Answered, Stopped> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(proof) = proof {
            request = request.header("x-step-up", proof);
        }
        if method == Method::POST {
            // Routes that create something want a fresh key; the others do not look at it.
            request = request.header("idempotency-key", fresh_key());
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.map_err(|e| Stopped(format!("{path}: {e}")))?;
        let status = response.status();
        let text = response.text().await.map_err(|e| Stopped(format!("{path}: {e}")))?;
        Ok(Answered { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
    /// `POST`.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answered, Stopped> {
        self.send(Method::POST, path, Some(&body.to_string()), None).await
    }
    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Answered, Stopped> {
        self.send(Method::GET, path, None, None).await
    }
    /// `POST` with a proof that was made before.
    pub async fn post_with(&self, path: &str, body: &Value, proof: &str) -> Result<Answered, Stopped> {
        self.send(Method::POST, path, Some(&body.to_string()), Some(proof)).await
    }
    /// A step-up proof for exactly this `POST`.
    pub async fn step_up(&self, up: &Up, path: &str, body: &Value) -> Result<String, Stopped> {
        let digest = hex::encode(Sha256::digest(body.to_string().as_bytes()));
        let mut form = json!({ "method": "POST", "path": path, "body_sha256": digest, "password": self.password });
        if self.seed.is_some() {
            form["totp"] = json!(self.code(up)?);
        }
        let given = self.post("/v1/step-up", &form).await?.or_stop("step-up")?;
        given["proof"].as_str().map(str::to_owned).ok_or_else(|| Stopped("no proof in the answer".into()))
    }
    /// `POST` behind a step-up.
    pub async fn post_stepped_up(&self, up: &Up, path: &str, body: &Value) -> Result<Answered, Stopped> {
        let proof = self.step_up(up, path, body).await?;
        self.post_with(path, body, &proof).await
    }
    /// A code that was not used yet: the clock is moved to the next step first.
    pub fn code(&self, up: &Up) -> Result<String, Stopped> {
        up.clock().advance(30).map_err(|e| Stopped(e.to_string()))?;
        let seed = self.seed.as_ref().ok_or_else(|| Stopped("no authenticator".into()))?;
        let totp = totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::new(seed.clone().into_boxed_slice()))
            .build_noncompliant();
        let seconds = u64::try_from(up.machine().now().seconds()).unwrap_or(0);
        Ok(totp.generate(seconds).to_string())
    }
    /// The token in the newest mail to this person with this subject word.
    pub async fn token_from_mail(&self, up: &Up, link: &str) -> Result<String, Stopped> {
        for _ in 0..100 {
            let request = self.http.get(&up.endpoints().mail).header("accept", "application/json");
            let mails: Value = request
                .send()
                .await
                .map_err(|e| Stopped(e.to_string()))?
                .json()
                .await
                .map_err(|e| Stopped(e.to_string()))?;
            let found = mails
                .as_array()
                .into_iter()
                .flatten()
                .filter(|m| m["to"].as_str() == Some(&self.email))
                .filter_map(|m| m["text"].as_str())
                .find_map(|text| text.split(link).nth(1));
            if let Some(rest) = found {
                return Ok(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Err(Stopped(format!("no mail with {link} came for {}", self.email)))
    }
    /// Signs up, verifies the address by the mailed link, and signs in.
    pub async fn joins(&mut self, up: &Up) -> Result<(), Stopped> {
        let form = json!({ "email": self.email, "password": self.password });
        self.post("/v1/signup", &form).await?.or_stop("sign-up")?;
        let token = self.token_from_mail(up, "verify?token=").await?;
        self.post("/v1/signup/verify", &json!({ "token": token })).await?.or_stop("verification")?;
        self.signs_in(up).await
    }
    /// Signs in with everything the account has.
    pub async fn signs_in(&mut self, up: &Up) -> Result<(), Stopped> {
        // Past the second that follows a try.
        up.clock().advance(2).map_err(|e| Stopped(e.to_string()))?;
        self.token = None;
        let mut given = self
            .post("/v1/login", &json!({ "email": self.email, "password": self.password }))
            .await?
            .or_stop("sign-in")?;
        if let Some(challenge) = given["challenge"]["id"].as_str() {
            let form = json!({ "challenge": challenge, "totp": self.code(up)? });
            given = self.post("/v1/login/second-factor", &form).await?.or_stop("second factor")?;
        }
        self.token = given["session"]["token"].as_str().map(str::to_owned);
        self.token.as_ref().map(|_| ()).ok_or_else(|| Stopped("no session token".into()))
    }
    /// Attaches a fresh paper key; the connection's id.
    pub async fn attaches_a_paper_key(&self, up: &Up, pair: &str) -> Result<String, Stopped> {
        let key = self.post("/v1/paper/keys", &json!({})).await?.or_stop("paper key")?;
        let form = json!({ "exchange": "paper", "label": "demo", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [pair] });
        let attached = self.post_stepped_up(up, "/v1/connections", &form).await?.or_stop("attaching the key")?;
        let id = attached["connection"]["id"].as_str().or_else(|| attached["id"].as_str());
        id.map(str::to_owned).ok_or_else(|| Stopped(format!("no connection id in {attached}")))
    }
    /// Creates and starts a DCA bot; its id.
    pub async fn starts_a_bot(&self, connection: &str, pair: &str) -> Result<String, Stopped> {
        let form = dca(connection, pair);
        let made = self.post("/v1/bots", &form).await?.or_stop("creating the bot")?;
        let id = made["bot"]["id"]
            .as_str()
            .or_else(|| made["id"].as_str())
            .ok_or_else(|| Stopped(format!("no bot id in {made}")))?
            .to_owned();
        self.post(&format!("/v1/bots/{id}/start"), &json!({})).await?.or_stop("starting the bot")?;
        Ok(id)
    }
}

/// A calm ladder that trades soon.
pub fn dca(connection: &str, pair: &str) -> Value {
    json!({
        "kind": "dca", "name": "demo ladder", "connection": connection, "pair": pair, "direction": "long",
        "base_order": { "amount": "80", "unit": "quote", "type": "market" },
        "averaging": { "amount": "30", "unit": "quote", "count": 4, "active": 2, "deviation_pct": "0.4", "step_scale": "1.5", "volume_scale": "1.4", "reference": "base" },
        "reference_price": "fill_with_fee",
        "take_profit": { "pct": "0.3", "of": "total", "trailing_pct": null, "steps": [] },
        "stop_loss": { "pct": "15", "reference": "base", "then": "keep_running", "timeout_s": null, "trailing": false },
        "start": { "when": "immediately" }, "limits": { "deals": 1, "cooldown_s": 0, "stop_after_deals": null }
    })
}
