//! Requests of hostile shape, at every route: each has one meaning or is refused with a code, and none is the server's fault.

use std::collections::BTreeSet;

use api::routes::ALL;
use api::{Policy, Route};
use axum::body::{Body, to_bytes};
use http::{HeaderMap, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use tests::world::{Answered, Owner, World, dca, fresh_key};
use tower::ServiceExt;

const CANARY: &str = "canary5b7e02";
const OUR_PAGES: &str = "http://localhost:8080";

async fn owner(world: &World) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    owner
}
/// The path of a route with ids that nobody has.
fn path(route: &Route) -> String {
    let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let kind = ["bots", "connections", "deals", "sessions", "tokens"]
        .iter()
        .find(|kind| route.path().contains(&format!("/{kind}/")))
        .map_or("x", |kind| match *kind {
            "bots" => "bot",
            "connections" => "con",
            "deals" => "deal",
            "sessions" => "ses",
            _ => "tok",
        });
    route.path().replace("{id}", &format!("{kind}_{ulid}"))
}
/// The whole store but for counters, records of events, and what may be read again.
async fn stored(world: &World) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for table in ["identity", "vault", "trading", "market", "outbox", "paper"] {
        for mut item in world.dump(table).await {
            let pk = item["pk"].as_str().unwrap_or_default();
            if ["BUDGET#", "EVENTS#", "AUDIT#", "PROOF#", "IDEMPOTENCY#"].iter().any(|kind| pk.starts_with(kind)) {
                continue;
            }
            item.remove("seen_at");
            all.insert(format!("{table} {item:?}"));
        }
    }
    all
}
#[track_caller]
fn refused(answered: &Answered, status: u16, code: &str, what: &str) {
    assert_eq!((answered.status.as_u16(), answered.refused()), (status, code), "{what}: {}", answered.body);
    assert_eq!(answered.headers["content-type"], "application/problem+json", "{what}");
    assert!(!String::from_utf8_lossy(&answered.bytes).contains(CANARY), "{what}: an echo");
}

#[tokio::test]
async fn ss_5_a_head_that_can_be_read_in_two_ways_is_refused_at_every_route() {
    let world = World::seeded(951);
    let owner = owner(&world).await;
    let before = stored(&world).await;
    let token = owner.token.clone().unwrap();
    let (bearer, cookie) = (format!("Bearer {token}"), format!("__Host-session={token}"));
    let two_cookies = format!("{cookie}; {cookie}");
    let hidden = format!("a=\u{e9}; {cookie}");
    let tabbed = format!("{cookie}; a=\u{1}");
    let key = fresh_key();
    let base =
        [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("authorization", bearer.as_str())];
    let by_cookie = [
        ("content-type", "application/json"),
        ("idempotency-key", key.as_str()),
        ("x-requested-with", "shearpin"),
        ("origin", OUR_PAGES),
    ];
    let with = |base: &[(&'static str, &str)], more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        base.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let ambiguous = [
        with(&base, &[("authorization", &bearer)]),
        with(&base, &[("authorization", "Bearer other")]),
        with(&base, &[("content-type", "application/json")]),
        with(&base, &[("content-type", "text/plain")]),
        with(&base, &[("content-length", "2"), ("content-length", "2")]),
        with(&base, &[("content-length", "2"), ("content-length", "3")]),
        with(&base, &[("content-length", "3")]),
        with(&base, &[("content-length", "1")]),
        with(&base, &[("content-length", "0x2")]),
        with(&base, &[("content-length", "-2")]),
        with(&base, &[("x-step-up", CANARY), ("x-step-up", CANARY)]),
        with(&base, &[("idempotency-key", &key)]),
        with(&base, &[("origin", OUR_PAGES), ("origin", "http://evil.example")]),
        with(&base, &[("x-requested-with", "shearpin"), ("x-requested-with", CANARY)]),
        with(&base, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]),
        with(&base, &[("if-match", "\"1\""), ("if-match", "\"2\"")]),
        with(&base, &[("host", "localhost"), ("host", "evil.example")]),
        with(&base, &[("cookie", &cookie)]),
        with(&by_cookie, &[("cookie", &two_cookies)]),
        with(&by_cookie, &[("cookie", &cookie), ("cookie", &cookie)]),
        with(&by_cookie, &[("cookie", &hidden)]),
        with(&base, &[("transfer-encoding", "chunked"), ("content-length", "2")]),
        with(&base, &[("transfer-encoding", "gzip, chunked")]),
        with(&base, &[("transfer-encoding", "xchunked")]),
        with(&base, &[("x-http-method-override", "DELETE")]),
        with(&base, &[("x-http-method", "DELETE")]),
        with(&base, &[("x-method-override", "DELETE")]),
    ];
    for (_, route) in ALL {
        for headers in &ambiguous {
            // A length is looked at with the body, behind the session and the names in the path.
            let what = format!("{} {} {headers:?}", route.method(), route.path());
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answered = owner.raw(route.method(), &path(route), b"{}".to_vec(), &headers).await;
            refused(&answered, 400, "ambiguous_request", &what);
        }
        for coding in ["gzip", "br", "deflate", "identity, gzip"] {
            let mut headers = base.to_vec();
            headers.push(("content-encoding", coding));
            let answered = owner.raw(route.method(), &path(route), b"{}".to_vec(), &headers).await;
            refused(&answered, 415, "unsupported_media_type", route.path());
        }
    }
    assert!(http::HeaderValue::from_bytes(tabbed.as_bytes()).is_err(), "no host takes control characters");
    assert_eq!(stored(&world).await, before);
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_chunked_body_is_no_part_of_a_gateways_payload_and_an_absolute_address_means_its_path() {
    let world = World::seeded(952);
    let owner = owner(&world).await;
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let router = world.machine.api().expect("the API");
    let send = async |uri: &str, chunked: bool, by_gateway: bool| -> (StatusCode, HeaderMap, Value) {
        let mut request =
            http::Request::get(uri).header("authorization", &bearer).header("x-forwarded-host", "evil.example");
        if chunked {
            request = request.header("transfer-encoding", "chunked");
        }
        if by_gateway {
            let context = RequestContext::ApiGatewayV2(ApiGatewayV2httpRequestContext::default());
            request = request.extension(context);
        }
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.expect("infallible");
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    };
    assert_eq!(send("/v1/me", false, false).await.0, 200);
    assert_eq!(send("/v1/me", true, false).await.0, 200, "on a connection of its own");
    let (status, _, problem) = send("/v1/me", true, true).await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("ambiguous_request")));
    let plain = send("/v1/me", false, true).await.2;
    for uri in ["http://evil.example/v1/me", "https://localhost:8080/v1/me", "http://user@evil.example:1/v1/me"] {
        let (status, headers, body) = send(uri, false, true).await;
        assert_eq!((status.as_u16(), &body), (200, &plain), "{uri}");
        assert!(!format!("{headers:?}").contains("evil"), "{uri}");
    }
}

/// A body for every route that reads one, sent as exactly these bytes.
async fn send(owner: &Owner, route: &Route, body: &[u8], kind: &str) -> Answered {
    let path = path(route);
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let key = fresh_key();
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", kind)];
    if route.creates() {
        headers.push(("idempotency-key", &key));
    }
    let proof = match route.demands() {
        Policy::StepUp => owner.proof_for(route.method(), &path, body).await,
        Policy::Session | Policy::Public => String::new(),
    };
    if !proof.is_empty() {
        headers.push(("x-step-up", &proof));
    }
    owner.raw(route.method(), &path, body.to_vec(), &headers).await
}
fn with_bodies() -> impl Iterator<Item = &'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| ["POST", "PATCH"].contains(&route.method()))
}

#[tokio::test]
async fn su_5_json_of_any_hostile_shape_is_refused_at_every_route_and_never_the_servers_fault() {
    let world = World::seeded(953);
    let owner = owner(&world).await;
    let before = stored(&world).await;
    let deep = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let deep_objects = |depth: usize| format!("{}1{}", "{\"x\":".repeat(depth), "}".repeat(depth));
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("a doubled name", format!("{{\"{CANARY}\":1,\"{CANARY}\":2}}").into_bytes()),
        ("a doubled name, escaped", br#"{"email":"a@example.org","\u0065mail":"b@example.org"}"#.to_vec()),
        ("a doubled name, deep", br#"{"x":{"y":[{"z":1,"z":2}]}}"#.to_vec()),
        ("a lone surrogate", br#"{"x":"\ud800"}"#.to_vec()),
        ("surrogates the wrong way round", br#"{"x":"\udc00\ud800"}"#.to_vec()),
        ("a lone surrogate as a name", br#"{"\ud800":1}"#.to_vec()),
        ("bytes that are no UTF-8", [br#"{"x":""#.as_slice(), &[0xc0, 0xaf], br#""}"#].concat()),
        ("an overlong NUL", [br#"{"x":""#.as_slice(), &[0xc0, 0x80], br#""}"#].concat()),
        ("UTF-16", "{\"x\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", "\u{feff}{}".as_bytes().to_vec()),
        ("a raw NUL", b"{\"x\":\"\0\"}".to_vec()),
        ("an escaped NUL", br#"{"email":"a\u0000@example.org"}"#.to_vec()),
        ("null", br#"{"email":null}"#.to_vec()),
        ("ten thousand lists", deep(10_000).into_bytes()),
        ("five thousand objects", deep_objects(5_000).into_bytes()),
        ("a number for a text", br#"{"email":7}"#.to_vec()),
        ("a huge exponent", br#"{"x":1e999999999}"#.to_vec()),
        ("a huge negative exponent", br#"{"x":-1e-999999999}"#.to_vec()),
        ("many digits", format!("{{\"x\":{}}}", "9".repeat(5_000)).into_bytes()),
        ("a trailing comma", br#"{"x":1,}"#.to_vec()),
        ("a comment", b"{/* x */\"x\":1}".to_vec()),
        ("a line comment", b"{\"x\":1} // x".to_vec()),
        ("NaN", br#"{"x":NaN}"#.to_vec()),
        ("Infinity", br#"{"x":-Infinity}"#.to_vec()),
        ("a leading zero", br#"{"x":01}"#.to_vec()),
        ("hexadecimal", br#"{"x":0x1}"#.to_vec()),
        ("a prototype", br#"{"__proto__":{"admin":true}}"#.to_vec()),
        ("two texts", b"{}{}".to_vec()),
    ];
    for route in with_bodies() {
        for (what, body) in &shapes {
            let answered = send(&owner, route, body, "application/json").await;
            let what = format!("{what} at {} {}", route.method(), route.path());
            assert!(answered.status.is_client_error(), "{what}: {} {}", answered.status, answered.body);
            let known = ["malformed_body", "invalid_fields", "not_found", "if_match_required"];
            assert!(known.contains(&answered.refused()), "{what}: {}", answered.body);
            // The name of a field that is not ours may stand in its pointer, and nowhere else.
            assert!(!answered.body["detail"].as_str().unwrap().contains(CANARY), "{what}");
        }
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
        refused(&send(&owner, route, large.as_bytes(), "application/json").await, 413, "body_too_large", route.path());
    }
    assert_eq!(stored(&world).await, before);
    world.no_call_was_refused();
}

#[tokio::test]
async fn ss_5_json_is_sent_as_json_in_utf_8_or_not_at_all() {
    let world = World::seeded(954);
    let owner = owner(&world).await;
    let body = dca(&owner.connection).to_string();
    for kind in [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json; boundary=x",
        "application/json; version=1",
        "application/json;",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "text/json",
    ] {
        let answered = send(&owner, &api::routes::CREATE_BOT, body.as_bytes(), kind).await;
        refused(&answered, 415, "unsupported_media_type", kind);
    }
    for kind in ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=\"UTF-8\""] {
        send(&owner, &api::routes::CREATE_BOT, body.as_bytes(), kind).await.ok();
    }
}

#[tokio::test]
async fn su_5_a_name_that_stands_twice_is_refused_where_a_form_would_keep_the_last() {
    let world = World::seeded(955);
    let owner = owner(&world).await;
    let before = stored(&world).await;
    let bot = dca(&owner.connection).to_string();
    for (route, body) in [
        // A map: the form itself would not notice.
        (&api::routes::MAKE_PAPER_KEY, r#"{"balances":{"USDT":"1","USDT":"1000000"}}"#.to_owned()),
        (&api::routes::MAKE_PAPER_KEY, r#"{"balances":{"USDT":"1","\u0055SDT":"1000000"}}"#.to_owned()),
        (&api::routes::MAKE_PAPER_KEY, r#"{"permissions":{"withdraw":false,"withdraw":true}}"#.to_owned()),
        (&api::routes::CREATE_BOT, bot.replace("\"amount\":\"100\"", "\"amount\":\"100\",\"amount\":\"1000\"")),
        (&api::routes::CREATE_BOT, bot.replace("\"amount\":\"100\"", "\"amount\":\"100\",\"\\u0061mount\":\"1000\"")),
        (&api::routes::SIGN_UP, r#"{"email":"a@example.org","\u0065mail":"b@example.org","password":"x"}"#.to_owned()),
    ] {
        let answered = send(&owner, route, body.as_bytes(), "application/json").await;
        refused(&answered, 422, "invalid_fields", &body);
        assert_eq!(answered.body["errors"][0]["code"], "duplicate_field", "{body}: {}", answered.body);
    }
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn ss_3_a_clock_that_is_set_back_ends_sessions_and_breaks_nothing() {
    let world = World::seeded(956);
    let mut owner = owner(&world).await;
    owner.get("/v1/me").await.ok();
    // Within what clocks of two hosts may differ.
    world.clock.advance_wall_only(-30);
    owner.get("/v1/me").await.ok();
    world.clock.advance_wall_only(-3_600);
    for (_, route) in ALL {
        let answered = owner.send(route.method(), &path(route), None, &[]).await;
        assert!(!answered.status.is_server_error(), "{} {}: {}", route.method(), route.path(), answered.body);
        if route.demands() != Policy::Public {
            assert_eq!(answered.refused(), "no_session", "{} {}", route.method(), route.path());
        }
    }
    // The owner signs in under the clock as it is now.
    world.clock.advance(60);
    owner.signs_in().await;
    owner.get("/v1/me").await.ok();
    owner.attaches_a_key().await;
    world.no_call_was_refused();
}
