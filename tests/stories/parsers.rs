//! Whatever a stranger sends to anything that reads: an answer of the catalogue, never a panic, never the server's fault,
//! never a session.
//!
//! The cases come from a seed. `PROPTEST_RNG_SEED` gives another one; a failure prints it with the smallest case that fails.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;

use account::EmailAddress;
use account::id::{ApiTokenId, ConnectionId, JobId, PasskeyId, SessionId, UserId};
use account::password_hash::{HashParameters, PasswordHash, PepperId};
use account::recovery_code::RecoveryCode;
use api::routes::ALL;
use api::{Policy, Route};
use axum::body::Body;
use http::{HeaderValue, Request};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::forms::{CANARY, form, path};
use tests::runtime_api::http_event;
use tests::world::{Answered, Authenticator, Owner, World, dca, fresh_key};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Any number does; it changes with `PROPTEST_RNG_SEED` alone.
const SEED: u64 = 20_261_125;
/// Bodies per route that reads one.
const CASES_OF_A_ROUTE: u32 = 30;
/// Headers, queries and events, all routes together.
const CASES_OF_HEADS: u32 = 500;
/// Texts per parser that is asked directly.
const CASES_OF_A_PARSER: u32 = 3_000;

/// Tries a property on so many cases.
fn holds<S: Strategy>(what: &str, cases: u32, strategy: S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(SEED),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let config = Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 200, ..given };
    if let Err(error) = TestRunner::new(config).run(&strategy, property) {
        panic!("{what}, PROPTEST_RNG_SEED={rng_seed}: {error}");
    }
}

/// One thing that is done to a good input.
#[derive(Debug, Clone)]
enum Change {
    /// Other bits in one byte.
    Flip(Index, u8),
    /// Nothing after it.
    Cut(Index),
    /// A slice stands twice.
    Twice(Index, usize),
    /// Bytes in between.
    Insert(Index, Vec<u8>),
    /// All of it is something else.
    Instead(Vec<u8>),
    /// A value is another.
    Value(Index, String),
    /// A field is gone.
    Without(Index),
    /// A value lies so many lists deep.
    Nested(Index, usize),
    /// A field stands twice.
    Doubled(Index),
}

/// Bytes that end something for some reader, and UTF-8 that is none.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"\0",
        b"\r\n",
        b"\"",
        b"\\",
        b"{",
        b"]",
        b",",
        b"%00",
        b"\xff",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xae",
        b"e\xcc\x81",
        b"\xf0\x9f\x92\xa9",
        b"$\xe2\x82",
    ];
    prop_oneof![select(known).prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..24)]
}
/// JSON values that are none of those that are due.
fn values() -> impl Strategy<Value = String> {
    let known: &[&str] = &[
        "null",
        "true",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e999999",
        "-1E-999999",
        "18446744073709551616",
        "123456789012345678901234567890.5",
        "[]",
        "{}",
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"a\\r\\nBcc: x@example.org\"",
        "[\"a\",\"b\"]",
        "\"\u{202e}\"",
        "\"NaN\"",
        "\"1e400\"",
        "\"-0.00\"",
        "\"00000000000000000000000000000000000000001\"",
        "\"AA==\"",
        "\"../../etc\"",
        "{\"$ne\":1}",
        "[[[[]]]]",
        "NaN",
        "01",
        "'a'",
    ];
    let long = (1usize..40_000).prop_map(|length| format!("\"{}\"", "9".repeat(length)));
    let text = any::<String>().prop_map(|text| Value::String(text).to_string());
    prop_oneof![4 => select(known).prop_map(str::to_owned), 3 => text, 1 => long]
}
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<Index>;
    let change = prop_oneof![
        2 => (place(), any::<u8>()).prop_map(|(at, mask)| Change::Flip(at, mask)),
        1 => place().prop_map(Change::Cut),
        1 => (place(), 1usize..40).prop_map(|(at, length)| Change::Twice(at, length)),
        2 => (place(), bytes()).prop_map(|(at, more)| Change::Insert(at, more)),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Change::Instead),
        6 => (place(), values()).prop_map(|(at, value)| Change::Value(at, value)),
        1 => place().prop_map(Change::Without),
        2 => (place(), prop_oneof![1usize..200, Just(20_000)]).prop_map(|(at, depth)| Change::Nested(at, depth)),
        1 => place().prop_map(Change::Doubled),
    ];
    prop::collection::vec(change, 1..4)
}

/// Where a value stands, itself among them.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let object = value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value));
    let list = value.as_array().into_iter().flatten().enumerate().map(|(nth, value)| (nth.to_string(), value));
    for (name, value) in object.chain(list) {
        pointers(value, &format!("{at}/{name}"), found);
    }
}
/// The text with another value in one place.
fn with_value(good: &[u8], at: &Index, other: impl Fn(&str) -> String) -> Option<Vec<u8>> {
    const MARK: &str = "here7f3a91";
    let mut value: Value = serde_json::from_slice(good).ok()?;
    let mut places = Vec::new();
    pointers(&value, "", &mut places);
    let place = value.pointer_mut(&places[at.index(places.len())])?;
    let old = std::mem::replace(place, json!(MARK));
    Some(value.to_string().replace(&format!("\"{MARK}\""), &other(&old.to_string())).into_bytes())
}
fn fields(good: &[u8]) -> Option<(serde_json::Map<String, Value>, Vec<String>)> {
    let value: Value = serde_json::from_slice(good).ok()?;
    let fields = value.as_object()?.clone();
    let names: Vec<String> = fields.keys().cloned().collect();
    (!names.is_empty()).then_some((fields, names))
}
fn changed(good: &[u8], changes: &[Change]) -> Vec<u8> {
    changes.iter().fold(good.to_vec(), |mut now, change| {
        let length = now.len();
        match change {
            Change::Flip(at, mask) if length > 0 => now[at.index(length)] ^= mask,
            Change::Cut(at) => now.truncate(at.index(length + 1)),
            Change::Twice(at, long) if length > 0 => {
                let from = at.index(length);
                let slice = now[from..length.min(from + long)].to_vec();
                now.splice(from..from, slice);
            }
            Change::Insert(at, more) => {
                let from = at.index(length + 1);
                now.splice(from..from, more.iter().copied());
            }
            Change::Instead(other) => now.clone_from(other),
            Change::Value(at, value) => now = with_value(&now, at, |_| value.clone()).unwrap_or(now),
            Change::Nested(at, depth) => {
                let deep = |old: &str| format!("{}{old}{}", "[".repeat(*depth), "]".repeat(*depth));
                now = with_value(&now, at, deep).unwrap_or(now);
            }
            Change::Without(at) => {
                if let Some((mut fields, names)) = fields(&now) {
                    fields.remove(at.get(&names));
                    now = Value::Object(fields).to_string().into_bytes();
                }
            }
            Change::Doubled(at) => {
                if let Some((fields, names)) = fields(&now) {
                    let name = at.get(&names);
                    let more = format!("{{{}:{},", json!(name), fields[name]);
                    let rest = Value::Object(fields).to_string();
                    now = format!("{more}{}", &rest[1..]).into_bytes();
                }
            }
            Change::Flip(..) | Change::Twice(..) => {}
        }
        now
    })
}

/// What every answer has, whatever was sent. The conformance to the contract is looked at where it was sent.
fn is_fine(answered: &Answered, may_sign_in: bool) -> TestCaseResult {
    let status = answered.status.as_u16();
    prop_assert!(status < 500 || status == 503, "{} {}", status, answered.body);
    if answered.status.is_success() {
        prop_assert!(may_sign_in || answered.body["session"].is_null(), "a session: {}", answered.body);
        let given = answered.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let given: Vec<&str> = given.filter(|cookie| !cookie.starts_with("__Host-session=;")).collect();
        prop_assert!(may_sign_in || given.is_empty(), "{:?}", given);
        return Ok(());
    }
    let code = answered.body["code"].as_str().unwrap_or("none");
    prop_assert!(
        api::problem::CATALOGUE.iter().any(|kind| kind.code == code && kind.status == status),
        "{} {} is not in the catalogue",
        status,
        code
    );
    prop_assert!(!answered.headers.contains_key("set-cookie"), "a cookie with a refusal: {:?}", answered.headers);
    prop_assert!(!String::from_utf8_lossy(&answered.bytes).contains(CANARY), "an echo: {}", answered.body);
    Ok(())
}

/// A runtime, a world and an owner with a bot that never started.
fn everything(seed: u64) -> (Runtime, World, Owner) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, owner) = runtime.block_on(async {
        let world = World::seeded(seed);
        world.quiet_minutes(1).await;
        let mut owner = world.owner("owner@example.org").await;
        owner.attaches_a_key().await;
        let made = owner.post("/v1/bots", &dca(&owner.connection.clone())).await.ok();
        owner.bot = made["id"].as_str().or_else(|| made["bot"]["id"].as_str()).expect("a bot").to_owned();
        world.drain().await;
        (world, owner)
    });
    (runtime, world, owner)
}
fn bearer(owner: &Owner) -> String {
    format!("Bearer {}", owner.token.as_deref().expect("a session"))
}
/// A proof for any bytes, when those are over that wrong passwords of earlier cases have to wait for (RL-2).
async fn proof(owner: &Owner, method: &str, path: &str, body: &[u8]) -> String {
    let hash = hex::encode(Sha256::digest(body));
    let form = json!({ "method": method, "path": path, "body_sha256": hash, "password": owner.password });
    for _ in 0..10 {
        let given = owner.post("/v1/step-up", &form).await;
        if let Some(proof) = given.body["proof"].as_str() {
            return proof.to_owned();
        }
        owner.clock.advance(30);
    }
    panic!("no proof for {method} {path}");
}
/// Sends a body to a route with everything else in order.
async fn tell(owner: &Owner, route: &Route, body: Vec<u8>) -> Answered {
    let (path, bearer, key) = (path(route, owner), bearer(owner), fresh_key());
    let mut headers = vec![("content-type", "application/json")];
    if route.demands() != Policy::Public {
        headers.push(("authorization", &bearer));
    }
    let proof = match route.demands() {
        Policy::StepUp => proof(owner, route.method(), &path, &body).await,
        Policy::Session | Policy::Public => String::new(),
    };
    if !proof.is_empty() {
        headers.push(("x-step-up", &proof));
    }
    if route.creates() {
        headers.push(("idempotency-key", &key));
    }
    let version = match route.method() {
        "PATCH" => owner.get(&path).await.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned()),
        _ => None,
    };
    headers.extend(version.as_deref().map(|tag| ("if-match", tag)));
    owner.raw(route.method(), &path, body, &headers).await
}

/// What a body does that happened to be good: the story goes on as its sender would.
async fn goes_on(owner: &mut Owner, route: &Route, body: &[u8], answered: &Answered) {
    if route.path() == "/v1/password" && answered.status.is_success() {
        let form: Value = serde_json::from_slice(body).expect("it was read");
        owner.password = form["password"].as_str().expect("a password").to_owned();
    }
    if owner.get("/v1/sessions").await.status == 401 {
        // Past the wait that wrong passwords of earlier cases have left (RL-2).
        owner.clock.advance(60);
        owner.signs_in().await;
    }
}

/// Every second route that reads a body, so that two tests share the work.
fn no_body_upsets_a_route(seed: u64, half: usize) {
    let (runtime, world, owner) = everything(seed);
    let owner = RefCell::new(owner);
    let routes = ALL.iter().map(|(_, route)| route).filter(|route| ["POST", "PATCH"].contains(&route.method()));
    for route in routes.enumerate().filter(|(nth, _)| nth % 2 == half).map(|(_, route)| route) {
        let good = form(route, &owner.borrow()).to_string().into_bytes();
        let met = RefCell::new(BTreeSet::new());
        let may_sign_in = route.path() == "/v1/password";
        holds(&format!("{} {}", route.method(), route.path()), CASES_OF_A_ROUTE, changes(), |changes| {
            let body = changed(&good, &changes);
            let mut owner = owner.borrow_mut();
            let answered = runtime.block_on(async {
                let answered = tell(&owner, route, body.clone()).await;
                goes_on(&mut owner, route, &body, &answered).await;
                answered
            });
            met.borrow_mut().insert(answered.body["code"].as_str().unwrap_or("taken").to_owned());
            is_fine(&answered, may_sign_in)
        });
        let met = met.into_inner();
        assert!(met.contains("malformed_body"), "{}: the body was looked at: {met:?}", route.path());
    }
    world.no_call_was_refused();
}

#[test]
fn no_body_upsets_a_route_of_the_first_half() {
    no_body_upsets_a_route(2401, 0);
}

#[test]
fn no_body_upsets_a_route_of_the_second_half() {
    no_body_upsets_a_route(2402, 1);
}

/// What a header may hold: everything but control characters.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&str] = &[
        "",
        "Bearer ",
        "bearer  ",
        "Bearer shp_",
        "Basic ",
        "__Host-session=",
        "__Host-session=a; __Host-session=",
        "__Host-device=",
        "a=b; ; =; __Host-device",
        "\"",
        "W/\"",
        "\"1\", \"",
        "*",
        "key-of-a-story-",
        ",",
        "0",
        "application/json; charset=",
        "http://",
    ];
    let legal = any::<u8>().prop_map(|byte| if byte < 32 || byte == 127 { b'%' } else { byte });
    let rest =
        prop_oneof![8 => prop::collection::vec(legal, 0..60), 1 => prop::collection::vec(Just(b'x'), 300..9_000)];
    (select(known), rest).prop_map(|(known, rest)| [known.as_bytes(), &rest].concat())
}

#[test]
fn no_header_upsets_a_route_and_lg_2_none_of_them_is_taken_for_who_somebody_is() {
    let (runtime, world, owner) = everything(2403);
    let names: &[&str] = &[
        "authorization",
        "cookie",
        "x-step-up",
        "idempotency-key",
        "if-match",
        "content-type",
        "origin",
        "sec-fetch-site",
        "host",
        "x-requested-with",
        "x-forwarded-for",
        "x-forwarded-proto",
        "content-length",
        "content-encoding",
        "accept",
        "user-agent",
    ];
    let case = (any::<Index>(), prop::collection::vec((select(names), header_value()), 1..3), any::<bool>());
    holds("headers", CASES_OF_HEADS, case, |(at, given, signed_in)| {
        let (_, route) = at.get(ALL);
        let claims = given.iter().any(|(name, _)| ["authorization", "cookie"].contains(name));
        let mut headers: Vec<(&str, Vec<u8>)> = given;
        let mut default = |name: &'static str, value: String| {
            if !headers.iter().any(|(given, _)| *given == name) {
                headers.push((name, value.into_bytes()));
            }
        };
        default("content-type", "application/json".into());
        default("idempotency-key", fresh_key());
        if signed_in && !claims {
            default("authorization", bearer(&owner));
        } else {
            default("x-requested-with", "shearpin".into());
            default("origin", "http://localhost:8080".into());
        }
        let shown = headers.iter().any(|(name, value)| *name == "authorization" && value == bearer(&owner).as_bytes());
        let mut request = Request::builder().method(route.method()).uri(path(route, &owner));
        for (name, value) in headers {
            request = request.header(name, HeaderValue::from_bytes(&value).expect("a header"));
        }
        // Whoever is signed in could log out, and is asked to prove what a body may do.
        if shown && ["/v1/logout", "/v1/kill-switch"].contains(&route.path()) {
            return Ok(());
        }
        let request = request.body(Body::from("{}")).unwrap();
        let answered = runtime.block_on(owner.sends(request));
        if route.demands() != Policy::Public && !shown || route.demands() == Policy::StepUp {
            prop_assert!(!answered.status.is_success(), "{} {}: {}", route.method(), route.path(), answered.body);
        }
        is_fine(&answered, false)
    });
    assert!(runtime.block_on(owner.get("/v1/me")).status.is_success(), "no header ended a session");
    world.no_call_was_refused();
}

/// What an address may hold after its `?`.
fn query_text() -> impl Strategy<Value = String> {
    let known: &[&str] =
        &["cursor=", "limit=", "&", "=", "%", "%00", "%ff", "%C3%28", "+", "cursor", "limit=1&", "a=b&"];
    let piece = prop_oneof![
        select(known).prop_map(str::to_owned),
        "[!$&'()*+,;=:@/?A-Za-z0-9._~-]{0,40}".prop_map(|text| text)
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_query_and_no_cursor_upsets_a_list() {
    let (runtime, world, owner) = everything(2404);
    let page = runtime.block_on(owner.get("/v1/account/export?limit=1")).ok();
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let lists: Vec<&Route> = ALL.iter().map(|(_, route)| route).filter(|route| route.method() == "GET").collect();
    let of_a_cursor = changes().prop_map(move |changes| {
        let text = String::from_utf8_lossy(&changed(cursor.as_bytes(), &changes)).into_owned();
        let legal = text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.~%=".contains(*c));
        format!("cursor={}", legal.collect::<String>())
    });
    let query = prop_oneof![query_text(), of_a_cursor];
    let id = "([A-Za-z0-9_.~-]|%[0-9A-F]{2}){1,40}";
    holds("queries", CASES_OF_HEADS, (any::<Index>(), query, id), |(at, query, id)| {
        let route = at.get(&lists);
        let with_id = if query.len() % 2 == 0 { path(route, &owner) } else { route.path().replace("{id}", &id) };
        is_fine(&runtime.block_on(owner.get(&format!("{with_id}?{query}"))), false)
    });
    world.no_call_was_refused();
}

#[test]
fn no_id_is_taken_for_somebody_elses_or_upsets_a_route() {
    let (runtime, world, owner) = everything(2405);
    let routes: Vec<&Route> =
        ALL.iter().map(|(_, route)| route).filter(|route| route.path().contains("{id}")).collect();
    let ids = (any::<Index>(), changes());
    holds("ids", CASES_OF_HEADS, ids, |(at, changes)| {
        let route = at.get(&routes);
        let id = if route.path().contains("/bots/") { &owner.bot } else { &owner.connection };
        let text = changed(id.as_bytes(), &changes);
        if text == id.as_bytes() {
            return Ok(());
        }
        let encoded: String = text.iter().map(|byte| format!("%{byte:02X}")).collect();
        let path = route.path().replace("{id}", &encoded);
        let answered = runtime.block_on(owner.send(route.method(), &path, Some("{}"), &[]));
        prop_assert!(!answered.status.is_success(), "{} {}", route.method(), path);
        is_fine(&answered, false)
    });
    world.no_call_was_refused();
}

#[test]
fn no_event_of_the_gateway_ends_a_function() {
    let (runtime, world, owner) = everything(2406);
    let service = api::lambda::on_lambda(owner.product());
    let methods: &[&str] = &["GET", "POST", "DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "TRACE", "get", "M-SEARCH"];
    // As the gateway gives it: decoded, so that anything may stand in it.
    let path = prop_oneof![
        (any::<Index>()).prop_map(|at| at.get(ALL).1.path().to_owned()),
        any::<String>().prop_map(|text| format!("/v1/{text}")),
        any::<String>(),
        Just("//evil.example/v1/me".to_owned()),
        Just("/v1/me#a?b=c".to_owned()),
        Just(format!("/{}", "\u{e9}".repeat(6_000))),
    ];
    let query =
        prop_oneof![any::<String>(), query_text(), Just("a=<b>&c={}|^`\" #".to_owned()), Just("x".repeat(70_000))];
    let headers: &[&str] = &["host", "x-forwarded-proto", "authorization", "cookie", "content-type", "x-step-up"];
    let text = prop_oneof![
        "[ -~]{0,40}",
        select(&["xn--a", "a:b:c", "javascript", "https://", "1.2.3.999", "[::1", "local host", "..", "%"][..])
            .prop_map(str::to_owned),
    ];
    let header = (select(headers), text);
    let body = prop_oneof![
        any::<String>().prop_map(|text| (text, false)),
        any::<String>().prop_map(|text| (text, true)),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| (data_encoding::BASE64.encode(&bytes), true))
    ];
    let cookies = prop::collection::vec("[ -~]{0,20}", 0..3);
    let case = (select(methods), path, query, prop::collection::vec(header, 0..3), body, cookies);
    holds("events", CASES_OF_HEADS, case, |(method, path, query, headers, (body, base64), cookies)| {
        let mut event = http_event(method, &path, &[], None);
        event["rawQueryString"] = json!(query);
        event["cookies"] = json!(cookies);
        (event["body"], event["isBase64Encoded"]) = (json!(body), json!(base64));
        for (name, value) in headers {
            event["headers"][name] = json!(value);
        }
        // What is no event is the gateway's fault and an error, not the end.
        let Ok(request) = serde_json::from_value::<LambdaRequest>(event) else { return Ok(()) };
        let answered = runtime.block_on(service.clone().oneshot(LambdaEvent::new(request, Context::default())));
        let answered = serde_json::to_value(answered.expect("infallible")).expect("an answer");
        let status = answered["statusCode"].as_u64().expect("a status");
        prop_assert!(status < 500, "{}", answered);
        prop_assert!(answered["cookies"].as_array().is_none_or(Vec::is_empty), "{}", answered);
        Ok(())
    });
    holds("texts for events", CASES_OF_A_PARSER, changes(), |changes| {
        let good = http_event("POST", "/v1/login", &[], Some(&json!({ "email": "a@example.org" }))).to_string();
        let _either = serde_json::from_slice::<LambdaRequest>(&changed(good.as_bytes(), &changes));
        Ok(())
    });
    world.no_call_was_refused();
}

/// Text near something good, or any.
fn near(good: &'static str) -> impl Strategy<Value = String> {
    let near =
        changes().prop_map(move |changes| String::from_utf8_lossy(&changed(good.as_bytes(), &changes)).into_owned());
    prop_oneof![4 => near, 1 => any::<String>(), 1 => "[a-z.@+-]{1,20}@[a-z.-]{1,30}"]
}

#[test]
fn su_5_an_address_that_is_taken_is_one_plain_line_that_reads_as_itself() {
    holds("addresses", CASES_OF_A_PARSER, near("First.Last+tag@mail.example.org"), |text| {
        let Ok(address) = EmailAddress::parse(&text) else { return Ok(()) };
        let shown = address.to_string();
        prop_assert!(shown.len() <= 254 && shown.eq_ignore_ascii_case(&text), "{:?}", text);
        prop_assert!(
            shown.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>()[],;:\\`".contains(&byte)),
            "{:?}",
            text
        );
        prop_assert_eq!(shown.matches('@').count(), 1);
        prop_assert!(!address.local_part().is_empty() && address.domain().contains('.'), "{:?}", text);
        prop_assert_eq!(EmailAddress::parse(&shown), Ok(address));
        Ok(())
    });
}

#[test]
fn rc_4_a_text_is_a_recovery_code_in_one_spelling_or_none() {
    const GOOD: &str = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEEA";
    assert!(RecoveryCode::parse(GOOD).is_ok());
    let hash = |text: &str| RecoveryCode::parse(text).map(|code| code.hash().as_str().to_owned());
    holds("recovery codes", CASES_OF_A_PARSER, near(GOOD), move |text| {
        let Ok(found) = hash(&text) else { return Ok(()) };
        let canonical: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        prop_assert_eq!(canonical.len(), 26);
        prop_assert_eq!(hash(&canonical), Ok(found));
        Ok(())
    });
}

#[test]
fn ids_read_as_they_are_written_or_not_at_all() {
    fn one<T: std::str::FromStr + ToString>(text: &str) -> TestCaseResult {
        if let Ok(id) = text.parse::<T>() {
            prop_assert_eq!(id.to_string(), text);
        }
        Ok(())
    }
    holds("ids", CASES_OF_A_PARSER, near("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"), |text| {
        let rest = text.split_once('_').map_or(text.as_str(), |(_, rest)| rest).to_owned();
        one::<UserId>(&text)?;
        one::<ConnectionId>(&format!("con_{rest}"))?;
        one::<SessionId>(&format!("ses_{rest}"))?;
        one::<ApiTokenId>(&format!("tok_{rest}"))?;
        one::<PasskeyId>(&format!("psk_{rest}"))?;
        one::<JobId>(&format!("job_{rest}"))?;
        one::<strategy::id::BotId>(&format!("bot_{rest}"))
    });
}

#[test]
fn pw_4_no_stored_text_is_read_as_a_hash_that_costs_without_end() {
    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let pepper = PepperId::new("key").unwrap();
    assert!(PasswordHash::from_stored(GOOD, pepper.clone()).is_ok());
    holds("PHC strings", CASES_OF_A_PARSER, near(GOOD), |text| {
        let _either = PepperId::new(&text);
        if let Ok(hash) = PasswordHash::from_stored(&text, pepper.clone()) {
            prop_assert_eq!(hash.as_phc(), text.as_str());
        }
        Ok(())
    });
    holds("costs", CASES_OF_A_PARSER, "[0-9/+-]{0,24}", |text| {
        let Ok(cost) = text.parse::<HashParameters>() else { return Ok(()) };
        prop_assert!(cost.m_kib() >= 12_288 && cost.m_kib() <= 262_144 && cost.t() <= 10 && cost.p() <= 4, "{}", text);
        Ok(())
    });
}

const SIGNED: [&str; 4] = ["authenticatorData", "clientDataJSON", "signature", "userHandle"];

/// The bytes that an answer says, however they are spelled: with padding, in the other alphabet, with bits left over.
fn said(answer: &Value) -> Vec<Option<Vec<u8>>> {
    let mut spelling = data_encoding::BASE64URL_NOPAD.specification();
    spelling.check_trailing_bits = false;
    let spelling = spelling.encoding().unwrap();
    let plain = |text: &str| text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    SIGNED
        .iter()
        .map(|part| answer["response"][part].as_str().and_then(|text| spelling.decode(plain(text).as_bytes()).ok()))
        .collect()
}

#[test]
fn pk_1_no_changed_answer_of_an_authenticator_is_taken() {
    let (runtime, world, mut owner) = everything(2407);
    let device = Authenticator::new(1);
    runtime.block_on(owner.adds_a_passkey(&device));
    let stranger = world.stranger("owner@example.org");
    // Around the answer, and inside the four parts that WebAuthn packs in base64url: CBOR, JSON and DER.
    let case = (changes(), prop::option::of(select(&SIGNED[..])));
    holds("passkey answers", CASES_OF_A_ROUTE * 4, case, |(changes, part)| {
        world.clock.advance(5);
        let begun = runtime.block_on(stranger.post("/v1/login/passkey/begin", &json!({}))).ok();
        let good = device.answers(&begun["options"]);
        let bad = match part {
            None => serde_json::from_slice(&changed(good.to_string().as_bytes(), &changes)).unwrap_or(Value::Null),
            Some(part) => {
                let mut bad = good.clone();
                let text = bad["response"][part].as_str().expect("a part").to_owned();
                let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url");
                bad["response"][part] = json!(data_encoding::BASE64URL_NOPAD.encode(&changed(&bytes, &changes)));
                bad
            }
        };
        let form = json!({ "ceremony": begun["ceremony"], "credential": bad });
        let answered = runtime.block_on(stranger.post("/v1/login/passkey/finish", &form));
        // A change of what nobody reads, such as where the device sits, leaves a good answer.
        if said(&bad) == said(&good) {
            return is_fine(&answered, true);
        }
        prop_assert!(!answered.status.is_success(), "taken: {} for {}", form, good);
        is_fine(&answered, false)
    });
    world.no_call_was_refused();
}

#[test]
fn pk_1_no_changed_registration_upsets_a_route() {
    let (runtime, world, owner) = everything(2408);
    let owner = RefCell::new(owner);
    let device = Authenticator::new(2);
    holds("passkey registrations", CASES_OF_A_ROUTE * 2, changes(), |changes| {
        let mut owner = owner.borrow_mut();
        let answered = runtime.block_on(async {
            world.clock.advance(5);
            let begin = "/v1/second-factors/passkeys/begin";
            let asked = owner.step_up("POST", begin, Some(&json!({}))).await;
            let Some(proof) = asked.body["proof"].as_str() else { return asked };
            let begun = owner.send("POST", begin, Some("{}"), &[("x-step-up", proof)]).await;
            if !begun.status.is_success() {
                return begun;
            }
            let begun = begun.ok();
            let good = device.creates(&begun["options"]).to_string();
            let bad: Value = serde_json::from_slice(&changed(good.as_bytes(), &changes)).unwrap_or(Value::Null);
            let form = json!({ "ceremony": begun["ceremony"], "name": "phone", "credential": bad });
            owner.post("/v1/second-factors/passkeys/finish", &form).await
        });
        if answered.status.is_success() {
            owner.passkey = Some(device.clone());
        }
        is_fine(&answered, false)
    });
    world.no_call_was_refused();
}
