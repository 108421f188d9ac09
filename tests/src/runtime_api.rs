//! A Lambda Runtime API on loopback: starts an unmodified function binary, hands it one event after another, and gives back
//! what it answers. With it a story can ask whether the binary does what its library does on the local host.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use host::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::world::World;

/// What a function answered: its result, or the error it reported.
pub type Outcome = Result<Value, Value>;

struct Shared {
    events: Mutex<mpsc::Receiver<Value>>,
    answers: mpsc::Sender<Outcome>,
    number: AtomicU64,
    deadline_ms: i64,
}

/// A running function binary.
pub struct Lambda {
    child: Child,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Outcome>,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Lambda {
    /// Starts `binary` as the function of this name, against the world's services and exchange over loopback.
    pub async fn start(world: &World, function: &str, binary: &str) -> Self {
        let aws = serve(world.machine.emulators().router()).await;
        let exchange = serve(world.machine.exchange()).await;
        let (events, receiver) = mpsc::channel(1);
        let (sender, answers) = mpsc::channel(1);
        let deadline_ms = world.clock.now().ms() + 30_000;
        let api = serve(router(Shared {
            events: Mutex::new(receiver),
            answers: sender,
            number: AtomicU64::new(0),
            deadline_ms,
        }))
        .await;
        let host = world.machine.host(function).expect("a function of the template");
        let mut environment: BTreeMap<String, String> =
            host.environment.pairs().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        if environment.contains_key("PAPER_BASE_URL") {
            environment.insert("PAPER_BASE_URL".into(), exchange);
        }
        if environment.contains_key("QUEUE_DECISIONS_URL") {
            environment.insert("QUEUE_DECISIONS_URL".into(), format!("{aws}/000000000000/shearpin-decisions"));
        }
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", api.trim_start_matches("http://").to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".into()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "parity".into()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "parity".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", format!("{}{function}", emulators::KEY_PREFIX)),
            ("AWS_SECRET_ACCESS_KEY", "local".into()),
            ("AWS_ENDPOINT_URL", aws),
        ] {
            environment.insert(name.into(), value);
        }
        let child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        Self { child, events, answers }
    }
    /// One invocation.
    pub async fn invoke(&mut self, event: &Value) -> Outcome {
        self.events.send(event.clone()).await.expect("the function polls");
        tokio::time::timeout(Duration::from_secs(30), self.answers.recv())
            .await
            .expect("an answer in time")
            .expect("an answer")
    }
}

/// An HTTP API event of payload version 2.0, as API Gateway sends it.
pub fn http_event(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Value {
    let headers: BTreeMap<_, _> =
        headers.iter().copied().chain([("content-type", "application/json"), ("host", "api.example")]).collect();
    json!({
        "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "api.example", "domainPrefix": "api", "requestId": "r", "routeKey": format!("{method} {path}"),
            "stage": "$default", "time": "24/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_521_600_000_i64,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "story" }
        },
        "body": body.map(Value::to_string), "isBase64Encoded": false
    })
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
        .route("/2018-06-01/runtime/init/error", post(init_failed))
        .with_state(Arc::new(shared))
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let Some(event) = shared.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let number = shared.number.fetch_add(1, Ordering::SeqCst);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", format!("00000000-0000-0000-0000-{number:012}")),
        ("lambda-runtime-deadline-ms", shared.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:parity".into()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000".into()),
        ("content-type", "application/json".into()),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).expect("a header"));
    }
    (headers, event.to_string()).into_response()
}
async fn answered(State(shared): State<Arc<Shared>>, Path(_id): Path<String>, body: axum::body::Bytes) -> StatusCode {
    let _told = shared.answers.send(Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))).await;
    StatusCode::ACCEPTED
}
async fn failed(State(shared): State<Arc<Shared>>, Path(_id): Path<String>, body: axum::body::Bytes) -> StatusCode {
    let _told = shared.answers.send(Err(serde_json::from_slice(&body).unwrap_or(Value::Null))).await;
    StatusCode::ACCEPTED
}
async fn init_failed(State(shared): State<Arc<Shared>>, body: axum::body::Bytes) -> StatusCode {
    let _told = shared.answers.send(Err(serde_json::from_slice(&body).unwrap_or(Value::Null))).await;
    StatusCode::ACCEPTED
}
