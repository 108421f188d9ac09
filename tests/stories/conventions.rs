//! What every list and everything with a version has in common: pages that stay what they are, and changes by those alone
//! who have read what they change.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::world::{Answered, Owner, World, dca};

async fn owner(world: &World) -> Owner {
    world.quiet_minutes(1).await;
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    owner
}
async fn makes_a_bot(owner: &Owner) -> String {
    owner.post("/v1/bots", &dca(&owner.connection)).await.ok()["id"].as_str().unwrap().to_owned()
}
fn tag(answered: &Answered) -> String {
    answered.headers["etag"].to_str().unwrap().to_owned()
}
async fn patch(owner: &Owner, bot: &str, body: &Value, if_match: &str) -> Answered {
    owner.send("PATCH", &format!("/v1/bots/{bot}"), Some(&body.to_string()), &[("if-match", if_match)]).await
}
fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_list_comes_in_pages_that_hold_each_item_once_while_others_come_and_go() {
    let world = World::seeded(961);
    let owner = owner(&world).await;
    let mut bots = BTreeSet::new();
    for _ in 0..5 {
        bots.insert(makes_a_bot(&owner).await);
        world.clock.advance(1);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/bots?limit=2".to_owned());
    loop {
        let page = owner.get(&path).await.ok();
        assert!(page["items"].as_array().unwrap().len() <= 2);
        seen.extend(ids(&page));
        // One comes, one that was shown goes.
        if seen.len() == 2 {
            makes_a_bot(&owner).await;
            assert!(owner.delete(&format!("/v1/bots/{}", seen[1])).await.status.is_success());
            world.clock.advance(1);
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/bots?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), seen.iter().collect::<BTreeSet<_>>().len(), "none twice: {seen:?}");
    assert!(bots.iter().all(|bot| seen.contains(bot)), "none left out: {bots:?} {seen:?}");
    // The others, one by one.
    let mut second = owner.clone();
    // A browser of its own: a sign-in ends the session that it shows (LG-3).
    second.token = None;
    second.signs_in().await;
    for path in ["/v1/sessions", "/v1/bots"] {
        let whole = ids(&owner.get(path).await.ok());
        let (mut seen, mut at) = (Vec::new(), format!("{path}?limit=1"));
        loop {
            let page = owner.get(&at).await.ok();
            seen.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            at = format!("{path}?limit=1&cursor={next}");
        }
        assert_eq!(seen, whole, "{path}");
        assert!(seen.len() > 1, "{path}");
    }
    let connections = owner.get("/v1/connections?limit=1").await.ok();
    assert_eq!((ids(&connections).len(), &connections["next_cursor"]), (1, &Value::Null));
    world.no_call_was_refused();
}

#[tokio::test]
async fn ss_8_a_cursor_of_another_account_list_or_day_is_refused_and_shows_nothing() {
    let world = World::seeded(962);
    let mut owner = owner(&world).await;
    let theirs = world.owner("other@example.org").await;
    for _ in 0..3 {
        owner.bot = makes_a_bot(&owner).await;
        owner.post(&format!("/v1/bots/{}/start", owner.bot), &json!({})).await.ok();
    }
    let cursor = owner.get("/v1/bots?limit=1").await.ok()["next_cursor"].as_str().unwrap().to_owned();
    let of_activity = owner.get("/v1/activity?limit=1").await.ok()["next_cursor"].as_str().unwrap().to_owned();
    owner.get(&format!("/v1/bots?cursor={cursor}")).await.ok();
    owner.get(&format!("/v1/activity?cursor={of_activity}")).await.ok();
    for (who, path, cursor) in [
        (&*theirs, "/v1/bots".to_owned(), cursor.as_str()),
        (&*owner, "/v1/activity".to_owned(), cursor.as_str()),
        (&*owner, "/v1/bots".to_owned(), of_activity.as_str()),
        (&*owner, "/v1/connections".to_owned(), cursor.as_str()),
        (&*owner, "/v1/sessions".to_owned(), cursor.as_str()),
        (&*owner, "/v1/tokens".to_owned(), cursor.as_str()),
        (&*owner, format!("/v1/bots/{}/deals", owner.bot), cursor.as_str()),
        (&*owner, "/v1/account/export".to_owned(), cursor.as_str()),
        (&*owner, "/v1/bots".to_owned(), &cursor[1..]),
        (&*owner, "/v1/bots".to_owned(), ""),
        (&*owner, "/v1/bots".to_owned(), "%00"),
        (&*owner, "/v1/bots".to_owned(), "canary"),
        (&*owner, "/v1/bots".to_owned(), &"A".repeat(6_000)),
        (&*owner, "/v1/bots".to_owned(), owner.bot.as_str()),
    ] {
        let answered = who.get(&format!("{path}?cursor={cursor}")).await;
        assert_eq!((answered.status.as_u16(), answered.refused()), (400, "cursor_refused"), "{path} {cursor}");
    }
    world.clock.advance(24 * 3600 + 1);
    owner.signs_in().await;
    assert_eq!(owner.get(&format!("/v1/bots?cursor={cursor}")).await.refused(), "cursor_refused");
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_parameter_that_nobody_reads_is_refused_as_an_unknown_field_is() {
    let world = World::seeded(963);
    let owner = owner(&world).await;
    for (path, known) in [
        ("/v1/me?limit=1", "This route takes no query parameters."),
        ("/v1/bots?surplus=1", "There is no such query parameter. Expected limit, cursor."),
        ("/v1/bots?LIMIT=1", "There is no such query parameter. Expected limit, cursor."),
    ] {
        let answered = owner.get(path).await;
        assert_eq!((answered.status.as_u16(), answered.refused()), (422, "invalid_fields"), "{path}");
        assert_eq!(answered.body["errors"][0]["code"], "unknown_parameter", "{path}");
        assert_eq!(answered.body["errors"][0]["detail"], known, "{path}");
    }
}

#[tokio::test]
async fn a_bot_is_changed_by_whoever_has_read_it_and_only_while_it_stands_still() {
    let world = World::seeded(964);
    let mut owner = owner(&world).await;
    owner.bot = makes_a_bot(&owner).await;
    let (bot, path) = (owner.bot.clone(), format!("/v1/bots/{}", owner.bot));
    let read = owner.get(&path).await;
    let first = tag(&read);
    assert!(first.starts_with(&format!("\"{}-", read.body["version"])), "{first}");
    let same = owner.send("GET", &path, None, &[("if-none-match", &first)]).await;
    assert_eq!((same.status.as_u16(), same.bytes.len(), tag(&same)), (304, 0, first.clone()));
    let mut config = dca(&owner.connection);
    config["base_order"]["amount"] = json!("120");
    config["name"] = json!("second");
    // Not said, said for everything, weakly, wrongly, or of another version.
    let body = json!({ "config": config });
    let missing = owner.send("PATCH", &path, Some(&body.to_string()), &[]).await;
    assert_eq!((missing.status.as_u16(), missing.refused()), (428, "if_match_required"));
    assert_eq!(patch(&owner, &bot, &body, "*").await.refused(), "if_match_required");
    for stale in ["\"0\"", "\"2\"", "1", "W/\"1\"", "\"\"", "", "\"1", "\"01\"", "\"2\", \"3\"", "\"-1\""] {
        let answered = patch(&owner, &bot, &body, stale).await;
        assert_eq!((answered.status.as_u16(), answered.refused()), (412, "stale_version"), "{stale}");
    }
    // As sent, as the version alone, in a list.
    let changed = patch(&owner, &bot, &body, &first).await;
    let second = tag(&changed);
    let changed = changed.ok();
    assert_eq!(
        (&changed["name"], &changed["config"]["base_order"]["amount"], &changed["version"]),
        (&json!("second"), &json!("120"), &json!(2))
    );
    assert_ne!(second, first);
    assert_eq!(patch(&owner, &bot, &body, &first).await.refused(), "stale_version");
    let renamed = patch(&owner, &bot, &json!({ "name": "third" }), "\"1\", \"2\"").await.ok();
    assert_eq!((&renamed["name"], &renamed["config"]["name"]), (&json!("third"), &json!("third")));
    assert_eq!(renamed["config"]["base_order"]["amount"], "120");
    // What was read before is not what is there now.
    let anew = owner.send("GET", &path, None, &[("if-none-match", &first)]).await;
    assert_eq!(anew.status.as_u16(), 200);
    // Running: a name may change, a configuration may not.
    owner.post(&format!("{path}/start"), &json!({})).await.ok();
    world.drain().await;
    let now = tag(&owner.get(&path).await);
    let refused = patch(&owner, &bot, &body, &now).await;
    assert_eq!((refused.status.as_u16(), refused.refused()), (409, "bot_is_running"));
    patch(&owner, &bot, &json!({ "name": "fourth" }), &now).await.ok();
    world.quiet_minutes(1).await;
    world.drain().await;
    // A deal has its tag too, and it changes with what is filled.
    let deals = owner.get(&format!("{path}/deals")).await.ok();
    let deal = format!("/v1/deals/{}", deals["items"][0]["id"].as_str().unwrap());
    let of_deal = tag(&owner.get(&deal).await);
    assert_eq!(owner.send("GET", &deal, None, &[("if-none-match", &of_deal)]).await.status.as_u16(), 304);
    world.candle("59300", "59300", "59300").await;
    world.after(61).await;
    world.sweep().await;
    assert_ne!(tag(&owner.get(&deal).await), of_deal);
    world.no_call_was_refused();
}

#[tokio::test]
async fn a_configuration_is_checked_at_a_change_as_at_the_making_and_nothing_is_half_changed() {
    let world = World::seeded(965);
    let owner = owner(&world).await;
    let bot = makes_a_bot(&owner).await;
    let before = owner.get(&format!("/v1/bots/{bot}")).await.ok();
    let with = |pointer: &str, value: Value| {
        let mut config = dca(&owner.connection);
        *config.pointer_mut(pointer).unwrap() = value;
        json!({ "config": config })
    };
    for (body, pointer, code) in [
        (with("/base_order/amount", json!("4")), "/config/base_order/amount", "below_minimum"),
        (with("/pair", json!("NOPE-USDT")), "/config/pair", "unknown_pair"),
        (with("/connection", json!("con_01ARZ3NDEKTSV4RRFFQ69G5FAV")), "/config/connection", "unknown_connection"),
        (with("/take_profit/pct", json!("0")), "/config/take_profit/pct", "out_of_range"),
        (json!({ "config": { "kind": "dca", "surplus": 1 } }), "/config/surplus", "unknown_field"),
        (json!({ "name": "" }), "/name", "out_of_range"),
        (json!({ "name": "a\u{0}b" }), "/name", "out_of_range"),
        (json!({ "name": 7 }), "/name", "wrong_type_or_value"),
        (json!({}), "", "one_of"),
        (json!({ "name": "x", "config": dca(&owner.connection) }), "", "one_of"),
        (json!({ "surplus": 1 }), "/surplus", "unknown_field"),
    ] {
        let answered = patch(&owner, &bot, &body, "\"1\"").await;
        assert_eq!((answered.status.as_u16(), answered.refused()), (422, "invalid_fields"), "{body}");
        let faults = answered.body["errors"].as_array().unwrap();
        assert!(faults.iter().any(|f| f["pointer"] == pointer && f["code"] == code), "{pointer} {code}: {faults:?}");
    }
    assert_eq!(owner.get(&format!("/v1/bots/{bot}")).await.ok(), before);
    // Somebody else's bot is no bot (SS-8), and a deletion may say which version it means.
    let theirs = world.owner("other@example.org").await;
    assert_eq!(patch(&theirs, &bot, &json!({ "name": "x" }), "\"1\"").await.refused(), "not_found");
    let path = format!("/v1/bots/{bot}");
    let stale = owner.send("DELETE", &path, None, &[("if-match", "\"9\"")]).await;
    assert_eq!((stale.status.as_u16(), stale.refused()), (412, "stale_version"));
    assert_eq!(owner.send("DELETE", &path, None, &[("if-match", "\"1\"")]).await.status.as_u16(), 204);
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_version_one_happens() {
    let world = World::seeded(966);
    let owner = owner(&world).await;
    let bot = makes_a_bot(&owner).await;
    world.interleaves_calls();
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..50 {
        let (owner, bot) = (owner.clone(), bot.clone());
        running.spawn(async move { patch(&owner, &bot, &json!({ "name": format!("name {nth}") }), "\"1\"").await });
    }
    let answers = running.join_all().await;
    let won: Vec<_> = answers.iter().filter(|answered| answered.status.is_success()).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|answered| answered.status.is_success() || answered.refused() == "stale_version"));
    assert_eq!(owner.get(&format!("/v1/bots/{bot}")).await.ok()["name"], won[0].body["name"]);
}

#[tokio::test]
async fn rl_5_a_source_that_is_told_to_slow_down_is_told_for_how_long() {
    let world = World::seeded(967);
    let stranger = world.stranger("nobody@example.org");
    let form = json!({ "email": "nobody@example.org", "password": "seven brass lanterns adrift" });
    let mut told = None;
    for _ in 0..=store::entity::budget::HASHES_PER_MINUTE_MAX {
        let answered = stranger.post("/v1/login", &form).await;
        if answered.status.as_u16() == 429 {
            told = Some(answered);
            break;
        }
    }
    let told = told.expect("a limit");
    assert_eq!(told.headers["ratelimit-policy"], "\"hashes\";q=300;w=60");
    let wait: i64 = told.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(told.headers["ratelimit"].to_str().unwrap(), format!("\"hashes\";r=0;t={wait}"));
    assert!((1..=60).contains(&wait));
    world.clock.advance(wait);
    assert_eq!(stranger.post("/v1/login", &form).await.status.as_u16(), 401);
}
