//! The session check, and the owner's own sessions.

use serde_json::json;

use crate::world::{Call, EMAIL, World, call, me};

#[tokio::test]
async fn ss_1_a_session_costs_two_reads_and_dies_with_its_generation() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let token = world.log_in(EMAIL).await.session();
    world.trace();
    // Refused by the handler itself, so that only the check reads.
    world.send(call("DELETE", "/v1/sessions/none").bearer(&token)).await.refused(404, "not_found");
    assert_eq!(world.trace(), [("GetItem".to_owned(), 2)].into());
    world.raise(user, "session_gen").await;
    world.send(me(&token)).await.refused(401, "no_session");
}

#[tokio::test]
async fn ss_3_a_session_ends_after_30_idle_minutes_and_after_12_hours() {
    let world = World::new();
    world.account(EMAIL).await;
    let token = world.log_in(EMAIL).await.session();
    world.advance_ms(30 * 60_000 - 1);
    assert_eq!(world.send(me(&token)).await.status, 200);
    world.advance_ms(30 * 60_000);
    world.send(me(&token)).await.refused(401, "no_session");

    let token = world.log_in(EMAIL).await.session();
    for _ in 0..35 {
        world.advance(20 * 60);
        assert_eq!(world.send(me(&token)).await.status, 200);
    }
    world.advance_ms(20 * 60_000 - 1);
    assert_eq!(world.send(me(&token)).await.status, 200, "a millisecond before 12 h");
    world.advance_ms(1);
    world.send(me(&token)).await.refused(401, "no_session");
}

#[tokio::test]
async fn ss_4_the_owner_lists_ends_one_and_ends_the_others() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(world.log_in(EMAIL).await.session());
        world.advance(1);
    }
    let listed = world.send(call("GET", "/v1/sessions").bearer(&tokens[0])).await.json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(
        items.iter().map(|item| item["current"].as_bool().unwrap()).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    assert!(!listed.to_string().contains(&tokens[1]));

    let second = format!("/v1/sessions/{}", items[1]["id"].as_str().unwrap());
    assert_eq!(world.send(call("DELETE", &second).bearer(&tokens[0])).await.status, 204);
    world.send(me(&tokens[1])).await.refused(401, "no_session");
    world.send(call("DELETE", &second).bearer(&tokens[0])).await.refused(404, "not_found");

    assert_eq!(world.send(call("DELETE", "/v1/sessions").bearer(&tokens[0])).await.status, 204);
    for dead in &tokens[2..] {
        world.send(me(dead)).await.refused(401, "no_session");
    }
    assert_eq!(world.send(me(&tokens[0])).await.status, 200);
    assert_eq!(world.sessions(user).await, 1);
    assert!(world.events(user).await.contains(&"other_sessions_ended".to_owned()));

    let out = world.send(call("POST", "/v1/logout").bearer(&tokens[0])).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().ends_with("Max-Age=0"));
    world.send(me(&tokens[0])).await.refused(401, "no_session");
    assert_eq!(world.sessions(user).await, 0);
}

#[tokio::test]
async fn ss_5_a_change_by_cookie_comes_from_our_own_page() {
    let world = World::new();
    world.account(EMAIL).await;
    let cookie = world.log_in(EMAIL).await.session();
    let ours = |call: Call| call.header("x-requested-with", "shearpin").header("origin", "https://shearpin.example");
    let out = || call("POST", "/v1/logout").cookie(&cookie);
    for forged in [
        out(),
        out().header("x-requested-with", "shearpin"),
        out().header("origin", "https://shearpin.example"),
        out().header("x-requested-with", "XMLHttpRequest").header("origin", "https://shearpin.example"),
        out().header("x-requested-with", "shearpin").header("origin", "null"),
        out().header("x-requested-with", "shearpin").header("origin", "https://shearpin.example.evil.com"),
        out().header("x-requested-with", "shearpin").header("origin", "http://shearpin.example"),
        ours(out()).header("sec-fetch-site", "cross-site"),
        ours(out()).header("sec-fetch-site", "same-site"),
        call("DELETE", "/v1/sessions").cookie(&cookie),
    ] {
        world.send(forged).await.refused(403, "cross_site_request");
    }
    // No change by GET, so none of this is asked; and a request never falls back from a header to the cookie.
    assert_eq!(world.send(call("GET", "/v1/me").cookie(&cookie)).await.status, 200);
    world
        .send(call("GET", "/v1/me").cookie(&cookie).header("authorization", "Bearer nonsense"))
        .await
        .refused(400, "ambiguous_request");
    world
        .send(call("GET", "/v1/me").cookie(&cookie).header("authorization", "Basic eA=="))
        .await
        .refused(400, "ambiguous_request");
    assert_eq!(world.send(ours(out()).header("sec-fetch-site", "same-origin")).await.status, 204);
    // A bearer token is never sent by a browser on its own.
    let bearer = world.log_in(EMAIL).await.session();
    assert_eq!(
        world.send(call("POST", "/v1/logout").bearer(&bearer).header("origin", "https://evil.example")).await.status,
        204
    );
}

#[tokio::test]
async fn ss_8_anothers_session_is_not_found() {
    let world = World::new();
    let owner = world.account(EMAIL).await;
    world.account("thief@example.com").await;
    let token = world.log_in(EMAIL).await.session();
    let thief = world.log_in("thief@example.com").await.session();
    let listed = world.send(call("GET", "/v1/sessions").bearer(&token)).await.json();
    let id = listed["items"][0]["id"].as_str().unwrap();
    let absent = world
        .send(call("DELETE", &format!("/v1/sessions/{}", id.replace(&id[20..], "0000000000"))).bearer(&thief))
        .await;
    let foreign = world.send(call("DELETE", &format!("/v1/sessions/{id}")).bearer(&thief)).await;
    assert_eq!(foreign.refused(404, "not_found"), &absent);
    world.send(call("DELETE", "/v1/sessions/%ff").bearer(&thief)).await.refused(404, "not_found");
    world.send(call("DELETE", "/v1/sessions").bearer(&thief)).await;
    assert_eq!(world.sessions(owner).await, 1);
}

#[tokio::test]
async fn every_route_but_the_two_of_signing_in_wants_a_session() {
    let world = World::new();
    for (function, route) in api::routes::ALL {
        if *function != "login" || route.demands() == api::Policy::Public {
            continue;
        }
        let path = route.path().replace("{id}", "x");
        world
            .send(call(route.method(), &path).raw("application/json", &json!({}).to_string()))
            .await
            .refused(401, "no_session");
    }
}
