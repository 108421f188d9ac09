//! Every route for every kind of caller, generated from the route table: what each is answered follows from what the route
//! declares, and from the few reasons below. A new route is in it by being in the table.

use std::collections::BTreeSet;

use api::routes::ALL;
use api::{Policy, Route, Tokens};
use serde_json::json;
use tests::world::{Answered, Owner, World, dca, fresh_key};

const OUR_PAGES: &str = "http://localhost:8080";
/// What stops a request before its handler: none of these where the handler is reached.
const AT_THE_GATE: [&str; 5] =
    ["no_session", "cross_site_request", "session_required", "token_out_of_scope", "step_up_required"];
/// Understood by no handler, so that one that is reached does nothing.
const NOTHING_USEFUL: &str = r#"{"surplus":1}"#;

/// Who calls, with ids that are the owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Nobody,
    DeadSession,
    GarbageToken,
    RevokedToken,
    TokenInACookie,
    CookieWithoutOurHeader,
    CookieFromElsewhere,
    Cookie,
    Session,
    ProofForAnotherBody,
    ProofForAnotherPath,
    ProofForAnotherMethod,
    ProofOfAnother,
    UnverifiedSession,
    ForeignSession,
    ReadToken,
    TradeToken,
    TokenForAnotherBot,
    ForeignTradeToken,
}
use Caller::*;

const CALLERS: [Caller; 19] = [
    Nobody,
    DeadSession,
    GarbageToken,
    RevokedToken,
    TokenInACookie,
    CookieWithoutOurHeader,
    CookieFromElsewhere,
    Cookie,
    Session,
    ProofForAnotherBody,
    ProofForAnotherPath,
    ProofForAnotherMethod,
    ProofOfAnother,
    UnverifiedSession,
    ForeignSession,
    ReadToken,
    TradeToken,
    TokenForAnotherBot,
    ForeignTradeToken,
];

/// What a caller is answered: a code, or whatever the handler says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused(u16, &'static str),
    Reaches,
}
use Expected::{Reaches, Refused};

/// Everything that the matrix knows: the route's declarations, and nothing about the single route.
fn expected(route: &Route, caller: Caller) -> Expected {
    if route.demands() == Policy::Public {
        return Reaches;
    }
    let changes = route.method() != "GET";
    let with_id = route.path().contains('{');
    let as_session = match route.demands() {
        // ST-1: without the right proof nothing is told, not even whether the id exists.
        Policy::StepUp => Refused(403, "step_up_required"),
        Policy::Session | Policy::Public => Reaches,
    };
    match caller {
        Nobody | DeadSession | GarbageToken | RevokedToken | TokenInACookie => Refused(401, "no_session"),
        // SS-5: reading needs no header.
        CookieWithoutOurHeader | CookieFromElsewhere if changes => Refused(403, "cross_site_request"),
        CookieWithoutOurHeader
        | CookieFromElsewhere
        | Cookie
        | Session
        | ProofForAnotherBody
        | ProofForAnotherPath
        | ProofForAnotherMethod
        | ProofOfAnother => as_session,
        // SS-8: the ids are not theirs.
        UnverifiedSession | ForeignSession if with_id && as_session == Reaches => Refused(404, "not_found"),
        UnverifiedSession | ForeignSession => as_session,
        // LG-4.
        ReadToken | TradeToken | TokenForAnotherBot | ForeignTradeToken if route.tokens() == Tokens::Refused => {
            Refused(403, "session_required")
        }
        ReadToken if route.tokens() == Tokens::Trade => Refused(403, "token_out_of_scope"),
        TokenForAnotherBot => Refused(403, "token_out_of_scope"),
        ForeignTradeToken if with_id => Refused(404, "not_found"),
        ReadToken | TradeToken | ForeignTradeToken => Reaches,
    }
}

/// Everybody who calls, and what is the owner's.
struct Cast {
    owner: Owner,
    foreign: Owner,
    unverified: String,
    dead: String,
    revoked_token: String,
    read_token: String,
    trade_token: String,
    other_bot_token: String,
    foreign_token: String,
    session_id: String,
    token_id: String,
    deal: String,
}

async fn make_token(owner: &Owner, form: serde_json::Value) -> (String, String) {
    let made = owner.stepped_up("POST", "/v1/tokens", Some(&form)).await.ok();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (text(&made["secret"]), text(&made["token"]["id"]))
}

async fn cast(world: &World) -> Cast {
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(world).await;
    world.quiet_minutes(2).await;
    let mut late = owner.clone();
    // Shown at a sign-in it would be replaced (LG-3).
    late.token = None;
    late.signs_in().await;
    let dead = late.token.clone().expect("a session");
    assert!(late.post("/v1/logout", &json!({})).await.status.is_success());
    let other_bot =
        owner.post("/v1/bots", &dca(&owner.connection)).await.ok()["id"].as_str().expect("an id").to_owned();
    let (read_token, token_id) = make_token(&owner, json!({ "name": "read", "scope": "read" })).await;
    let (trade_token, _) = make_token(&owner, json!({ "name": "trade", "scope": "trade" })).await;
    let (other_bot_token, _) =
        make_token(&owner, json!({ "name": "other", "scope": "trade", "bots": [other_bot] })).await;
    let (revoked_token, gone) = make_token(&owner, json!({ "name": "gone", "scope": "trade" })).await;
    assert!(owner.delete(&format!("/v1/tokens/{gone}")).await.status.is_success());
    let foreign = world.owner("other@example.org").await;
    let (foreign_token, _) = make_token(&foreign, json!({ "name": "foreign", "scope": "trade" })).await;
    let mut unverified = world.stranger("unverified@example.org");
    unverified.post("/v1/signup", &json!({ "email": unverified.email, "password": unverified.password })).await.ok();
    unverified.signs_in().await;
    let session_id = owner.get("/v1/sessions").await.ok()["items"][0]["id"].as_str().expect("an id").to_owned();
    let deal = owner.deal().await["id"].as_str().expect("a deal").to_owned();
    world.drain().await;
    let unverified = unverified.token.expect("a session");
    Cast {
        owner,
        foreign,
        unverified,
        dead,
        revoked_token,
        read_token,
        trade_token,
        other_bot_token,
        foreign_token,
        session_id,
        token_id,
        deal,
    }
}

impl Cast {
    /// The path to what is the owner's.
    fn path(&self, route: &Route) -> String {
        let id = match route.path().split('/').nth(2) {
            Some("sessions") => self.session_id.clone(),
            Some("connections") => self.owner.connection.clone(),
            Some("bots") => self.owner.bot.clone(),
            Some("deals") => self.deal.clone(),
            Some("tokens") => self.token_id.clone(),
            // There is none: nobody reaches one of anybody's.
            Some("second-factors") => self.owner.bot.replace("bot_", "psk_"),
            other => {
                assert!(!route.path().contains('{'), "a new kind of id: say whose it is: {other:?}");
                String::new()
            }
        };
        route.path().replace("{id}", &id)
    }
    async fn asks(&self, caller: Caller, route: &Route) -> Answered {
        let path = self.path(route);
        let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
        let cookie = |token: &str| ("cookie", format!("__Host-session={token}"));
        let page = |token: &str| {
            vec![cookie(token), ("x-requested-with", "shearpin".to_owned()), ("origin", OUR_PAGES.to_owned())]
        };
        let session = self.owner.token.clone().expect("a session");
        let mut headers = match caller {
            Nobody => vec![],
            DeadSession => bearer(&self.dead),
            GarbageToken => bearer("shp_garbage"),
            RevokedToken => bearer(&self.revoked_token),
            TokenInACookie => page(&self.trade_token),
            CookieWithoutOurHeader => vec![cookie(&session), ("origin", OUR_PAGES.to_owned())],
            CookieFromElsewhere => vec![
                cookie(&session),
                ("x-requested-with", "shearpin".to_owned()),
                ("origin", "http://evil.example".to_owned()),
            ],
            Cookie => page(&session),
            Session | ProofForAnotherBody | ProofForAnotherPath | ProofForAnotherMethod | ProofOfAnother => {
                bearer(&session)
            }
            UnverifiedSession => bearer(&self.unverified),
            ForeignSession => bearer(self.foreign.token.as_deref().expect("a session")),
            ReadToken => bearer(&self.read_token),
            TradeToken => bearer(&self.trade_token),
            TokenForAnotherBot => bearer(&self.other_bot_token),
            ForeignTradeToken => bearer(&self.foreign_token),
        };
        if route.demands() == Policy::StepUp {
            let (method, body) = (route.method(), NOTHING_USEFUL.as_bytes());
            let other_method = if method == "DELETE" { "POST" } else { "DELETE" };
            let proof = match caller {
                ProofForAnotherBody => Some(self.owner.proof_for(method, &path, b"{}").await),
                ProofForAnotherPath => Some(self.owner.proof_for(method, &format!("{path}/x"), body).await),
                ProofForAnotherMethod => Some(self.owner.proof_for(other_method, &path, body).await),
                ProofOfAnother => Some(self.foreign.proof_for(method, &path, body).await),
                _ => None,
            };
            headers.extend(proof.map(|proof| ("x-step-up", proof)));
        }
        if route.creates() {
            headers.push(("idempotency-key", fresh_key()));
        }
        headers.push(("content-type", "application/json".to_owned()));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if route.method() == "GET" { Vec::new() } else { self.body(caller, route) };
        self.owner.raw(route.method(), &path, body, &headers).await
    }
    /// What a stranger to the ids sends is understood, so that only the ids refuse it; all else is understood by nobody.
    fn body(&self, caller: Caller, route: &Route) -> Vec<u8> {
        match (expected(route, caller), route.method()) {
            (Refused(404, _), "PATCH") => br#"{"loosening_wait_h":48}"#.to_vec(),
            (Refused(404, _), _) => b"{}".to_vec(),
            _ => NOTHING_USEFUL.into(),
        }
    }
}

/// What may change by being called alone.
async fn stored(world: &World) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for table in ["identity", "vault", "trading", "outbox", "paper"] {
        for mut item in world.dump(table).await {
            let pk = item["pk"].as_str().unwrap_or_default();
            if ["BUDGET#", "EVENTS#", "PROOF#", "IDEMPOTENCY#"].iter().any(|kind| pk.starts_with(kind)) {
                continue;
            }
            for noted in ["seen_at", "used_at"] {
                item.remove(noted);
            }
            all.insert(format!("{table} {item:?}"));
        }
    }
    all
}

#[tokio::test]
async fn ss_8_lg_4_every_route_answers_every_caller_what_its_declarations_say() {
    let world = World::seeded(1601);
    let cast = cast(&world).await;
    let before = stored(&world).await;
    let mut findings = Vec::new();
    for (_, route) in ALL {
        for caller in CALLERS {
            // A handler that is reached may delete: its own stories say what.
            if expected(route, caller) == Reaches && route.method() == "DELETE" {
                continue;
            }
            let answered = cast.asks(caller, route).await;
            let code = answered.body["code"].as_str().unwrap_or_default();
            let as_expected = match expected(route, caller) {
                Refused(status, expected) => (answered.status.as_u16(), code) == (status, expected),
                Reaches => !AT_THE_GATE.contains(&code) || (route.demands() == Policy::Public),
            };
            if !as_expected || answered.status.is_server_error() {
                findings.push(format!(
                    "{} {} for {caller:?}: {} {code}, expected {:?}",
                    route.method(),
                    route.path(),
                    answered.status,
                    expected(route, caller)
                ));
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    let after = stored(&world).await;
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "{changed:#?}");
    world.no_call_was_refused();
}

#[test]
fn st_1_no_route_behind_a_proof_takes_a_token_and_no_public_one_needs_either() {
    for (_, route) in ALL {
        if route.demands() != Policy::Session {
            assert_eq!(route.tokens(), Tokens::Refused, "{} {}", route.method(), route.path());
        }
        if route.tokens() == Tokens::Read {
            assert!(
                route.method() == "GET" || route.path().ends_with("/preview"),
                "{} {} changes something for a token that may only look",
                route.method(),
                route.path()
            );
        }
    }
}

/// Behind a proof, and open to an account whose address nobody has verified, each for its reason.
const OPEN_TO_UNVERIFIED: [(&str, &str); 8] = [
    ("POST /v1/password", "a password that is known to others must go, verified or not"),
    ("POST /v1/email", "a mistyped address is put right"),
    ("DELETE /v1/account", "whoever made it may end it"),
    ("POST /v1/account/release", "it only ever takes back a hold, with a factor that such an account cannot have"),
    ("DELETE /v1/second-factors/totp", "there can be none, and taking away gives nothing"),
    ("DELETE /v1/second-factors/passkeys/{id}", "there can be none, and taking away gives nothing"),
    ("POST /v1/second-factors/recovery-codes", "codes follow a factor, and there can be none"),
    ("POST /v1/kill-switch/release", "there is no key to trade with"),
];

#[tokio::test]
async fn ev_4_what_a_proof_opens_stays_closed_to_an_unverified_account_but_for_the_listed_routes() {
    let world = World::seeded(1602);
    let mut somebody = world.stranger("unverified@example.org");
    somebody.post("/v1/signup", &json!({ "email": somebody.email, "password": somebody.password })).await.ok();
    somebody.signs_in().await;
    let key = somebody.post("/v1/paper/keys", &json!({})).await.ok();
    let stepped_up = || ALL.iter().map(|(_, route)| route).filter(|route| route.demands() == Policy::StepUp);
    let name = |route: &Route| format!("{} {}", route.method(), route.path());
    for (listed, reason) in OPEN_TO_UNVERIFIED {
        assert!(!reason.is_empty() && stepped_up().any(|route| name(route) == listed), "{listed} is no such route");
    }
    for route in stepped_up().filter(|route| !OPEN_TO_UNVERIFIED.iter().any(|(listed, _)| *listed == name(route))) {
        let form = match route.path() {
            "/v1/tokens" => json!({ "name": "story", "scope": "read" }),
            "/v1/connections" => {
                json!({ "exchange": "paper", "label": "story", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": [tests::world::PAIR] })
            }
            _ => json!({}),
        };
        let answered = somebody.stepped_up(route.method(), route.path(), Some(&form)).await;
        assert_eq!(
            (answered.status.as_u16(), answered.refused()),
            (403, "email_not_verified"),
            "{}: {}",
            name(route),
            answered.body
        );
    }
    world.drain().await;
    assert!(world.secrets().await.is_empty(), "no secret of the refused attach is left");
    world.no_call_was_refused();
}
