//! Bots over HTTP, with the real tick and trader behind them.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

#[path = "../../tick/tests/world/mod.rs"]
mod world;

use account::token::{Purpose, new_token};
use account::{ConnectionId, UserId};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::entity::session::Session;
use store::entity::user::{self, User};
use store::{Table, Write};
use tower::ServiceExt;
use world::World;

struct Owner {
    user: UserId,
    connection: ConnectionId,
    token: String,
}

/// An account with a session and a LIVE paper key.
async fn owner(world: &World, equity: Option<&str>) -> Owner {
    let (user, connection) = world.connection(equity).await;
    let token = new_token(Purpose::Session, world.entropy.bytes());
    let stored = User { email_verified: true, ..User::new(user) };
    let session =
        Session::starting(account::id::SessionId::new(world.ulid()), user, stored.session_gen, true, world.now());
    let mut writes = vec![Write::put(Table::Identity, user::key(user), stored.to_row())];
    writes.extend(session.writes(&token.hash));
    world.store.transact(&world.ulid().to_string(), &writes).await.unwrap();
    Owner { user, connection, token: token.text.expose(String::clone) }
}

async fn call(
    world: &World,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request =
            request.header("content-type", "application/json").header("idempotency-key", world.ulid().to_string());
    }
    let body = body.map_or_else(axum::body::Body::empty, |b| axum::body::Body::from(b.to_string()));
    let router = function_bots::router(&world.host_of("bots")).unwrap();
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn form(owner: &Owner) -> Value {
    json!({
        "kind": "dca", "name": "ladder", "connection": owner.connection.to_string(), "pair": "BTC-USDT", "direction": "long",
        "base_order": {"amount": "100", "unit": "quote", "type": "market"},
        "averaging": {"amount": "100", "unit": "quote", "count": 2, "active": 1, "deviation_pct": "1", "step_scale": "1", "volume_scale": "1", "reference": "base"},
        "take_profit": {"pct": "1", "of": "total"}, "stop_loss": {"pct": "5", "reference": "base", "then": "keep_running"},
        "start": {"when": "immediately"}, "limits": {"deals": 1, "cooldown_s": 0, "stop_after_deals": null},
    })
}
async fn create(world: &World, owner: &Owner) -> String {
    let (status, bot) = call(world, Some(&owner.token), "POST", "/v1/bots", Some(form(owner))).await;
    assert_eq!(status, StatusCode::CREATED, "{bot}");
    bot["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn from_a_preview_to_a_closed_deal() {
    let world = World::new().await;
    let owner = owner(&world, Some("10000")).await;
    let token = Some(owner.token.as_str());
    world.minute("100", "100", "100", "100").await;
    let (status, preview) = call(&world, token, "POST", "/v1/bots/preview", Some(form(&owner))).await;
    assert_eq!((status, preview["orders"].as_array().unwrap().len()), (StatusCode::OK, 4), "{preview}");

    let bot = create(&world, &owner).await;
    let path = format!("/v1/bots/{bot}");
    let (_, shown) = call(&world, token, "GET", &path, None).await;
    assert_eq!(shown["status"], "stopped");
    let (status, started) = call(&world, token, "POST", &format!("{path}/start"), None).await;
    assert_eq!((status, &started["status"]), (StatusCode::OK, &json!("running")), "{started}");
    let (status, again) = call(&world, token, "POST", &format!("{path}/start"), None).await;
    assert_eq!((status, &again["code"]), (StatusCode::CONFLICT, &json!("bot_is_running")));
    // KX-2: the start has asked about the key.
    let asked =
        world.store.read_partition(Table::Trading, &format!("USER#{}", owner.user), "INTENT#QUERY#").await.unwrap();
    assert_eq!(asked.len(), 2);

    world.drain().await;
    let (_, deals) = call(&world, token, "GET", &format!("{path}/deals"), None).await;
    let deal = deals["items"][0]["id"].as_str().unwrap().to_owned();
    let (status, shown) = call(&world, token, "GET", &format!("/v1/deals/{deal}"), None).await;
    assert_eq!((status, &shown["status"]), (StatusCode::OK, &json!("open")), "{shown}");
    assert_eq!(shown["open_orders"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["fills"][0]["role"], "base");
    assert!(shown["average"].is_string() && shown["timeline"].as_array().unwrap().len() > 3);

    let (status, _) = call(&world, token, "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (_, stopped) = call(&world, token, "POST", &format!("{path}/stop"), Some(json!({"deals": "close"}))).await;
    assert_eq!(stopped["status"], "finishing");
    world.drain().await;
    let (_, shown) = call(&world, token, "GET", &format!("/v1/deals/{deal}"), None).await;
    assert_eq!((&shown["status"], &shown["outcome"]), (&json!("closed"), &json!("closed_by_owner")), "{shown}");
    assert_eq!(shown["breakeven"], Value::Null, "nothing of it is to be sold any more");
    let sent: Vec<_> =
        shown["orders"].as_array().unwrap().iter().map(|order| (&order["role"], &order["level"])).collect();
    assert_eq!((sent[0].0, sent.last().unwrap().0), (&json!("base"), &json!("close")), "in their order: {sent:?}");
    assert!(shown["net_profit"].as_str().unwrap().starts_with('-'), "both fees are paid: {}", shown["net_profit"]);
    let (_, shown) = call(&world, token, "GET", &path, None).await;
    assert_eq!(
        (&shown["status"], &shown["deals_done"], &shown["open_deal"]),
        (&json!("stopped"), &json!(1), &Value::Null)
    );
    let (_, activity) = call(&world, token, "GET", "/v1/activity?limit=100", None).await;
    let codes: Vec<_> =
        activity["items"].as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap()).collect();
    for code in ["bot_started", "deal_started", "order_placed", "bot_stopped"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    let (status, _) = call(&world, token, "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(call(&world, token, "GET", &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn ss_8_what_belongs_to_somebody_else_does_not_exist() {
    let world = World::new().await;
    let (owner, stranger) = (owner(&world, None).await, owner(&world, None).await);
    world.minute("100", "100", "100", "100").await;
    let bot = create(&world, &owner).await;
    call(&world, Some(&owner.token), "POST", &format!("/v1/bots/{bot}/start"), None).await;
    world.drain().await;
    let (_, deals) = call(&world, Some(&owner.token), "GET", &format!("/v1/bots/{bot}/deals"), None).await;
    let deal = deals["items"][0]["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        ("GET", format!("/v1/bots/{bot}")),
        ("DELETE", format!("/v1/bots/{bot}")),
        ("POST", format!("/v1/bots/{bot}/start")),
        ("POST", format!("/v1/bots/{bot}/stop")),
        ("GET", format!("/v1/bots/{bot}/deals")),
        ("GET", format!("/v1/deals/{deal}")),
        ("GET", "/v1/bots/bot_nonsense".to_owned()),
    ] {
        let (status, body) = call(&world, Some(&stranger.token), method, &path, None).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "SS-8: {method} {path}");
        let (status, _) = call(&world, None, method, &path, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    // Neither by naming the other one's connection.
    let (status, body) = call(&world, Some(&stranger.token), "POST", "/v1/bots", Some(form(&owner))).await;
    assert_eq!((status, &body["errors"][0]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("unknown_connection")));
    for path in ["/v1/bots", "/v1/activity"] {
        assert_eq!(call(&world, Some(&stranger.token), "GET", path, None).await.1["items"], json!([]));
    }
}

#[tokio::test]
async fn after_a_password_reset_a_bot_says_why_it_is_paused_and_does_not_start() {
    let world = World::new().await;
    let owner = owner(&world, None).await;
    let token = Some(owner.token.as_str());
    world.minute("100", "100", "100", "100").await;
    let bot = create(&world, &owner).await;
    call(&world, token, "POST", &format!("/v1/bots/{bot}/start"), None).await;
    world.drain().await;
    world.put_connection(owner.user, owner.connection, "REVOKED", None).await;
    let (_, shown) = call(&world, token, "GET", &format!("/v1/bots/{bot}"), None).await;
    assert_eq!(shown["status"], "paused: key deleted by password reset");
    // Derived: nothing was written, and the list says the same.
    let (_, list) = call(&world, token, "GET", "/v1/bots", None).await;
    assert_eq!(list["items"][0]["status"], "paused: key deleted by password reset");
    call(&world, token, "POST", &format!("/v1/bots/{bot}/stop"), None).await;
    let (status, body) = call(&world, token, "POST", &format!("/v1/bots/{bot}/start"), None).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("connection_not_live")), "{body}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_pointer() {
    let world = World::new().await;
    let owner = owner(&world, Some("150")).await;
    let token = Some(owner.token.as_str());
    let (status, body) = call(&world, token, "POST", "/v1/bots/preview", Some(form(&owner))).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("market_unknown")));
    let early = create(&world, &owner).await;
    let (status, body) = call(&world, token, "POST", &format!("/v1/bots/{early}/start"), None).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("market_unknown")));
    world.minute("100", "100", "100", "100").await;
    let (status, body) = call(&world, token, "POST", &format!("/v1/bots/{early}/start"), None).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("funds_short")), "{body}");

    for (pointer, value, wrong, code) in [
        ("/base_order/amount", json!(100), "/base_order/amount", "not_a_string"),
        ("/base_order/amount", json!("-5"), "/base_order/amount", "out_of_range"),
        ("/base_order/amount", json!("1"), "/base_order/amount", "below_minimum"),
        ("/averaging/amount", json!("1"), "/averaging/amount", "below_minimum"),
        ("/pair", json!("DOGE-USDT"), "/pair", "unknown_pair"),
        ("/pair", json!("btc/usdt"), "/pair", ""),
        ("/direction", json!("short"), "/direction", "not_supported_yet"),
        ("/start/when", json!("manual"), "/start/when", "not_supported_yet"),
        ("/connection", json!("con_nonsense"), "/connection", "unknown_connection"),
        ("/surprise", json!(1), "", "unknown_field"),
    ] {
        let mut form = form(&owner);
        match form.pointer_mut(pointer) {
            Some(field) => *field = value.clone(),
            None => {
                form[pointer.trim_start_matches('/')] = value.clone();
            }
        }
        let (status, body) = call(&world, token, "POST", "/v1/bots", Some(form)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{pointer} {value}: {body}");
        let found = body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|e| (e["pointer"] == wrong || wrong.is_empty()) && (code.is_empty() || e["code"] == code));
        assert!(found, "{pointer} {value}: {body}");
    }
    // GU-1.
    let key = store::entity::connection::key(owner.user, owner.connection);
    let forbid =
        Write::update(Table::Vault, key, "SET #allowed_pairs = :none").value(":none", store::attribute::s("[]"));
    world.store.write_one(forbid).await.unwrap().unwrap();
    for path in ["/v1/bots".to_owned(), format!("/v1/bots/{early}/start")] {
        // A start takes no fields.
        let sent = (!path.ends_with("/start")).then(|| form(&owner));
        let (status, body) = call(&world, token, "POST", &path, sent).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("pair_not_allowed")), "{path}");
    }
}

// GU-4: what the signer would refuse is said at the start, not by deals that fail one after another.
#[tokio::test]
async fn a_bot_with_orders_beyond_the_limits_of_its_key_does_not_start() {
    let world = World::new().await;
    let owner = owner(&world, Some("2010")).await;
    let token = Some(owner.token.as_str());
    world.minute("100", "100", "100", "100").await;
    let start = |bot: String| async move { format!("/v1/bots/{bot}/start") };
    // 5 % of 2010 is 100.5: the base order of 100 fits, the averaging orders, rounded up to the lot, just do so too.
    let path = start(create(&world, &owner).await).await;
    for (max, equity, code) in [("99.99", "2010", "above_order_max"), ("100000", "1999", "above_equity_share")] {
        let key = store::entity::connection::key(owner.user, owner.connection);
        let limit = Write::update(Table::Vault, key, "SET #order_quote_max = :max, #equity_quote = :equity")
            .value(":max", store::attribute::s(max))
            .value(":equity", store::attribute::s(equity));
        world.store.write_one(limit).await.unwrap().unwrap();
        let (status, body) = call(&world, token, "POST", &path, None).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let fault = &body["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/base_order/amount"), &json!(code)), "{body}");
    }
    world.put_connection(owner.user, owner.connection, "LIVE", Some("2010")).await;
    let (status, body) = call(&world, token, "POST", &path, None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    let owner = owner(&world, None).await;
    let token = Some(owner.token.as_str());
    for _ in 0..3 {
        create(&world, &owner).await;
    }
    let (_, first) = call(&world, token, "GET", "/v1/bots?limit=2", None).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = call(&world, token, "GET", &format!("/v1/bots?limit=2&cursor={cursor}"), None).await;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next_cursor"]), (1, &Value::Null));
    assert_eq!(call(&world, token, "GET", "/v1/bots?limit=0", None).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(call(&world, None, "GET", "/v1/health", None).await, (StatusCode::OK, json!({"status": "ok"})));
}
