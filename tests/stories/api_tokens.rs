//! API tokens over the whole product: what each may call, and that nothing that touches the credentials leaves one alive
//! (PR-11, LG-4).

use serde_json::{Value, json};
use tests::world::{Browser, Owner, World, dca, newest_token};

/// A program with a token of this owner.
async fn program(owner: &Owner, form: Value) -> Browser {
    let made = owner.stepped_up("POST", "/v1/tokens", Some(&form)).await.ok();
    let mut program = (**owner).clone();
    program.token = Some(made["secret"].as_str().expect("a secret").to_owned());
    program
}
fn scope(scope: &str) -> Value {
    json!({ "name": "story", "scope": scope })
}
async fn trading(world: &World) -> Owner {
    let mut owner = world.owner("owner@example.org").await;
    owner.trades(world).await;
    world.quiet_minutes(1).await;
    owner
}

#[tokio::test]
async fn lg_4_a_read_token_looks_and_a_trade_token_moves_bots_and_neither_does_more() {
    let world = World::seeded(1501);
    let owner = trading(&world).await;
    let (reader, trader) = (program(&owner, scope("read")).await, program(&owner, scope("trade")).await);
    let bot = format!("/v1/bots/{}", owner.bot);
    let (stop, start) = (format!("{bot}/stop"), format!("{bot}/start"));
    for token in [&reader, &trader] {
        for path in ["/v1/bots", "/v1/connections", "/v1/activity", bot.as_str()] {
            token.get(path).await.ok();
        }
        for path in ["/v1/me", "/v1/sessions", "/v1/tokens"] {
            assert_eq!(token.get(path).await.refused(), "session_required", "{path}");
        }
    }
    for path in [stop.as_str(), start.as_str(), "/v1/kill-switch"] {
        let refused = reader.post(path, &json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.refused()), (403, "token_out_of_scope"), "{path}");
    }
    assert_eq!(owner.get("/v1/bots").await.ok()["trading_stopped"], false);
    trader.post(&stop, &json!({ "deals": "cancel" })).await.ok();
    world.drain().await;
    trader.post("/v1/kill-switch", &json!({})).await.ok();
    // ST-5: stopping is everybody's, releasing a person's.
    assert_eq!(trader.post("/v1/kill-switch/release", &json!({})).await.refused(), "session_required");
    let limits = format!("/v1/connections/{}/limits", owner.connection);
    for method in ["PATCH", "DELETE"] {
        let body = (method == "PATCH").then_some(r#"{"allowed_pairs":["BTC-USDT"]}"#);
        assert_eq!(trader.send(method, &limits, body, &[]).await.refused(), "session_required");
    }
    assert_eq!(owner.get("/v1/bots").await.ok()["trading_stopped"], true);
    let listed = owner.get("/v1/tokens").await.ok();
    assert!(listed["items"].as_array().unwrap().iter().all(|token| token["last_used_at"].is_string()), "{listed}");
    world.no_call_was_refused();
}

#[tokio::test]
async fn lg_4_a_token_for_one_bot_reaches_that_bot_alone() {
    let world = World::seeded(1502);
    let owner = trading(&world).await;
    let other = owner.post("/v1/bots", &dca(&owner.connection)).await.ok();
    let other = other["id"].as_str().expect("an id").to_owned();
    let token = program(&owner, json!({ "name": "one", "scope": "trade", "bots": [owner.bot] })).await;
    token.get(&format!("/v1/bots/{}", owner.bot)).await.ok();
    token.post(&format!("/v1/bots/{}/stop", owner.bot), &json!({})).await.ok();
    for path in ["/v1/bots".to_owned(), "/v1/activity".into(), "/v1/connections".into(), format!("/v1/bots/{other}")] {
        assert_eq!(token.get(&path).await.refused(), "token_out_of_scope", "{path}");
    }
    for path in [format!("/v1/bots/{other}/start"), "/v1/kill-switch".into()] {
        assert_eq!(token.post(&path, &json!({})).await.refused(), "token_out_of_scope", "{path}");
    }
}

#[tokio::test]
async fn lg_4_a_token_for_one_bot_points_it_at_no_other_connection() {
    let world = World::seeded(1508);
    let mut owner = trading(&world).await;
    let made = owner.post("/v1/bots", &dca(&owner.connection)).await.ok();
    let bot = made["id"].as_str().expect("an id").to_owned();
    let (path, first) = (format!("/v1/bots/{bot}"), dca(&owner.connection));
    owner.attaches_a_key().await;
    let other = dca(&owner.connection);
    let changed = async |by: &Browser, config: &Value| {
        let version = format!("\"{}\"", owner.get(&path).await.ok()["version"]);
        let body = json!({ "config": config }).to_string();
        by.send("PATCH", &path, Some(&body), &[("if-match", &version)]).await
    };
    let token = program(&owner, json!({ "name": "one", "scope": "trade", "bots": [bot] })).await;
    changed(&token, &first).await.ok();
    assert_eq!(changed(&token, &other).await.refused(), "token_out_of_scope");
    assert_eq!(owner.get(&path).await.ok()["connection"], first["connection"]);
    for by in [&program(&owner, scope("trade")).await, &*owner] {
        changed(by, &other).await.ok();
        assert_eq!(owner.get(&path).await.ok()["connection"], other["connection"]);
        changed(by, &first).await.ok();
    }
}

#[tokio::test]
async fn ss_8_the_id_of_anothers_bot_in_a_token_opens_nothing() {
    let world = World::seeded(1503);
    let owner = trading(&world).await;
    let thief = world.owner("thief@example.org").await;
    let token = program(&thief, json!({ "name": "greedy", "scope": "trade", "bots": [owner.bot] })).await;
    for path in [format!("/v1/bots/{}", owner.bot), format!("/v1/bots/{}/deals", owner.bot)] {
        assert_eq!(token.get(&path).await.refused(), "not_found", "{path}");
    }
    for verb in ["start", "stop"] {
        let answered = token.post(&format!("/v1/bots/{}/{verb}", owner.bot), &json!({})).await;
        assert_eq!(answered.refused(), "not_found", "{verb}");
    }
    // Nor does a token of somebody else's see more than its owner.
    let all = program(&thief, scope("trade")).await;
    assert_eq!(all.get(&format!("/v1/bots/{}", owner.bot)).await.refused(), "not_found");
    assert_eq!(all.get("/v1/bots").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn pr_11_every_token_is_refused_on_the_very_next_request_after_what_touches_the_credentials() {
    for event in ["reset", "password changed", "address changed", "factor added", "factor removed", "revoked"] {
        let world = World::seeded(1504);
        let mut owner = world.owner("owner@example.org").await;
        if event == "factor removed" {
            owner.adds_a_factor().await;
            owner.signs_in().await;
        }
        let token = program(&owner, scope("trade")).await;
        token.get("/v1/bots").await.ok();
        match event {
            "reset" => drop(owner.resets_the_password(&world, "eleven copper kettles whistling").await),
            "password changed" => {
                let form = json!({ "password": "eleven copper kettles whistling" });
                owner.stepped_up("POST", "/v1/password", Some(&form)).await.ok();
                owner.password = "eleven copper kettles whistling".into();
            }
            "address changed" => {
                let next = "next@example.org";
                let asked = owner.stepped_up("POST", "/v1/email", Some(&json!({ "email": next }))).await;
                assert!(asked.status.is_success(), "{}", asked.body);
                world.drain().await;
                // Until it is confirmed nothing has changed.
                token.get("/v1/bots").await.ok();
                let link = newest_token(&world, next, "email-confirm?token=");
                let confirmed = owner.post("/v1/email/confirm", &json!({ "token": link })).await;
                assert!(confirmed.status.is_success(), "{}", confirmed.body);
                owner.email = next.into();
            }
            "factor added" => drop(owner.adds_a_factor().await),
            "factor removed" => {
                let removed = owner.stepped_up("DELETE", "/v1/second-factors/totp", None).await;
                assert!(removed.status.is_success(), "{}", removed.body);
                owner.seed = None;
            }
            _ => {
                let id = owner.get("/v1/tokens").await.ok()["items"][0]["id"].as_str().expect("an id").to_owned();
                assert!(owner.delete(&format!("/v1/tokens/{id}")).await.status.is_success());
            }
        }
        assert_eq!(token.get("/v1/bots").await.refused(), "no_session", "{event}");
        let stopped = token.post("/v1/kill-switch", &json!({})).await;
        assert_eq!(stopped.refused(), "no_session", "{event}");
        owner.signs_in().await;
        assert_eq!(owner.get("/v1/tokens").await.ok()["items"], json!([]), "{event}");
        assert_eq!(token.get("/v1/bots").await.refused(), "no_session", "{event}, after a new sign-in");
        world.no_call_was_refused();
    }
}

#[tokio::test]
async fn a_token_stands_in_its_one_answer_alone() {
    let world = World::seeded(1505);
    let owner = world.owner("owner@example.org").await;
    let token = program(&owner, scope("read")).await.token.expect("a token");
    world.drain().await;
    for table in ["identity", "vault", "trading", "market", "outbox", "paper"] {
        let dump = format!("{:?}", world.dump(table).await);
        assert!(!dump.contains(&token[4..]), "{table}");
    }
    let mails = world.mails_to(&owner.email);
    assert!(mails.iter().any(|mail| mail.contains("story")) && mails.iter().all(|mail| !mail.contains(&token[4..])));
    for path in ["/v1/tokens", "/v1/me", "/v1/sessions", "/v1/activity"] {
        assert!(!String::from_utf8(owner.get(path).await.bytes).unwrap().contains(&token[4..]), "{path}");
    }
}
