//! The way to the paper exchange, in process, with faults: the request is taken apart and put together as on a socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use emulators::Gate;
use exchange::{Endpoint, Parts};
use tower::ServiceExt;
use wire::{Answer, Limits, Sent, Transport};

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Lost {
    /// Nothing leaves.
    Request,
    /// The exchange does it, and the answer is lost: broken body, reset, timeout.
    Answer,
    /// The exchange does it, and a gateway answers this status instead.
    Status(u16),
    /// The exchange does it, and its answer is cut off in the middle.
    Body,
    /// It is lost on the way, and nobody knows whether it arrived.
    Vanished,
    /// It waits before it leaves.
    PauseBefore(Arc<Gate>),
    /// The exchange does it; its answer waits.
    PauseAfter(Arc<Gate>),
}

/// A transport with rules: each rule acts on one request to its endpoint.
#[derive(Default)]
pub struct Faulty {
    router: OnceLock<axum::Router>,
    rules: Mutex<VecDeque<(Endpoint, usize, Lost)>>,
    sent: Mutex<Vec<Endpoint>>,
    refused: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty(..)")
    }
}

impl Faulty {
    pub(super) fn connect(&self, router: axum::Router) {
        self.router.set(router).expect("connected once");
    }
    /// Acts on the next request to this endpoint.
    pub fn once(&self, endpoint: Endpoint, lost: Lost) {
        self.after(endpoint, 0, lost);
    }
    /// Lets so many requests to this endpoint pass and acts on the one that follows.
    pub fn after(&self, endpoint: Endpoint, pass: usize, lost: Lost) {
        self.rules.lock().unwrap().push_back((endpoint, pass, lost));
    }
    /// Stops the next request to this endpoint before it leaves.
    pub fn pause_before(&self, endpoint: Endpoint) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.once(endpoint, Lost::PauseBefore(gate.clone()));
        gate
    }
    /// How often an endpoint was asked, lost requests not counted.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.sent.lock().unwrap().iter().filter(|e| **e == endpoint).count()
    }

    /// Orders that the exchange refused, as `endpoint status code`.
    pub fn refusals(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
    fn note_refusal(&self, endpoint: Endpoint, answer: &Answer) {
        if endpoint != Endpoint::PlaceOrder || answer.status < 400 {
            return;
        }
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        self.refused.lock().unwrap().push(format!("{endpoint:?} {} {}", answer.status, body["code"]));
    }
    fn rule(&self, endpoint: Endpoint) -> Option<Lost> {
        let mut rules = self.rules.lock().unwrap();
        let at = rules.iter().position(|(e, ..)| *e == endpoint)?;
        if rules[at].1 > 0 {
            rules[at].1 -= 1;
            return None;
        }
        rules.remove(at).map(|(.., lost)| lost)
    }
    async fn ask(&self, parts: Parts) -> Answer {
        let path = parts.query.expose(|query| {
            if query.is_empty() { parts.path().to_owned() } else { format!("{}?{query}", parts.path()) }
        });
        let mut request = http::Request::builder().method(parts.method().as_str()).uri(path);
        for (name, value) in &parts.headers {
            request = value.expose(|value| request.header(*name, value));
        }
        let body = parts.body.expose(|text| Body::from(text.clone()));
        let router = self.router.get().expect("connected").clone();
        let response = router.oneshot(request.body(body).unwrap()).await.expect("infallible");
        let status = response.status().as_u16();
        let retry_after_s =
            response.headers().get("retry-after").and_then(|v| v.to_str().ok()).and_then(|t| t.parse().ok());
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec();
        Answer { status, retry_after_s, body }
    }
}

#[async_trait]
impl Transport for Faulty {
    async fn send(&self, _base_url: &str, parts: Parts, _limits: Limits) -> Sent {
        let endpoint = parts.endpoint;
        let rule = self.rule(endpoint);
        if let Some(Lost::PauseBefore(gate)) = &rule {
            gate.pass().await;
        }
        if matches!(rule, Some(Lost::Request)) {
            return Sent::NotSent { why: "the story lost the request".into() };
        }
        self.sent.lock().unwrap().push(endpoint);
        if matches!(rule, Some(Lost::Vanished)) {
            return Sent::Unknown { why: "the story lost the request on its way".into() };
        }
        let answer = self.ask(parts).await;
        self.note_refusal(endpoint, &answer);
        match rule {
            Some(Lost::Answer) => Sent::Unknown { why: "the story lost the answer".into() },
            Some(Lost::Status(status)) => {
                Sent::Answered(Answer { status, retry_after_s: None, body: b"<html>bad gateway</html>".to_vec() })
            }
            Some(Lost::Body) => {
                Sent::Answered(Answer { body: answer.body[..answer.body.len() / 2].to_vec(), ..answer })
            }
            Some(Lost::PauseAfter(gate)) => {
                gate.pass().await;
                Sent::Answered(answer)
            }
            Some(Lost::Request | Lost::Vanished | Lost::PauseBefore(_)) | None => Sent::Answered(answer),
        }
    }
}
