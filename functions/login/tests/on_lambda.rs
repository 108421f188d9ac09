//! The unmodified `login` binary under a Runtime API answers what the library answers on the local host.

use serde_json::{Value, json};
use tests::runtime_api::{Lambda, http_event};
use tests::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_signs_in_and_refuses_like_the_local_host() {
    let world = World::beside_the_system_clock(41);
    let owner = world.owner("lambda@example.org").await;
    let mut lambda = Lambda::start(&world, "login", env!("CARGO_BIN_EXE_login")).await;

    let right = json!({ "email": owner.email, "password": owner.password });
    let answer = lambda.invoke(&http_event("POST", "/v1/login", &[], Some(&right))).await.expect("an answer");
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let token = body["session"]["token"].as_str().unwrap().to_owned();
    let cookie = answer["cookies"][0].as_str().unwrap_or_default();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("HttpOnly"), "SS-2: {answer}");

    // The session that the binary made is good on the local host, and the other way round.
    let mut browser = world.stranger(&owner.email);
    browser.token = Some(token);
    assert_eq!(browser.get("/v1/me").await.ok()["email"], owner.email.as_str());
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let me = lambda.invoke(&http_event("GET", "/v1/me", &[("authorization", &bearer)], None)).await.expect("an answer");
    assert_eq!(me["statusCode"], 200, "{me}");

    let here = world.stranger("x").get("/v1/me").await;
    let there = lambda.invoke(&http_event("GET", "/v1/me", &[], None)).await.expect("an answer");
    assert_eq!(there["statusCode"], 401);
    assert_eq!(there["body"].as_str().unwrap().as_bytes(), here.bytes, "refusals are equal to the byte");
    assert_eq!(there["headers"]["content-type"], "application/problem+json");
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_written_ends_no_process() {
    let world = World::beside_the_system_clock(42);
    let mut lambda = Lambda::start(&world, "login", env!("CARGO_BIN_EXE_login")).await;
    for (query, header) in
        [("a=<b> \"c\"", ("accept", "*/*")), ("", ("x-forwarded-proto", "no scheme")), ("", ("host", "xn--a"))]
    {
        let mut event = http_event("GET", "/v1/me", &[], None);
        event["rawQueryString"] = json!(query);
        event["headers"][header.0] = json!(header.1);
        let answer = lambda.invoke(&event).await.expect("an answer");
        assert_eq!(answer["statusCode"], 401, "{query} {header:?}: {answer}");
    }
}
