//! SS-8: what belongs to somebody else does not exist. Every route with an id, and every list.

use std::collections::BTreeSet;

use api::routes::ALL;
use api::{Policy, Route};
use serde_json::{Value, json};
use tests::world::{Answered, Authenticator, Owner, World, dca};

/// Two owners who have one of everything.
async fn two(world: &World) -> (Tenant, Tenant) {
    (tenant(world, "first@example.org").await, tenant(world, "second@example.org").await)
}
/// An owner, and the ids of what is theirs.
struct Tenant {
    owner: Owner,
    session: String,
    token: String,
    deal: String,
    passkey: String,
}

async fn tenant(world: &World, email: &str) -> Tenant {
    let mut owner = world.owner(email).await;
    owner.trades(world).await;
    world.quiet_minutes(2).await;
    let device = Authenticator::new(email.len().try_into().expect("short"));
    let added = owner.adds_a_passkey(&device).await;
    let passkey = added["passkey"]["id"].as_str().expect("a passkey").to_owned();
    let sessions = owner.get("/v1/sessions").await.ok();
    let session = sessions["items"][0]["id"].as_str().expect("a session").to_owned();
    let deal = owner.deal().await["id"].as_str().expect("a deal").to_owned();
    let form = json!({ "name": "story", "scope": "read" });
    let made = owner.stepped_up("POST", "/v1/tokens", Some(&form)).await.ok();
    let token = made["token"]["id"].as_str().expect("a token").to_owned();
    Tenant { owner, session, token, deal, passkey }
}

impl Tenant {
    /// The path of a route to what is this tenant's.
    fn path(&self, route: &Route) -> String {
        let id = match route.path().split('/').nth(2) {
            Some("sessions") => &self.session,
            Some("tokens") => &self.token,
            Some("connections") => &self.owner.connection,
            Some("bots") => &self.owner.bot,
            Some("deals") => &self.deal,
            Some("second-factors") => &self.passkey,
            other => panic!("a new kind of id: say whose it is: {other:?}"),
        };
        route.path().replace("{id}", id)
    }
    /// What nobody else may see.
    fn own(&self) -> [String; 7] {
        let bare = |id: &str| id.split_once('_').expect("a prefix").1.to_owned();
        [
            bare(&self.owner.connection),
            bare(&self.owner.bot),
            bare(&self.deal),
            bare(&self.session),
            bare(&self.token),
            bare(&self.passkey),
            self.owner.email.clone(),
        ]
    }
}

fn with_ids() -> impl Iterator<Item = &'static Route> {
    ALL.iter().map(|(_, route)| route).filter(|route| route.path().contains("{id}"))
}

/// Bodies that the routes with ids take.
fn bodies(route: &Route) -> Vec<Option<Value>> {
    match (route.method(), route.path()) {
        ("POST", "/v1/bots/{id}/stop") => {
            ["finish", "cancel", "close"].iter().map(|deals| Some(json!({ "deals": deals }))).collect()
        }
        ("POST", _) => vec![Some(json!({}))],
        ("PATCH", "/v1/connections/{id}/limits") => vec![Some(json!({ "loosening_wait_h": 48 }))],
        _ => vec![None],
    }
}
async fn send(who: &Owner, route: &Route, path: &str, body: Option<&Value>) -> Answered {
    match route.demands() {
        Policy::StepUp => who.stepped_up(route.method(), path, body).await,
        Policy::Session | Policy::Public => {
            who.send(route.method(), path, body.map(Value::to_string).as_deref(), &[]).await
        }
    }
}

/// The same with an id that nobody has.
fn nobodys(path: &str) -> String {
    let (before, id) = path.split_once('_').expect("an id");
    format!("{before}_{}", id.replace(|c: char| c.is_ascii_digit(), "7"))
}

async fn stored(world: &World) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for table in ["identity", "vault", "trading", "market", "outbox", "paper"] {
        for mut item in world.dump(table).await {
            let pk = item["pk"].as_str().unwrap_or_default();
            if ["BUDGET#", "EVENTS#", "AUDIT#", "PROOF#", "IDEMPOTENCY#", "CEREMONY#"]
                .iter()
                .any(|kind| pk.starts_with(kind))
            {
                continue;
            }
            item.remove("seen_at");
            // A passkey notes that its owner's own step-ups used it.
            item.remove("last_used_at");
            item.remove("counter");
            all.insert(format!("{table} {item:?}"));
        }
    }
    all
}

#[tokio::test]
async fn ss_8_anothers_ids_are_not_found_at_every_route_as_if_they_had_never_been() {
    let world = World::seeded(801);
    let (mine, theirs) = two(&world).await;
    let before = stored(&world).await;
    let mut routes = 0;
    for route in with_ids() {
        for body in bodies(route) {
            let (path, nobodys) = (theirs.path(route), nobodys(&theirs.path(route)));
            let answered = send(&mine.owner, route, &path, body.as_ref()).await;
            assert_eq!(
                (answered.status.as_u16(), answered.refused()),
                (404, "not_found"),
                "{} {path}: {}",
                route.method(),
                answered.body
            );
            let unknown = send(&mine.owner, route, &nobodys, body.as_ref()).await;
            assert_eq!(
                answered.bytes,
                unknown.bytes,
                "{} {path}: the same words as for nothing at all",
                route.method()
            );
            routes += 1;
        }
    }
    assert!(routes >= 9, "{routes}");
    assert_eq!(stored(&world).await, before);
    // And it is not because nobody may: their owner sees them.
    for route in with_ids().filter(|route| route.method() == "GET") {
        send(&theirs.owner, route, &theirs.path(route), None).await.ok();
    }
    world.no_call_was_refused();
}

#[tokio::test]
async fn ss_8_no_list_and_no_page_shows_anothers() {
    let world = World::seeded(802);
    let (mine, theirs) = two(&world).await;
    for (one, other) in [(&mine, &theirs), (&theirs, &mine)] {
        for (_, route) in ALL.iter().filter(|(_, route)| route.method() == "GET") {
            let path = if route.path().contains("{id}") { one.path(route) } else { route.path().to_owned() };
            let text = String::from_utf8(one.owner.get(&path).await.bytes).expect("text");
            for own in other.own() {
                assert!(!text.contains(&own), "{path} shows {own}: {text}");
            }
        }
        // A cursor is no key to others' lists.
        for path in ["/v1/bots".to_owned(), "/v1/activity".into(), format!("/v1/bots/{}/deals", one.owner.bot)] {
            for cursor in [&other.owner.bot, &other.deal, &other.owner.connection] {
                let answered = one.owner.get(&format!("{path}?cursor={cursor}")).await;
                assert_eq!(answered.refused(), "cursor_refused", "{path}: {}", answered.body);
            }
        }
    }
    world.no_call_was_refused();
}

#[tokio::test]
async fn ss_8_a_bot_cannot_be_made_previewed_or_moved_onto_anothers_connection() {
    let world = World::seeded(803);
    let (mine, theirs) = two(&world).await;
    let before = stored(&world).await;
    let nobodys = nobodys(&theirs.owner.connection);
    for path in ["/v1/bots", "/v1/bots/preview"] {
        let answered = mine.owner.post(path, &dca(&theirs.owner.connection)).await;
        assert_eq!(answered.refused(), "invalid_fields");
        assert_eq!(answered.body["errors"][0]["code"], "unknown_connection");
        assert_eq!(
            answered.bytes,
            mine.owner.post(path, &dca(&nobodys)).await.bytes,
            "the same words as for nothing at all"
        );
    }
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn kx_4_a_key_that_another_attached_is_refused_without_saying_whose() {
    let world = World::seeded(804);
    let mine = world.owner("first@example.org").await;
    let theirs = world.owner("second@example.org").await;
    let key = theirs.post("/v1/paper/keys", &json!({})).await.ok();
    let form = json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": ["BTC-USDT"] });
    theirs.stepped_up("POST", "/v1/connections", Some(&form)).await.ok();
    let answered = mine.stepped_up("POST", "/v1/connections", Some(&form)).await;
    assert_eq!(answered.refused(), "key_in_use");
    assert!(!String::from_utf8_lossy(&answered.bytes).contains(&theirs.email));
    world.drain().await;
    assert_eq!(mine.get("/v1/connections").await.ok()["items"], json!([]));
    assert_eq!(world.secrets().await.len(), 1, "no secret of the refused attach is left");
    world.no_call_was_refused();
}
