//! What every route does before its handler runs, and how every refusal looks.
#![allow(clippy::allow_attributes, reason = "expect would warn where a lint is off in tests anyway")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_debug_implementations, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use account::id::SessionId;
use account::token::{Purpose, new_token};
use account::{UserId, WallTime};
use api::{Answer, Api, Gate, Mounts, Operation, Policy, Problem, Request, Route};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use emulators::{Caller, Config, Emulators, KeyKind, KeySpec, TableSpec};
use host::{Environment, Host, SystemEntropy};
use http::request::Builder;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use store::entity::proof::Proof;
use store::entity::session::Session;
use store::entity::user::User;
use store::entity::{proof, user};
use store::{Store, Table, Write};
use tower::ServiceExt;

const ECHO: Route = Route::post("/v1/echo/{id}").policy(Policy::Public).paged();
const OWN: Route = Route::post("/v1/own").policy(Policy::Session);
const READ: Route = Route::get("/v1/own").policy(Policy::Session);
const GUARDED: Route = Route::delete("/v1/own").policy(Policy::StepUp);

#[derive(Debug)]
struct Still(AtomicI64);
#[async_trait::async_trait]
impl host::Clock for Still {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> host::Monotonic {
        host::Monotonic::from_ms(0)
    }
    async fn wait(&self, _: Duration) {}
}
impl emulators::WallClock for Still {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// These routes are of no contract.
const fn untold() -> Operation {
    Operation::of("untold", "untold")
}

struct Surface {
    router: Router,
    emulators: Emulators,
    store: Store,
    ran: Arc<AtomicU32>,
    now: WallTime,
}
/// Counts the handlers that ran.
struct Counter(Arc<AtomicU32>);
struct Answered {
    status: u16,
    headers: http::HeaderMap,
    text: String,
}

impl Surface {
    fn new() -> Self {
        let clock = Arc::new(Still(AtomicI64::new(1_764_000_000_000)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        let key = |name: &str| KeySpec { name: name.to_owned(), kind: KeyKind::Text };
        let table = TableSpec {
            name: "identity".to_owned(),
            partition: key("pk"),
            sort: Some(key("sk")),
            indexes: Vec::new(),
            stream: None,
            ttl: Some("ttl".to_owned()),
        };
        emulators.ensure_tables(&[table]).unwrap();
        let pairs = [("TABLE_IDENTITY", "identity"), ("ALLOWED_ORIGIN", "https://shearpin.example")];
        let environment = Environment::of(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let host = Host {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            aws: emulators.sdk_config(Caller::owner("api")),
            environment,
        };
        let ran = Arc::new(AtomicU32::new(0));
        let router = Api::new(Gate::of(&host).unwrap(), Counter(ran.clone()))
            .mount(ECHO, echo, untold)
            .mount(OWN, run, untold)
            .mount(READ, run, untold)
            .mount(GUARDED, run, untold)
            .into_router();
        Self { router, emulators, store: Store::of(&host), ran, now: WallTime::from_ms(1_764_000_000_000) }
    }
    async fn send(&self, request: Builder, body: impl Into<Body>) -> Answered {
        let (parts, body) = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        // SS-6, PR-6: whatever was asked.
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(parts.headers[name], value, "{} {text}", parts.status);
        }
        Answered { status: parts.status.as_u16(), headers: parts.headers, text }
    }
    async fn session(&self) -> (User, String) {
        let token = new_token(Purpose::Session, random().bytes());
        let ulid = || random().ulid(self.now);
        let owner = User::new(UserId::new(ulid()));
        let session = Session::starting(SessionId::new(ulid()), owner.id, owner.session_gen, false, self.now);
        let mut writes = vec![Write::put(Table::Identity, user::key(owner.id), owner.to_row())];
        writes.extend(session.writes(&token.hash));
        self.store.transact(&ulid().to_string(), &writes).await.unwrap();
        // EXPOSE: what the browser holds.
        (owner, token.text.expose(String::clone))
    }
    fn ran(&self) -> u32 {
        self.ran.swap(0, Ordering::SeqCst)
    }
}

impl Answered {
    #[track_caller]
    fn refused(&self, status: u16, code: &str) -> Value {
        let body: Value = serde_json::from_str(&self.text).unwrap();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(
            (body["status"].as_u64(), body["type"].as_str()),
            (Some(status.into()), Some(format!("https://shearpin.dev/problems/{code}").as_str()))
        );
        assert!(body["title"].is_string() && body["detail"].is_string());
        assert!(!self.text.contains("canary"), "{}", self.text);
        body
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
}

async fn echo(_: Arc<Counter>, request: Request) -> Result<Answer, Problem> {
    let id: UserId = request.id("id")?;
    let Form { name } = request.json()?;
    Ok(Answer::ok(
        &json!({ "id": id, "name": name, "source": request.source().map(|s| s.to_string()), "after": request.query("cursor") }),
    ))
}
async fn run(ran: Arc<Counter>, _: Request) -> Result<Answer, Problem> {
    ran.0.fetch_add(1, Ordering::SeqCst);
    Ok(Answer::nothing())
}
fn random() -> &'static dyn host::Entropy {
    &SystemEntropy
}
const PATH: &str = "/v1/echo/usr_01ARZ3NDEKTSV4RRFFQ69G5FAV";
fn post(path: &str) -> Builder {
    http::Request::post(path).header("content-type", "application/json")
}

#[tokio::test]
async fn what_is_not_the_contract_is_refused_with_a_code_and_not_repeated() {
    let api = Surface::new();
    for (body, status, code, fault) in [
        (r#"{"name":"a","canary":"x"}"#, 422, "invalid_fields", ""),
        (r#"{"name":"canary","name":"canary"}"#, 422, "invalid_fields", "duplicate_field"),
        (r#"{"name":["canary"]}"#, 422, "invalid_fields", "wrong_type_or_value"),
        ("{}", 422, "invalid_fields", "missing_field"),
        (r#"["canary"]"#, 400, "malformed_body", ""),
        (r#"{"name":"canary""#, 400, "malformed_body", ""),
        (r#"{"name":"canary"} canary"#, 400, "malformed_body", ""),
        ("\u{feff}{}", 400, "malformed_body", ""),
    ] {
        // The name of an unknown field is what its pointer is for; it alone is repeated.
        let answered = api.send(post(PATH), body).await;
        if body.contains(r#""canary":"x""#) {
            assert_eq!(answered.text.matches("canary").count(), 1, "{}", answered.text);
            assert!(answered.text.contains(r#""pointer":"/canary","code":"unknown_field""#));
            continue;
        }
        let refused = answered.refused(status, code);
        if !fault.is_empty() {
            assert_eq!(refused["errors"][0]["code"], fault);
        }
    }
    let mut broken = br#"{"name":""#.to_vec();
    broken.extend([0xff, b'"', b'}']);
    api.send(post(PATH), broken).await.refused(400, "malformed_body");
    api.send(post(PATH), format!(r#"{{"name":"{}"}}"#, "canary".repeat(11_000))).await.refused(413, "body_too_large");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "canary"] {
        api.send(http::Request::post(PATH).header("content-type", kind), r#"{"name":"a"}"#)
            .await
            .refused(415, "unsupported_media_type");
    }
    api.send(http::Request::post(PATH), r#"{"name":"a"}"#).await.refused(415, "unsupported_media_type");
    for path in ["/canary", "/v1/echo", "/v1/echo/a/b", "/"] {
        api.send(post(path), "{}").await.refused(404, "no_such_route");
    }
    for path in ["/v1/echo/canary", "/v1/echo/%ff", "/v1/echo/%2e%2e"] {
        api.send(post(path), r#"{"name":"a"}"#).await.refused(404, "not_found");
    }
    let other = api.send(http::Request::put(PATH), "canary").await;
    other.refused(405, "method_not_allowed");
    assert_eq!(other.headers["allow"], "POST");
    api.send(post(&format!("{PATH}?cursor=canary&cursor=b")), r#"{"name":"a"}"#).await.refused(422, "invalid_fields");
    assert_eq!(api.emulators.calls().len(), 0, "no table was asked");
}

#[tokio::test]
async fn rl_4_the_source_is_the_gateways_word_or_the_socket() {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
    use lambda_http::request::RequestContext;
    let api = Surface::new();
    let forged = || {
        post(&format!("{PATH}?cursor=a%2Bb"))
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-real-ip", "203.0.113.9")
    };
    let source = async |request: Builder| {
        let answered: Value = serde_json::from_str(&api.send(request, r#"{"name":"a"}"#).await.text).unwrap();
        assert_eq!(answered["after"], "a+b");
        answered["source"].clone()
    };
    assert_eq!(source(forged()).await, Value::Null);
    let socket: SocketAddr = "192.0.2.1:9".parse().unwrap();
    assert_eq!(source(forged().extension(ConnectInfo(socket))).await, "192.0.2.1");
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some("198.51.100.7".to_owned());
    assert_eq!(
        source(forged().extension(ConnectInfo(socket)).extension(RequestContext::ApiGatewayV2(context))).await,
        "198.51.100.7"
    );
}

#[tokio::test]
async fn ss_1_a_session_route_runs_for_a_live_session_alone() {
    let api = Surface::new();
    let (owner, token) = api.session().await;
    let (other, others) = api.session().await;
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer canary",
        "Basic Y2FuYXJ5",
        &format!("Token {token}"),
        &format!("Bearer {token}x"),
    ] {
        api.send(post("/v1/own").header("authorization", bad), "{}").await.refused(401, "no_session");
    }
    let bare = api.send(post("/v1/own"), "{}").await;
    bare.refused(401, "no_session");
    assert_eq!(bare.headers["www-authenticate"], "Bearer");
    api.send(post("/v1/own").header("cookie", format!("session={token}; __Secure-session={token}")), "{}")
        .await
        .refused(401, "no_session");
    assert_eq!(api.ran(), 0);
    api.emulators.reset_calls();
    assert_eq!(api.send(post("/v1/own").header("authorization", format!("bearer {token}")), "{}").await.status, 204);
    assert_eq!(api.emulators.calls().values().sum::<u64>(), 2, "a session check is two reads");
    assert_eq!(api.ran(), 1);
    // The generation of one user is no other's.
    let row = User { session_gen: owner.session_gen.next(), ..owner }.to_row();
    api.store.write_one(Write::put(Table::Identity, user::key(owner.id), row)).await.unwrap().unwrap();
    api.send(post("/v1/own").header("authorization", format!("Bearer {token}")), "{}").await.refused(401, "no_session");
    assert_eq!(api.send(post("/v1/own").header("authorization", format!("Bearer {others}")), "{}").await.status, 204);
    assert_ne!(owner.id, other.id);
}

#[tokio::test]
async fn ss_5_a_cookie_changes_nothing_from_another_page() {
    let api = Surface::new();
    let (_, token) = api.session().await;
    let cookie = |request: Builder| request.header("cookie", format!("__Host-session={token}"));
    for (with, origin) in [
        (None, None),
        (Some("shearpin"), None),
        (None, Some("https://shearpin.example")),
        (Some("shearpin"), Some("null")),
        (Some("shearpin"), Some("https://evil.example")),
    ] {
        let mut request = cookie(post("/v1/own"));
        if let Some(with) = with {
            request = request.header("x-requested-with", with);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        api.send(request, "{}").await.refused(403, "cross_site_request");
    }
    assert_eq!(api.ran(), 0);
    let ours =
        cookie(post("/v1/own")).header("x-requested-with", "shearpin").header("origin", "https://shearpin.example");
    assert_eq!(api.send(ours, "{}").await.status, 204);
    for method in ["GET", "HEAD"] {
        assert_eq!(api.send(cookie(http::Request::builder().method(method).uri("/v1/own")), "").await.status, 204);
    }
}

#[tokio::test]
async fn st_1_a_guarded_route_spends_a_proof_for_exactly_this_request() {
    let api = Surface::new();
    let (owner, token) = api.session().await;
    let (_, others) = api.session().await;
    let ours = |token: &str| http::Request::delete("/v1/own").header("authorization", format!("Bearer {token}"));
    // SHA-256 of nothing.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    api.send(ours(&token), "").await.refused(403, "step_up_required");
    api.send(http::Request::delete("/v1/own").header("x-step-up", "canary"), "").await.refused(401, "no_session");
    for (part, other) in [("method", "POST"), ("path", "/v1/own/"), ("body", "canary"), ("none", "")] {
        let proof = new_token(Purpose::StepUpProof, random().bytes());
        let pick = |name: &str, good: &str| if part == name { other.to_owned() } else { good.to_owned() };
        let stored = Proof {
            user: owner.id,
            epoch: owner.trade_epoch,
            cred_version: owner.cred_version,
            method: pick("method", "DELETE"),
            path: pick("path", "/v1/own"),
            body_sha256: pick("body", empty),
            expires_at: api.now.plus_seconds(proof::LIFE_S),
        };
        api.store
            .write_one(Write::put(Table::Identity, proof::key(&proof.hash), stored.to_row(&proof.hash)))
            .await
            .unwrap()
            .unwrap();
        // EXPOSE: what the browser shows.
        let shown = proof.text.expose(String::clone);
        api.send(ours(&others).header("x-step-up", &shown), "").await.refused(403, "step_up_required");
        api.send(ours(&token).header("x-step-up", &shown), " ").await.refused(403, "step_up_required");
        let answered = api.send(ours(&token).header("x-step-up", &shown), "").await;
        if part == "none" {
            assert_eq!(answered.status, 204);
        } else {
            answered.refused(403, "step_up_required");
        }
        api.send(ours(&token).header("x-step-up", &shown), "").await.refused(403, "step_up_required");
        assert_eq!(api.ran(), u32::from(part == "none"));
    }
}

#[test]
fn every_code_of_the_catalogue_is_stable_and_means_one_thing() {
    let mut seen = std::collections::BTreeMap::new();
    for api::problem::Kind { code, status, title, .. } in api::problem::CATALOGUE {
        assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
        assert!((400..600).contains(status) && !title.is_empty());
        assert_eq!(seen.insert(code, status), None, "{code} twice");
    }
}

#[test]
fn no_two_routes_are_one() {
    let mut seen = std::collections::BTreeSet::new();
    for (_, route) in api::routes::ALL {
        assert!(seen.insert((route.method(), route.path())), "{route:?} twice");
    }
}
