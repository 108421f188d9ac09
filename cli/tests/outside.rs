//! Clients outside the process: an AWS SDK over loopback, and the documented walk with curl.

#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it must be")]

mod running;

use std::process::Command;

use running::{Person, REAL, Running, candles};

#[tokio::test]
async fn an_aws_client_reads_tables_and_a_functions_key_is_held_to_its_role() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&folder.path().join("data"), "sim:2", 600).await;
    let table = |name: &str| running.endpoints["tables"][name].as_str().unwrap().to_owned();
    let owner = aws_sdk_dynamodb::Client::new(&running.sdk("dynamodb", "AKIDEXAMPLE"));
    assert_eq!(owner.list_tables().send().await.unwrap().table_names().len(), 6);
    owner.scan().table_name(table("identity")).send().await.unwrap();
    // P2: the trader's role reaches neither identities nor secrets, from outside either.
    let trader = aws_sdk_dynamodb::Client::new(&running.sdk("dynamodb", "LOCALtrader"));
    let refused = trader.scan().table_name(table("identity")).send().await.unwrap_err().into_service_error();
    assert!(format!("{refused:?}").contains("AccessDenied"), "{refused:?}");
    let secrets = aws_sdk_secretsmanager::Client::new(&running.sdk("secretsmanager", "LOCALtrader"));
    let refused = secrets.list_secrets().send().await.unwrap_err().into_service_error();
    assert!(format!("{refused:?}").contains("AccessDenied"), "{refused:?}");
}

#[tokio::test]
async fn the_documented_walk_leads_from_sign_up_to_a_fill_and_through_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let market = match std::env::var_os("SHEARPIN_MARKET_DATA").map(|data| std::path::Path::new(&data).join(REAL)) {
        Some(real) if real.exists() => real,
        Some(_) | None => {
            eprintln!("no real candles (SHEARPIN_MARKET_DATA names no folder with {REAL}): the walk runs on made ones");
            candles(folder.path(), 20_000)
        }
    };
    let data = folder.path().join("data");
    let running = Running::start(&data, &format!("file:{}", market.display()), 600).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/walk.sh");
    let walked = Command::new("bash").args([script, &running.api()]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&walked.stdout), String::from_utf8_lossy(&walked.stderr));
    assert!(walked.status.success(), "{out}{err}");
    assert!(out.contains("Filled:") && out.contains("password reset"), "{out}");
    let log = std::fs::read_to_string(data.join("log.json")).unwrap();
    for secret in ["bicycle bell", "three herons", "walk-"] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}

#[tokio::test]
async fn no_secret_of_a_trading_account_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let market = format!("file:{}", candles(folder.path(), 20_000).display());
    let running = Running::start(&data, &market, 1_200).await;
    let mut person = Person::joins(&running).await;
    person.trades(&running).await;
    let (token, secret, password, email) = (person.token.clone(), person.secret.clone(), person.password, person.email);
    // Refusals log more than successes: a wrong body, a wrong token, a wrong password.
    person.posts("/v1/login", &format!("{{\"email\": \"{email}\", \"password\": \"{password}x\"}}"), None).await;
    person.posts("/v1/connections", &format!("{{\"api_secret\": \"{secret}\""), None).await;
    running.signalled("-INT");
    let log = std::fs::read_to_string(data.join("log.json")).unwrap();
    for canary in [token.as_str(), secret.as_str(), password, email] {
        assert!(!log.contains(canary), "the log holds {canary}");
    }
}
