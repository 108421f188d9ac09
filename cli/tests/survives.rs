//! What survives: kill -9 in the middle of trading, and the two polite ways to stop.

#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it must be")]

mod running;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use running::{HEAD, Person, Running, candles, eventually, line};
use serde_json::json;

#[tokio::test]
async fn after_kill_9_everything_is_there_trading_goes_on_and_no_order_is_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let market = format!("file:{}", candles(folder.path(), 20_000).display());
    let running = Running::start(&data, &market, 1_200).await;
    let mut person = Person::joins(&running).await;
    person.trades(&running).await;
    person.post(200, "/dev/clock", &json!({ "advance_s": 300 })).await;
    let offset = person.get("/dev/clock").await["offset_s"].clone();
    let fills = person.deal().await.unwrap()["fills"].as_array().unwrap().len();
    let before = running.minute_done();
    running.kill();
    // Once more, at whatever it is doing in its first moments.
    Running::start(&data, &market, 1_200).await.kill();

    let running = Running::start(&data, &market, 1_200).await;
    person.api = running.api();
    assert_eq!(person.get("/v1/me").await["email"], person.email, "the session lives");
    assert_eq!(person.get("/dev/clock").await["offset_s"], offset, "the clock never goes back");
    assert_eq!(person.get("/v1/connections").await["items"][0]["status"], "live");
    assert_eq!(person.get(&format!("/v1/bots/{}", person.bot)).await["id"], person.bot.as_str());
    let after = running.minute_after(before).await;
    assert!(after - before < 60 * 60_000, "the market goes on where it was: {before}, {after}");
    eventually("a further fill", || async {
        let deal = person.deal().await?;
        Some(()).filter(|()| deal["fills"].as_array().is_some_and(|now| now.len() > fills))
    })
    .await;
    // P3, by the exchange's own log: every order that was accepted, under the name it was given.
    let log: Vec<_> = paper(&running, "LOG").await.iter().map(|item| text(item, "client_id")).collect();
    assert!(log.len() >= 3, "base, take profit and averaging orders: {log:?}");
    assert_eq!(log.iter().collect::<BTreeSet<_>>().len(), log.len(), "no order twice: {log:?}");
    let deal = person.deal().await.unwrap();
    let orders: BTreeSet<_> = deal["fills"].as_array().unwrap().iter().map(|fill| fill.to_string()).collect();
    assert_eq!(orders.len(), deal["fills"].as_array().unwrap().len(), "no fill twice: {deal}");
    let account = paper(&running, "ACCOUNT#").await.into_iter().find(|item| text(item, "sk") == "ACCOUNT").unwrap();
    let balances = text(&account, "state");
    assert!(balances.contains("USDT") && balances.contains("BTC"), "{balances}");
}

/// The items of the paper exchange whose partition key starts like this.
async fn paper(running: &Running, partition: &str) -> Vec<HashMap<String, AttributeValue>> {
    let items = running.items("paper").await.into_iter();
    items.filter(|item| text(item, "pk").starts_with(partition)).collect()
}

fn text(item: &HashMap<String, AttributeValue>, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_polite_stop_is_clean_and_gives_the_folder_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for signal in ["-INT", "-TERM"] {
        let running = Running::start(&data, "sim:5", 600).await;
        running.minute_after(running.minute_done()).await;
        let (code, out) = running.signalled(signal);
        assert_eq!(code, Some(0), "{signal}: {out}");
        let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "stopped");
        assert!(
            last["minutes"].as_u64().unwrap() > 0 && last["per_minute"].is_u64(),
            "it says the reached speed: {last}"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(data.join("log.json")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_file_with_a_gap_is_played_to_its_end_and_trading_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gap-BTCUSDT-1m-.csv");
    let text = [0, 1, 2, 30, 31].iter().fold(HEAD.to_owned(), |text, minute| text + &line(*minute, 60_000));
    std::fs::write(&path, text).unwrap();
    let data = folder.path().join("data");
    let mut running = Running::start(&data, &format!("file:{}", path.display()), 6_000).await;
    let exchange = format!("{}/api/v3/exchangeInfo", running.endpoints["exchange"].as_str().unwrap());
    let http = running::client();
    eventually("BREAK", || async {
        let text = http.get(&exchange).send().await.ok()?.text().await.ok()?;
        Some(()).filter(|()| text.contains("\"BREAK\""))
    })
    .await;
    // Trading is closed first, and then it is said.
    let said = running.says("\"event\":\"market_ended\"");
    assert!(said.contains("has no candles in 1 places"), "the gap is told at the start: {said}");
    let (_, rest) = running.signalled("-INT");
    let out = said + &rest;
    assert!(out.contains("\"minutes\":5"), "{out}");
}

#[tokio::test]
async fn the_clock_moves_forward_alone_and_not_by_foreign_pages() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&folder.path().join("data"), "sim:5", 60).await;
    let http = running::client();
    let clock = format!("{}/dev/clock", running.api());
    for (body, status) in [
        (r#"{"advance_s": 0}"#, 422),
        (r#"{"advance_s": -1}"#, 422),
        (r#"{"advance_s": 99999999999}"#, 422),
        (r#"{"advance_s": "1"}"#, 400),
        (r#"{"advance_s": 1.5}"#, 400),
        (r#"{"advance_s": 1, "x": 1}"#, 400),
        ("", 400),
    ] {
        let answer = http.post(&clock).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{body}");
    }
    let foreign =
        http.post(&clock).header("origin", "https://evil.example").body(r#"{"advance_s": 5}"#).send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let own = http.post(&clock).header("origin", running.api()).body(r#"{"advance_s": 5}"#).send().await.unwrap();
    let shown: serde_json::Value = serde_json::from_str(&own.text().await.unwrap()).unwrap();
    assert_eq!(shown["offset_s"], 5, "refused moves moved nothing");
    let page = http.get(format!("{}/dev/mail", running.api())).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<html") && page.contains("5 s ahead"), "a banner on every page: {page}");
}
