//! Bad input to `shearpin up`: exit code, words that say what to do, and a data folder that is left as it was.

#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it must be")]

mod running;

use std::path::Path;

use running::{HEAD, Running, candles, cut_gzip, free_port, line, refused};

/// `up` with this market is refused before the data folder is even made.
fn check(market: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    refused(&["up", "--market", market, "--data", data.to_str().unwrap()], 2, words);
    assert!(!data.exists(), "{market}: a refused start leaves no trace");
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    format!("file:{}", path.display())
}

#[test]
fn a_bad_candle_file_is_refused_with_the_line_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| file(folder.path(), name, text);
    let body = |minutes: &[i64]| minutes.iter().fold(HEAD.to_owned(), |text, minute| text + &line(*minute, 60_000));
    check(&at("a-BTCUSDT-1m-.csv", &body(&[0, 1, 1])), &["line 4", "same open time twice", "remove the duplicate"]);
    check(&at("b-BTCUSDT-1m-.csv", &body(&[0, 2, 1])), &["line 4", "time goes back", "sort the file"]);
    check(
        &at("c-BTCUSDT-1m-.csv", "open_time_ms,open,high,low,close\n0,1,1,1,1\n"),
        &["no column volume", "first line must name"],
    );
    check(&at("d-BTCUSDT-1m-.csv", ""), &["is empty", "header"]);
    check(&at("e-BTCUSDT-1m-.csv", HEAD), &["fewer than two candles", "give a file with more"]);
    check(&at("candles.csv", &body(&[0, 1])), &["cannot tell the pair", "--market file:BTC-USDT="]);
    check("file:/nowhere/x-BTCUSDT-1m-.csv", &["cannot open /nowhere/x-BTCUSDT-1m-.csv", "check the path"]);
    check("file:BTC=x.csv", &["does not name a pair"]);
    check("tape:x", &["use sim, sim:SEED, file:"]);
    let cut = folder.path().join("f-BTCUSDT-1m-.csv.gz");
    cut_gzip(&cut, &(0..500).fold(HEAD.to_owned(), |text, minute| text + &line(minute, 60_000 + minute * 7 % 13)));
    check(&format!("file:{}", cut.display()), &["damaged or cut off", "again"]);
}

#[test]
fn markets_that_do_not_go_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let btc = format!("file:{}", candles(folder.path(), 3).display());
    let slow = format!("{HEAD}0,1,1,1,1,1\n300000,1,1,1,1,1\n");
    let eth = file(folder.path(), "t-ETHUSDT-5m-.csv", &slow);
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    refused(&["up", "--data", data, "--market", &btc, "--market", &btc], 2, &["BTC-USDT is given twice"]);
    refused(&["up", "--data", data, "--market", &btc, "--market", "sim"], 2, &["stand alone"]);
    refused(&["up", "--data", data, "--market", &btc, "--market", &eth], 2, &["candles of 60 s and ETH-USDT of 300 s"]);
    assert!(!Path::new(data).exists());
}

#[test]
fn bad_filters_are_refused_with_the_form_they_should_have() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = folder.path().join("filters.json");
    let check = |text: &str, words: &[&str]| {
        std::fs::write(&path, text).unwrap();
        refused(&["up", "--data", data.to_str().unwrap(), "--filters", path.to_str().unwrap()], 2, words);
        assert!(!data.exists());
    };
    check("[]", &["expected {\"BTC-USDT\""]);
    check(r#"{"BTC-USDT": {"tick": 0.01, "lot": "0.00001", "notional_min": "5"}}"#, &["expected {\"BTC-USDT\""]);
    check(r#"{"BTC-USDT": {"tick": "0", "lot": "0.00001", "notional_min": "5"}}"#, &["expected {\"BTC-USDT\""]);
    check(r#"{"XRP-USDT": {"tick": "0.01", "lot": "0.1", "notional_min": "5"}}"#, &["XRP-USDT", "no --market has"]);
}

#[test]
fn a_taken_port_is_a_conflict_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said =
        refused(&["up", "--json", "--data", data.to_str().unwrap(), "--port", &port], 4, &["is taken", "--port"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["exit_code"], 4);
    assert!(!data.exists());
}

#[tokio::test]
async fn a_data_folder_in_use_is_a_conflict_and_its_holder_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let running = Running::start(&data, "sim:3", 600).await;
    let log = std::fs::read(data.join("log.json")).unwrap();
    let port = free_port().to_string();
    refused(&["up", "--data", data.to_str().unwrap(), "--port", &port], 4, &["in use by process", "stop that process"]);
    assert_eq!(std::fs::read(data.join("log.json")).unwrap(), log, "the holder's log is its own");
    let endpoints: serde_json::Value =
        serde_json::from_slice(&std::fs::read(data.join("endpoints.json")).unwrap()).unwrap();
    assert_eq!(endpoints, running.endpoints, "the holder's addresses stay");
    running.minute_after(running.minute_done()).await;
}

#[test]
fn a_data_folder_of_a_newer_version_is_a_conflict_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("format"), "format = 2\n").unwrap();
    refused(&["up", "--data", folder.path().to_str().unwrap()], 4, &["has format 2", "use the newer version"]);
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "format" || name == "lock"), "{left:?}");
}

#[tokio::test]
async fn a_market_behind_the_data_folder_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let market = format!("file:{}", candles(folder.path(), 5_000).display());
    let running = Running::start(&data, &market, 6_000).await;
    running.minute_after(0).await;
    running.kill();
    let old = file(folder.path(), "old-BTCUSDT-1m-.csv", &format!("{HEAD}60000,1,1,1,1,1\n120000,1,1,1,1,1\n"));
    let said = refused(
        &["up", "--data", data.to_str().unwrap(), "--market", &old],
        4,
        &["made with --market file:BTC-USDT=test-BTCUSDT-1m-.csv"],
    );
    assert!(said.contains("another --data folder"), "{said}");
}

#[test]
fn an_unknown_command_or_option_suggests_the_right_one() {
    refused(&["dmeo"], 2, &["demo"]);
    refused(&["up", "--sped", "3"], 2, &["--speed"]);
    for command in ["up", "demo", "preview"] {
        let help = String::from_utf8(running::run(&[command, "--help"]).stdout).unwrap();
        assert!(help.contains("Example") && help.contains("Exit codes: 0 fine"), "{help}");
    }
}
