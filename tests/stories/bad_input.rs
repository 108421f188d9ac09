//! Bad input at every route: a clear problem of the catalogue, nothing of what was sent in it, and nothing half-written.

use std::collections::{BTreeMap, BTreeSet};

use api::routes::ALL;
use api::{Policy, Route};
use serde_json::{Value, json};
use tests::forms::{CANARY, form, path};
use tests::world::{Answered, Owner, World, dca, fresh_key};

/// Likewise for numbers.
const NUMBER: u64 = 7_919_191;

/// An owner with a key and a bot that never started.
async fn owner_with_a_bot(world: &World) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    let made = owner.post("/v1/bots", &dca(&owner.connection.clone())).await.ok();
    owner.bot = made["id"].as_str().or_else(|| made["bot"]["id"].as_str()).expect("a bot").to_owned();
    world.drain().await;
    owner
}

/// Fields that may be null or left out.
const OPTIONAL: [&str; 23] = [
    "/bots",
    "/expires_in_days",
    "/averaging",
    "/averaging/steps",
    "/averaging/active",
    "/averaging/reference",
    "/averaging/step_scale",
    "/averaging/volume_scale",
    "/averaging/unit",
    "/base_order/type",
    "/base_order/unit",
    "/direction",
    "/limits",
    "/reference_price",
    "/start",
    "/stop_loss",
    "/take_profit/of",
    "/take_profit/steps",
    "/take_profit/trailing_pct",
    "/balances",
    "/ip_restrict",
    "/totp",
    "/stop_loss/pct",
];
/// Fields whose absence, `false` or emptiness mean the same, and so do more forms of null below them.
fn may_be_null(pointer: &str) -> bool {
    OPTIONAL.contains(&pointer)
        || pointer.starts_with("/limits/")
        || pointer.starts_with("/stop_loss/")
        || pointer.starts_with("/start/")
}

/// The whole store but for counters of tries, records of events, and when a session was last seen.
async fn stored(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for table in ["identity", "vault", "trading", "market", "outbox", "paper"] {
        let items = world.dump(table).await.into_iter().filter(|item| {
            let pk = item["pk"].as_str().unwrap_or_default();
            !["BUDGET#", "EVENTS#", "AUDIT#", "PROOF#", "IDEMPOTENCY#"].iter().any(|kind| pk.starts_with(kind))
        });
        all.insert(
            table.to_owned(),
            items
                .map(|mut item| {
                    item.remove("seen_at");
                    format!("{item:?}")
                })
                .collect(),
        );
    }
    all
}

struct Asked<'a> {
    world: &'a World,
    owner: &'a Owner,
    met: BTreeMap<String, BTreeSet<String>>,
}

impl Asked<'_> {
    /// Sends bytes to a route with everything but the bytes in order, and checks what every refusal has.
    async fn send(&mut self, route: &Route, path: &str, body: Vec<u8>, content_type: Option<&str>) -> Answered {
        let bearer = format!("Bearer {}", self.owner.token.clone().expect("a session"));
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(kind) = content_type {
            headers.push(("content-type", kind));
        }
        let proof = match route.demands() {
            Policy::StepUp => self.owner.proof_for(route.method(), path, &body).await,
            _ => String::new(),
        };
        if !proof.is_empty() {
            headers.push(("x-step-up", &proof));
        }
        let key = fresh_key();
        if route.creates() {
            headers.push(("idempotency-key", &key));
        }
        let shown = format!(
            "{} {path} {content_type:?} {}",
            route.method(),
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
        let answered = self.owner.raw(route.method(), path, body, &headers).await;
        is_a_problem(&answered, &shown);
        self.met.entry(route.path().to_owned()).or_default().insert(answered.refused().to_owned());
        answered
    }
    /// Refused with this code.
    async fn refused(&mut self, route: &Route, body: impl Into<Vec<u8>>, content_type: Option<&str>, code: &str) {
        let (body, path) = (body.into(), path(route, self.owner));
        let shown = format!("{} {path} {}", route.method(), String::from_utf8_lossy(&body[..body.len().min(300)]));
        let answered = self.send(route, &path, body, content_type).await;
        assert_eq!(answered.refused(), code, "{shown}: {}", answered.body);
    }
    /// Refused for one field.
    async fn at(&mut self, route: &Route, body: &str, pointer: &str, codes: &[&str]) -> String {
        let path = path(route, self.owner);
        let answered = self.send(route, &path, body.into(), Some("application/json")).await;
        assert_eq!(answered.refused(), "invalid_fields", "{path} {pointer} {body}: {}", answered.body);
        let faults = answered.body["errors"].as_array().expect("errors").clone();
        let found =
            faults.iter().find(|fault| fault["pointer"] == pointer && codes.iter().any(|code| fault["code"] == *code));
        found.unwrap_or_else(|| panic!("{path} {pointer} {codes:?} {body}: {}", answered.body))["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    }
    async fn changed_nothing(&self, before: &BTreeMap<String, BTreeSet<String>>) {
        let after = stored(self.world).await;
        for (table, items) in before {
            let (gone, new): (Vec<_>, Vec<_>) =
                (items.difference(&after[table]).collect(), after[table].difference(items).collect());
            assert!(gone.is_empty() && new.is_empty(), "{table} changed: {gone:#?} {new:#?}");
        }
    }
}

/// problem+json, of the catalogue, never the server's fault, nothing of what was sent.
#[track_caller]
fn is_a_problem(answered: &Answered, shown: &str) {
    assert!(answered.status.is_client_error(), "{} for {shown}: {}", answered.status, answered.body);
    assert_eq!(answered.headers["content-type"], "application/problem+json", "{shown}");
    let (code, status) =
        (answered.body["code"].as_str().expect("a code"), answered.body["status"].as_u64().expect("a status"));
    assert_eq!(status, u64::from(answered.status.as_u16()), "{shown}");
    assert!(
        api::problem::CATALOGUE.iter().any(|kind| kind.code == code && u64::from(kind.status) == status),
        "{code} {status} is not in the catalogue: {shown}"
    );
    assert!(
        ["type", "title", "detail"]
            .iter()
            .all(|field| answered.body[*field].as_str().is_some_and(|text| !text.is_empty())),
        "{shown}"
    );
    let text = String::from_utf8_lossy(&answered.bytes);
    assert!(!text.contains(CANARY) && !text.contains(&NUMBER.to_string()), "an echo for {shown}: {text}");
}

fn posts() -> impl Iterator<Item = &'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| route.method() == "POST")
}

#[tokio::test]
async fn what_is_no_form_is_refused_at_every_route_and_changes_nothing() {
    let world = World::seeded(601);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    for route in posts() {
        let good = form(route, &owner).to_string();
        let deep = format!("{{\"surplus\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        let json = Some("application/json");
        for text in [
            good[..good.len() - 1].to_owned(),
            CANARY.to_owned(),
            format!("{{{CANARY}:1}}"),
            format!("{good} {{}}"),
            format!("{good}{CANARY}"),
            format!("[{good}]"),
            format!("[\"{CANARY}\"]"),
            format!("\"{CANARY}\""),
            NUMBER.to_string(),
            "null".into(),
            "true".into(),
            " ".into(),
            format!("\u{feff}{good}"),
            format!("{{'a':'{CANARY}'}}"),
        ] {
            asked.refused(route, text, json, "malformed_body").await;
        }
        asked.refused(route, [b"{\"".as_slice(), &[0xc3, 0x28, 0xff], b"\":1}"].concat(), json, "malformed_body").await;
        let answered = asked.send(route, &path(route, &owner), deep.into_bytes(), json).await;
        assert!(["malformed_body", "invalid_fields"].contains(&answered.refused()), "{}", route.path());
        for kind in [
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonx"),
            Some("multipart/form-data; boundary=x"),
            None,
        ] {
            asked.refused(route, good.clone(), kind, "unsupported_media_type").await;
        }
        // Everything has a default there.
        let all_default = ["/v1/bots/{id}/stop", "/v1/paper/keys"].contains(&route.path());
        if takes(route, &owner) && !all_default {
            asked.refused(route, "", json, "malformed_body").await;
        }
        asked.changed_nothing(&before).await;
    }
    world.no_call_was_refused();
}
fn takes(route: &Route, owner: &Owner) -> bool {
    form(route, owner).as_object().is_some_and(|fields| !fields.is_empty())
}

#[tokio::test]
async fn a_body_beyond_64_kib_is_refused_at_every_route() {
    let world = World::seeded(602);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    for (_, route) in ALL {
        let body = format!("{{\"{CANARY}\":\"{}\"}}", CANARY.repeat(6_000));
        assert!(body.len() > 65 * 1024);
        asked.refused(route, body, Some("application/json"), "body_too_large").await;
    }
    asked.changed_nothing(&before).await;
}

#[tokio::test]
async fn every_field_is_refused_with_its_pointer_when_it_is_unknown_doubled_or_of_the_wrong_type() {
    let world = World::seeded(603);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    for route in posts() {
        let good = form(route, &owner);
        let mut surplus = good.clone();
        surplus["surplus"] = json!(CANARY);
        asked.at(route, &surplus.to_string(), "/surplus", &["unknown_field"]).await;
        for (pointer, value) in fields(&good, "") {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            // One field more, deep in the form. What a browser says of a passkey is WebAuthn's: it grows with the browsers, and
            // what we do not read of it is ignored.
            if value.is_object() && pointer != "/balances" && !pointer.starts_with("/credential") {
                let mut surplus = good.clone();
                surplus.pointer_mut(&pointer).unwrap()["surplus"] = json!({ CANARY: NUMBER });
                asked.at(route, &surplus.to_string(), &format!("{pointer}/surplus"), &["unknown_field"]).await;
            }
            // The same field twice: which one counts is what attacks are made of (SU-5).
            if parent.is_empty() {
                let doubled = format!("{{\"{name}\":{value},{}", good.to_string().strip_prefix('{').unwrap());
                asked.at(route, &doubled, "", &["duplicate_field"]).await;
            }
            for wrong in wrong_types(&value, &pointer) {
                // Looking before there is a key.
                if route.path().ends_with("/preview") && pointer == "/connection" && wrong.is_null() {
                    continue;
                }
                let mut form = good.clone();
                *form.pointer_mut(&pointer).unwrap() = wrong.clone();
                let answered =
                    asked.send(route, &path(route, &owner), form.to_string().into(), Some("application/json")).await;
                assert_eq!(
                    answered.refused(),
                    "invalid_fields",
                    "{} {pointer} {wrong}: {}",
                    route.path(),
                    answered.body
                );
                let found = answered.body["errors"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|fault| fault["pointer"].as_str().unwrap().starts_with(&pointer));
                assert!(found, "{} {pointer} {wrong}: {}", route.path(), answered.body);
            }
        }
        asked.changed_nothing(&before).await;
    }
    let codes: BTreeSet<_> = asked.met.values().flatten().cloned().collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["invalid_fields"]);
}

/// Every field of a form with its pointer.
fn fields(value: &Value, at: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, inner) in value.as_object().into_iter().flatten() {
        let pointer = format!("{at}/{name}");
        found.push((pointer.clone(), inner.clone()));
        found.extend(fields(inner, &pointer));
    }
    found
}

/// Values of every other type than the right one.
fn wrong_types(right: &Value, pointer: &str) -> Vec<Value> {
    // Not built yet: absent, null, false and empty mean the same; everything else is refused as not supported.
    if right.is_null() {
        let not_a_count = if pointer == "/limits/stop_after_deals" { json!(-1) } else { json!(NUMBER) };
        return vec![json!(CANARY), not_a_count, json!(true), json!({ CANARY: CANARY })];
    }
    let later = right.is_array() && right.as_array().unwrap().is_empty();
    let mut wrong = vec![json!({ CANARY: CANARY })];
    if right.is_object() {
        wrong.clear();
    }
    if !may_be_null(pointer) {
        wrong.push(Value::Null);
    }
    if !right.is_string() {
        wrong.push(json!(CANARY));
    }
    if !right.is_number() {
        wrong.push(json!(NUMBER));
    }
    if right.is_number() {
        wrong.extend([json!(-1), json!(1.5), json!(1e30)]);
    }
    if !right.is_boolean() && !later {
        wrong.push(json!(true));
    }
    if right.is_boolean() && pointer == "/stop_loss/trailing" {
        wrong.push(json!(true));
    }
    wrong.push(json!([CANARY, NUMBER]));
    wrong
}

#[tokio::test]
async fn amounts_and_pairs_that_cannot_be_are_refused_and_an_order_under_the_minimum_says_what_would_do() {
    let world = World::seeded(604);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    let ask: [&Route; 2] = [&api::routes::CREATE_BOT, &api::routes::PREVIEW_BOT];
    let canary_number = format!("{NUMBER}e3");
    for route in ask {
        for pointer in [
            "/base_order/amount",
            "/averaging/amount",
            "/averaging/deviation_pct",
            "/averaging/step_scale",
            "/averaging/volume_scale",
            "/take_profit/pct",
            "/stop_loss/pct",
        ] {
            let mut table: Vec<(Value, &str)> = vec![(json!(NUMBER), "not_a_string"), (json!(79.19), "not_a_string")];
            for text in [
                "",
                " ",
                " 1",
                "1 ",
                "+-1",
                "1e3",
                "1E3",
                canary_number.as_str(),
                "0x10",
                "1,5",
                "1_000",
                "NaN",
                "Infinity",
                "١٢",
                "1.2.3",
                CANARY,
                "--1",
            ] {
                table.push((json!(text), "not_a_number"));
            }
            for text in
                ["-1", "-0.5", "99999999999999999999999999999999999999999999", "1000000000001", "0.0000000000000000001"]
            {
                table.push((json!(text), "out_of_range"));
            }
            if pointer != "/stop_loss/pct" {
                table.push((json!("0"), "out_of_range"));
            }
            for (value, code) in table {
                let mut form = dca(&owner.connection);
                *form.pointer_mut(pointer).unwrap() = value;
                asked.at(route, &form.to_string(), pointer, &[code]).await;
            }
        }
        for (pair, code) in [
            ("NOPE-USDT", "unknown_pair"),
            ("btc-usdt", "unknown_value"),
            ("BTCUSDT", "unknown_value"),
            ("BTC/USDT", "unknown_value"),
            ("", "unknown_value"),
            ("BTC-USDT-X", "unknown_value"),
            (CANARY, "unknown_value"),
            ("BTC-BTC", "unknown_value"),
            ("-", "unknown_value"),
            ("BTC-USDT ", "unknown_value"),
        ] {
            let mut form = dca(&owner.connection);
            form["pair"] = json!(pair);
            asked.at(route, &form.to_string(), "/pair", &[code]).await;
        }
        let other = owner.bot.replace("bot_", "con_");
        for connection in [CANARY, "", owner.bot.as_str(), other.as_str()] {
            let mut form = dca(&owner.connection);
            form["connection"] = json!(connection);
            asked.at(route, &form.to_string(), "/connection", &["unknown_connection"]).await;
        }
        for (pointer, value) in [
            ("/averaging/count", json!(201)),
            ("/averaging/active", json!(0)),
            ("/averaging/active", json!(4)),
            ("/limits/deals", json!(2)),
            ("/limits/cooldown_s", json!(2_592_001)),
            ("/limits/stop_after_deals", json!(0)),
            ("/name", json!("x".repeat(65))),
            ("/name", json!("")),
            ("/name", json!("a\u{0}b")),
        ] {
            let mut form = dca(&owner.connection);
            *form.pointer_mut(pointer).unwrap() = value;
            asked.at(route, &form.to_string(), pointer, &["out_of_range", "not_supported_yet", "unknown_value"]).await;
        }
    }
    // The exchange takes 5 USDT at least: never raised silently, and said what would do.
    for (pointer, amount) in [("/base_order/amount", "4"), ("/averaging/amount", "1")] {
        let mut form = dca(&owner.connection);
        *form.pointer_mut(pointer).unwrap() = json!(amount);
        let detail = asked.at(&api::routes::CREATE_BOT, &form.to_string(), pointer, &["below_minimum"]).await;
        let would_do = smallest(&detail);
        let mut form = dca(&owner.connection);
        *form.pointer_mut(pointer).unwrap() = json!(would_do);
        form["name"] = json!("would do");
        let preview = owner.post("/v1/bots/preview", &form).await.ok();
        assert!(!preview["warnings"].to_string().contains("below_minimum"), "{detail}: {preview}");
    }
    asked.changed_nothing(&before).await;
}

/// The last number of a sentence: the size that would do.
fn smallest(detail: &str) -> String {
    let mut numbers = detail
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|part| part.trim_matches('.'))
        .filter(|part| part.contains('.') || part.parse::<u32>().is_ok());
    numbers.next_back().unwrap_or_else(|| panic!("no size in {detail}")).to_owned()
}

#[tokio::test]
async fn a_ladder_beyond_100_percent_says_how_many_of_its_orders_are_real() {
    let world = World::seeded(605);
    let owner = owner_with_a_bot(&world).await;
    let mut form = dca(&owner.connection);
    form["averaging"]["count"] = json!(10);
    form["averaging"]["deviation_pct"] = json!("15");
    form["stop_loss"] = Value::Null;
    // 15, 30, 45, 60, 75, 90 per cent; the seventh would be at 105.
    let preview = owner.post("/v1/bots/preview", &form).await.ok();
    let averaging = preview["orders"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|order| order["role"].as_str().unwrap().contains("averaging"))
        .count();
    assert_eq!(averaging, 6, "{preview}");
    let warnings = preview["warnings"].as_array().unwrap();
    let said = warnings
        .iter()
        .find(|warning| warning["code"].as_str().unwrap().contains("ladder"))
        .unwrap_or_else(|| panic!("{warnings:?}"));
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains('6') && detail.contains("10"), "{detail}");
}

#[tokio::test]
async fn a_connection_that_cannot_be_is_refused_field_by_field() {
    let world = World::seeded(606);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    let attach = &api::routes::ATTACH_CONNECTION;
    let good = form(attach, &owner);
    for (pointer, value) in [
        ("/label", json!("")),
        ("/label", json!("x".repeat(61))),
        ("/label", json!("a\nb")),
        ("/label", json!("<b>")),
        ("/label", json!(" a")),
        ("/allowed_pairs", json!([])),
        ("/allowed_pairs/0", json!(["btc-usdt"])),
        ("/allowed_pairs/0", json!([CANARY])),
        ("/api_key", json!("")),
        ("/api_secret", json!("")),
        ("/api_key", json!("a b")),
        ("/api_key", json!("k".repeat(5_000))),
        ("/api_secret", json!("s\u{7f}")),
        ("/order_quote_max", json!("-5")),
        ("/order_quote_max", json!("1e3")),
        ("/order_quote_max", json!("0")),
    ] {
        let mut form = good.clone();
        form[pointer.split('/').nth(1).unwrap()] = value;
        let answered = asked.send(attach, "/v1/connections", form.to_string().into(), Some("application/json")).await;
        assert_eq!(answered.refused(), "invalid_fields", "{form}: {}", answered.body);
        assert!(
            answered.body["errors"]
                .as_array()
                .unwrap()
                .iter()
                .any(|fault| fault["pointer"].as_str().unwrap().starts_with(pointer)),
            "{pointer}: {}",
            answered.body
        );
    }
    let mut elsewhere = good.clone();
    elsewhere["exchange"] = json!("binance");
    asked.refused(attach, elsewhere.to_string(), Some("application/json"), "exchange_not_supported").await;
    // Right in form, and nobody's key.
    asked.refused(attach, good.to_string(), Some("application/json"), "key_rejected").await;
    world.drain().await;
    asked.changed_nothing(&before).await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn ids_of_the_wrong_kind_are_not_found_at_every_route() {
    let world = World::seeded(607);
    let owner = owner_with_a_bot(&world).await;
    let before = stored(&world).await;
    let mut asked = Asked { world: &world, owner: &owner, met: BTreeMap::new() };
    let long = CANARY.repeat(400);
    let (lower, overflow, nobodys) =
        (owner.bot.to_lowercase(), format!("bot_{}", "Z".repeat(26)), owner.bot.replace("bot_", "usr_"));
    let bare = owner.bot.replace("bot_", "");
    for (_, route) in ALL.iter().filter(|(_, route)| route.path().contains("{id}")) {
        let mut ids = vec![
            CANARY,
            "%00",
            "%ff",
            "%2e%2e%2f",
            "..%2f..%2fetc",
            "0",
            "-1",
            "null",
            "'",
            long.as_str(),
            overflow.as_str(),
            nobodys.as_str(),
            bare.as_str(),
            "%F0%9F%92%A9",
        ];
        // Crockford's alphabet has one spelling here.
        if lower != owner.bot {
            ids.push(lower.as_str());
        }
        ids.push(if route.path().contains("/bots/") { owner.connection.as_str() } else { owner.bot.as_str() });
        for id in ids {
            // No proof is given for so long a path.
            if route.demands() == Policy::StepUp && id == long {
                continue;
            }
            let answered = asked.send(route, &route.path().replace("{id}", id), Vec::new(), None).await;
            assert!(
                ["not_found", "no_such_route"].contains(&answered.refused()),
                "{} {id}: {}",
                route.path(),
                answered.body
            );
        }
    }
    for path in
        ["/", "/v1", "/v1/", "/v1/nothing", "/v1/bots/", "//v1/bots", "/v1/bots/x/y/z", "/v1/me/", "/%00", "/dev/clock"]
    {
        let answered = owner.get(&format!("{path}?{CANARY}={CANARY}")).await;
        is_a_problem(&answered, path);
        assert_eq!(answered.refused(), "no_such_route", "{path}");
    }
    for (method, path) in [
        ("PUT", "/v1/bots"),
        ("PATCH", "/v1/me"),
        ("TRACE", "/v1/me"),
        ("DELETE", "/v1/login"),
        ("GET", "/v1/password-reset/complete"),
        ("GET", "/v1/signup/verify"),
    ] {
        let answered = owner.send(method, path, None, &[]).await;
        is_a_problem(&answered, path);
        assert_eq!(answered.refused(), "method_not_allowed", "{method} {path}");
    }
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "limit=",
        "limit=007",
        "surplus=1",
        "Limit=1",
        "_method=DELETE",
        "limit=%ff",
        "limit=1e1",
    ] {
        for path in ["/v1/bots".to_owned(), format!("/v1/bots/{}/deals", owner.bot), "/v1/activity".into()] {
            let answered = owner.get(&format!("{path}?{query}")).await;
            is_a_problem(&answered, &format!("{path}?{query}"));
            assert_eq!(answered.refused(), "invalid_fields", "{path}?{query}");
        }
    }
    asked.changed_nothing(&before).await;
    world.no_call_was_refused();
}
