//! Every route does what its policy says before anything else: without a session, with a dead one, from another site,
//! and without a proof made for exactly this request.

use std::collections::{BTreeMap, BTreeSet};

use api::routes::ALL;
use api::{Policy, Route};
use serde_json::json;
use tests::world::{Answered, Browser, Owner, World, dca, fresh_key};

/// Routes that ask for nothing. A new one needs a reason here; nothing else may leave the session out (LG-4).
const PUBLIC: [&str; 20] = [
    "POST /v1/signup",
    "POST /v1/signup/verify",
    "POST /v1/signup/resend",
    "POST /v1/login",
    "POST /v1/login/second-factor",
    "POST /v1/login/passkey/begin",
    "POST /v1/login/passkey/finish",
    "POST /v1/login/unlock",
    "POST /v1/login/unlock/confirm",
    "POST /v1/password-reset",
    "POST /v1/password-reset/inspect",
    "POST /v1/password-reset/complete",
    "POST /v1/recovery",
    "POST /v1/recovery/cancel",
    "POST /v1/recovery/complete",
    "POST /v1/password-reset/not-me",
    "POST /v1/email/confirm",
    "POST /v1/email/revoke",
    "GET /v1/health",
    "GET /v1/openapi.json",
];
const OUR_PAGES: &str = "http://localhost:8080";

fn name(route: &Route) -> String {
    format!("{} {}", route.method(), route.path())
}
fn guarded() -> impl Iterator<Item = &'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| route.demands() != Policy::Public)
}
fn stepped_up() -> impl Iterator<Item = &'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| route.demands() == Policy::StepUp)
}
fn path(route: &Route, owner: &Owner) -> String {
    route
        .path()
        .replace("bots/{id}", &format!("bots/{}", owner.bot))
        .replace("connections/{id}", &format!("connections/{}", owner.connection))
        .replace("{id}", &owner.bot.replace("bot_", if route.path().contains("sessions") { "ses_" } else { "deal_" }))
}

async fn owner_with_a_bot(world: &World) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    let made = owner.post("/v1/bots", &dca(&owner.connection.clone())).await.ok();
    owner.bot = made["id"].as_str().or_else(|| made["bot"]["id"].as_str()).expect("a bot").to_owned();
    world.drain().await;
    owner
}

/// The whole store but for counters, records of events, proofs, and when a session was last seen.
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
async fn send(browser: &Browser, route: &Route, path: &str, headers: &[(&str, &str)]) -> Answered {
    let key = fresh_key();
    let mut all = vec![("content-type", "application/json")];
    if route.creates() {
        all.push(("idempotency-key", &key));
    }
    all.extend(headers);
    browser.raw(route.method(), path, b"{}".to_vec(), &all).await
}
#[track_caller]
fn refused(answered: &Answered, status: u16, code: &str, what: &str) {
    assert_eq!((answered.status.as_u16(), answered.refused()), (status, code), "{what}: {}", answered.body);
    assert_eq!(answered.headers["content-type"], "application/problem+json", "{what}");
    assert!(!answered.headers.contains_key("set-cookie"), "{what}: no cookie comes with a refusal");
}

#[test]
fn lg_4_only_the_listed_routes_are_public() {
    let public: BTreeSet<_> =
        ALL.iter().filter(|(_, route)| route.demands() == Policy::Public).map(|(_, route)| name(route)).collect();
    assert_eq!(public, PUBLIC.iter().map(|name| (*name).to_owned()).collect());
}

#[tokio::test]
async fn rf_30_without_a_live_session_every_route_answers_401_and_does_nothing() {
    let world = World::seeded(701);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let (cookie_of_nobody, token) = (format!("__Host-session={}", "x".repeat(43)), owner.token.clone().unwrap());
    let shortened = format!("Bearer {}", &token[..token.len() - 1]);
    let lengthened = format!("Bearer {token}x");
    let as_basic = format!("Basic {token}");
    let wrong_name = format!("session={token}; host-session={token}");
    let shown: [&[(&str, &str)]; 13] = [
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer garbage")],
        &[("authorization", "Bearer \u{ff}\u{fe}")],
        &[("authorization", &shortened)],
        &[("authorization", &lengthened)],
        &[("authorization", &as_basic)],
        &[("authorization", &token)],
        &[("cookie", &wrong_name)],
        &[("cookie", &cookie_of_nobody), ("x-requested-with", "shearpin"), ("origin", OUR_PAGES)],
        &[("x-session", &token)],
    ];
    for route in guarded() {
        for headers in shown {
            let what = format!("{} {headers:?}", name(route));
            let answered = send(&owner, route, &path(route, &owner), headers).await;
            refused(&answered, 401, "no_session", &what);
            assert_eq!(answered.headers["www-authenticate"], "Bearer", "{what}");
        }
        // A bad Authorization header never falls back to a good cookie.
        let cookie = format!("__Host-session={token}");
        let both = [
            ("authorization", "Bearer garbage"),
            ("cookie", cookie.as_str()),
            ("x-requested-with", "shearpin"),
            ("origin", OUR_PAGES),
        ];
        refused(&send(&owner, route, &path(route, &owner), &both).await, 400, "ambiguous_request", &name(route));
    }
    assert_eq!(stored(&world).await, before);
    world.no_call_was_refused();
}

/// What a thief makes who has read about self-contained tokens, for a user whose id he knows.
fn forged_for(user: &str) -> Vec<String> {
    let encode = |value: serde_json::Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let claims =
        encode(json!({"sub": user, "aud": "shearpin", "iss": "shearpin", "exp": 4_102_444_800_u64, "epoch": 1}));
    let header = |value| format!("{}.{claims}", encode(value));
    vec![
        format!("{}.", header(json!({"alg": "none"}))),
        format!("{}.{}", header(json!({"alg": "HS256", "typ": "JWT"})), "A".repeat(43)),
        format!("{}.{}", header(json!({"alg": "RS256", "jku": "https://thief.example/keys"})), "A".repeat(342)),
        format!("{}.{}", header(json!({"alg": "ES256", "jwk": {"kty": "EC"}})), "A".repeat(86)),
        format!("v4.public.{claims}"),
    ]
}

#[tokio::test]
async fn ss_7_a_token_that_speaks_for_itself_opens_nothing() {
    let world = World::seeded(708);
    let owner = owner_with_a_bot(&world).await;
    let user = owner.get("/v1/me").await.ok()["id"].as_str().unwrap().to_owned();
    let before = stored(&world).await;
    for forged in forged_for(&user) {
        let (bearer, cookie) = (format!("Bearer {forged}"), format!("__Host-session={forged}"));
        let as_cookie = [("cookie", cookie.as_str()), ("x-requested-with", "shearpin"), ("origin", OUR_PAGES)];
        for route in guarded() {
            let what = format!("{} {forged}", name(route));
            let path = path(route, &owner);
            refused(&send(&owner, route, &path, &[("authorization", &bearer)]).await, 401, "no_session", &what);
            refused(&send(&owner, route, &path, &as_cookie).await, 401, "no_session", &what);
        }
        for (path, form) in [
            ("/v1/signup/verify", json!({"token": forged})),
            (
                "/v1/password-reset/complete",
                json!({"token": forged, "password": "a lighthouse keeps no secrets at noon"}),
            ),
        ] {
            assert!(owner.post(path, &form).await.status.is_client_error(), "{path} {forged}");
        }
    }
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn ss_3_an_expired_session_is_refused_by_every_route() {
    let world = World::seeded(702);
    let owner = owner_with_a_bot(&world).await;
    let mut busy = owner.clone();
    busy.signs_in().await;
    let signed_in = host::Clock::now(&*world.clock);
    // Idle: 30 minutes.
    world.clock.advance(30 * 60 - 5);
    busy.get("/v1/me").await.ok();
    world.clock.advance(10);
    dead_everywhere(&owner, "idle").await;
    // Absolute: 12 hours, however busy.
    while host::Clock::now(&*world.clock).ms_since(signed_in) < 12 * 3_600_000 - 25 * 60_000 {
        world.clock.advance(25 * 60);
        busy.get("/v1/me").await.ok();
    }
    let left = 12 * 3_600_000 - host::Clock::now(&*world.clock).ms_since(signed_in);
    world.clock.advance_ms(left - 1_000);
    busy.get("/v1/me").await.ok();
    world.clock.advance_ms(1_001);
    dead_everywhere(&busy, "absolute").await;
}

#[tokio::test]
async fn pr_11_a_session_of_an_older_generation_and_one_that_was_ended_are_refused_by_every_route() {
    let world = World::seeded(703);
    let mut owner = owner_with_a_bot(&world).await;
    let old = owner.clone();
    owner.resets_the_password(&world, "eleven copper kettles whistling").await;
    dead_everywhere(&old, "older generation").await;
    owner.signs_in().await;
    dead_everywhere(&old, "older generation, after a new sign-in").await;
    owner.get("/v1/me").await.ok();
    assert!(owner.post("/v1/logout", &json!({})).await.status.is_success());
    dead_everywhere(&owner, "logged out").await;
}

async fn dead_everywhere(owner: &Owner, why: &str) {
    let token = owner.token.clone().unwrap();
    let (bearer, cookie) = (format!("Bearer {token}"), format!("__Host-session={token}"));
    for route in guarded() {
        let path = path(route, owner);
        refused(
            &send(owner, route, &path, &[("authorization", &bearer)]).await,
            401,
            "no_session",
            &format!("{why}: {}", name(route)),
        );
        let by_cookie = [("cookie", cookie.as_str()), ("x-requested-with", "shearpin"), ("origin", OUR_PAGES)];
        refused(
            &send(owner, route, &path, &by_cookie).await,
            401,
            "no_session",
            &format!("{why}, by cookie: {}", name(route)),
        );
    }
}

#[tokio::test]
async fn ss_5_a_changing_request_with_a_cookie_comes_from_our_own_page_or_not_at_all() {
    let world = World::seeded(704);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let cookie = format!("a=b; __Host-session={}; c=d", owner.token.clone().unwrap());
    let ours = [("cookie", cookie.as_str()), ("x-requested-with", "shearpin"), ("origin", OUR_PAGES)];
    let without = |left_out: &str| ours.iter().filter(|(name, _)| *name != left_out).copied().collect::<Vec<_>>();
    let with = |name: &'static str, value: &'static str| {
        let mut all = without(name);
        all.push((name, value));
        all
    };
    let foreign = [
        without("x-requested-with"),
        without("origin"),
        vec![ours[0]],
        with("x-requested-with", "XMLHttpRequest"),
        with("x-requested-with", ""),
        with("origin", "null"),
        with("origin", ""),
        with("origin", "http://localhost:8081"),
        with("origin", "https://localhost:8080"),
        with("origin", "http://localhost:8080.evil.example"),
        with("origin", "http://evil.example"),
        with("sec-fetch-site", "cross-site"),
        with("sec-fetch-site", "same-site"),
    ];
    for route in guarded().filter(|route| route.method() != "GET") {
        for headers in &foreign {
            let answered = send(&owner, route, &path(route, &owner), headers).await;
            refused(&answered, 403, "cross_site_request", &format!("{} {headers:?}", name(route)));
        }
    }
    assert_eq!(stored(&world).await, before);
    // Reading needs no header, and our own page may do everything that a bearer may.
    for route in guarded().filter(|route| route.method() == "GET") {
        let answered = owner.raw("GET", &path(route, &owner), Vec::new(), &[("cookie", &cookie)]).await;
        assert!(
            answered.status.is_success() || answered.refused() == "not_found",
            "{}: {}",
            name(route),
            answered.body
        );
    }
    for route in guarded().filter(|route| route.method() != "GET" && !route.path().contains("logout")) {
        let answered = send(&owner, route, &path(route, &owner), &ours).await;
        assert!(
            answered.status.is_success() || !["cross_site_request", "no_session"].contains(&answered.refused()),
            "{}: {}",
            name(route),
            answered.body
        );
    }
    world.no_call_was_refused();
}

#[tokio::test]
async fn st_1_a_proof_counts_once_and_for_exactly_one_request() {
    let world = World::seeded(705);
    let owner = owner_with_a_bot(&world).await;
    let stranger = world.owner("other@example.org").await;
    let before = stored(&world).await;
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let mut met = BTreeMap::new();
    for route in stepped_up() {
        let path = path(route, &owner);
        let ask = async |proof: Option<String>| {
            let mut headers = vec![("authorization", bearer.as_str())];
            if let Some(proof) = &proof {
                headers.push(("x-step-up", proof));
            }
            send(&owner, route, &path, &headers).await
        };
        let other_method = if route.method() == "POST" { "DELETE" } else { "POST" };
        for (what, proof) in [
            ("none", None),
            ("empty", Some(String::new())),
            ("garbage", Some("garbage".into())),
            ("the session itself", owner.token.clone()),
            ("another body", Some(owner.proof_for(route.method(), &path, b"{ }").await)),
            ("no body", Some(owner.proof_for(route.method(), &path, b"").await)),
            ("another method", Some(owner.proof_for(other_method, &path, b"{}").await)),
            ("another path", Some(owner.proof_for(route.method(), &format!("{path}/"), b"{}").await)),
            ("another's", Some(stranger.proof_for(route.method(), &path, b"{}").await)),
        ] {
            refused(&ask(proof).await, 403, "step_up_required", &format!("{} with {what}", name(route)));
        }
        // The same proof lives until it is used for what it is for; using it wrongly does not make it right later for others.
        let late = owner.proof_for(route.method(), &path, b"{}").await;
        world.clock.advance(5 * 60 + 1);
        refused(&ask(Some(late)).await, 403, "step_up_required", &format!("{} too late", name(route)));
        let proof = owner.proof_for(route.method(), &path, b"{}").await;
        // These do what they are for with an empty form.
        if [
            "POST /v1/second-factors/totp",
            "POST /v1/second-factors/passkeys/begin",
            "POST /v1/kill-switch/release",
            "DELETE /v1/account",
        ]
        .contains(&name(route).as_str())
        {
            continue;
        }
        let first = ask(Some(proof.clone())).await;
        assert_ne!(first.body["code"], "step_up_required", "{}", name(route));
        refused(&ask(Some(proof)).await, 403, "step_up_required", &format!("{} twice", name(route)));
        met.insert(name(route), first.status.as_u16());
    }
    // An empty form and no factor: each handler refused by itself, and nothing was changed.
    assert!(met.values().all(|status| (400..500).contains(status)), "{met:?}");
    assert_eq!(stored(&world).await, before);
    // The one that succeeds with an empty form.
    let proof = owner.proof_for("POST", "/v1/second-factors/totp", b"{}").await;
    let headers = [("x-step-up", proof.as_str())];
    let made = owner.send("POST", "/v1/second-factors/totp", Some("{}"), &headers).await.ok();
    assert!(made["secret"].is_string());
    refused(
        &owner.send("POST", "/v1/second-factors/totp", Some("{}"), &headers).await,
        403,
        "step_up_required",
        "enrolment twice",
    );
    world.no_call_was_refused();
}

#[tokio::test]
async fn rf_18_a_proof_from_before_a_reset_is_refused_after_it_even_under_a_new_session() {
    let world = World::seeded(706);
    let mut owner = owner_with_a_bot(&world).await;
    let mut proofs: Vec<(&Route, String)> = Vec::new();
    let form = owner.prepares_a_reset(&world, "eleven copper kettles whistling").await;
    for route in stepped_up() {
        proofs.push((route, owner.proof_for(route.method(), &path(route, &owner), b"{}").await));
    }
    owner.completes(&form).await;
    owner.signs_in().await;
    for (route, proof) in proofs {
        let answered = owner.send(route.method(), &path(route, &owner), Some("{}"), &[("x-step-up", &proof)]).await;
        refused(&answered, 403, "step_up_required", &name(route));
    }
}

#[tokio::test]
async fn ss_6_every_answer_forbids_caching_framing_and_guessing_its_type() {
    let world = World::seeded(707);
    let owner = owner_with_a_bot(&world).await;
    let header =
        |answered: &Answered, name: &str| answered.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    for (_, route) in ALL {
        for answered in [
            send(&owner, route, &path(route, &owner), &[]).await,
            owner.send(route.method(), &path(route, &owner), Some("{\"surplus\":1}"), &[]).await,
        ] {
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("strict-transport-security", "max-age=31536000; includeSubDomains"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ] {
                assert_eq!(header(&answered, name).as_deref(), Some(value), "{} {}", route.path(), answered.status);
            }
        }
    }
}
