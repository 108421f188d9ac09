//! What the embedded Secrets Manager must do like AWS, through the unchanged SDK.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::builders::CreateSecretFluentBuilder;
use aws_sdk_secretsmanager::primitives::Blob;
use local::Local;

const TOKEN: &str = "00000000-0000-4000-8000-000000000001";

fn client(local: &Local) -> Client {
    Client::new(&local.config("anyone"))
}

fn create(client: &Client, name: &str, value: &str) -> CreateSecretFluentBuilder {
    client.create_secret().name(name).secret_string(value)
}

async fn code(create: CreateSecretFluentBuilder) -> String {
    create.send().await.unwrap_err().into_service_error().meta().code().unwrap().to_owned()
}

async fn erase(client: &Client, id: &str) {
    client.delete_secret().secret_id(id).force_delete_without_recovery(true).send().await.unwrap();
}

async fn is_gone(client: &Client, id: &str) -> bool {
    let described = client.describe_secret().secret_id(id).send().await;
    let read = client.get_secret_value().secret_id(id).send().await;
    let described = described.is_err_and(|error| error.into_service_error().is_resource_not_found_exception());
    let read = read.is_err_and(|error| error.into_service_error().is_resource_not_found_exception());
    assert_eq!(described, read);
    described
}

#[tokio::test]
async fn a_secret_is_read_by_name_and_by_full_and_partial_arn() {
    let local = Local::memory();
    let client = client(&local);
    let arn = create(&client, "ex/u/c/1", "value").send().await.unwrap().arn.unwrap();
    let prefix = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/u/c/1";
    assert!(arn.starts_with(prefix) && arn.len() == prefix.len() + 7, "{arn}");
    for id in ["ex/u/c/1", &arn, prefix] {
        let found = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(found.secret_string(), Some("value"));
        assert_eq!(found.arn(), Some(arn.as_str()));
    }
    let binary = client.create_secret().name("binary").secret_binary(Blob::new([0, 255, 7]));
    binary.send().await.unwrap();
    let found = client.get_secret_value().secret_id("binary").send().await.unwrap();
    assert_eq!(found.secret_binary().unwrap().as_ref(), [0, 255, 7]);
    assert_eq!(found.secret_string(), None);
}

#[tokio::test]
async fn the_same_token_replays_the_same_value_and_no_other() {
    let local = Local::memory();
    let client = client(&local);
    let first = create(&client, "a", "1").client_request_token(TOKEN).send().await.unwrap();
    let again = create(&client, "a", "1").client_request_token(TOKEN).send().await.unwrap();
    assert_eq!(first.arn(), again.arn());
    assert_eq!(first.version_id(), Some(TOKEN));
    assert_eq!(code(create(&client, "a", "2").client_request_token(TOKEN)).await, "ResourceExistsException");
    assert_eq!(code(create(&client, "a", "1")).await, "ResourceExistsException");
    let found = client.get_secret_value().secret_id("a").send().await.unwrap();
    assert_eq!(found.secret_string(), Some("1"));
}

#[tokio::test]
async fn names_values_and_tokens_out_of_bounds_are_refused() {
    let local = Local::memory();
    let client = client(&local);
    assert_eq!(code(create(&client, "a", &"x".repeat(65_537))).await, "ValidationException");
    create(&client, "full", &"x".repeat(65_536)).send().await.unwrap();
    for name in ["sp ace", "semi;colon", "ü", &"x".repeat(513)] {
        assert_eq!(code(create(&client, name, "1")).await, "InvalidParameterException", "{name}");
    }
    assert_eq!(code(create(&client, "a", "1").secret_binary(Blob::new([1]))).await, "InvalidParameterException");
    assert_eq!(code(create(&client, "a", "1").client_request_token("short")).await, "InvalidParameterException");
    assert_eq!(code(client.create_secret().name("a")).await, "InvalidParameterException");
}

#[tokio::test]
async fn a_forced_delete_is_final_by_name_and_by_arn_and_frees_the_name() {
    let local = Local::memory();
    let client = client(&local);
    let first = create(&client, "a", "1").send().await.unwrap().arn.unwrap();
    erase(&client, &first).await;
    assert!(is_gone(&client, "a").await && is_gone(&client, &first).await);
    // Nonexistent, by name and by a wrong ARN: success all the same, as on AWS.
    erase(&client, "never-was").await;
    erase(&client, &first).await;
    let second = create(&client, "a", "2").send().await.unwrap().arn.unwrap();
    assert_ne!(first, second);
    assert!(is_gone(&client, &first).await, "the old ARN must not find the new secret");
    erase(&client, &first).await;
    assert!(!is_gone(&client, &second).await, "the old ARN must not delete the new secret");
}

#[tokio::test]
async fn a_delete_with_a_window_keeps_the_secret_unreadable_until_the_window_ends() {
    let local = Local::memory();
    let client = client(&local);
    create(&client, "a", "1").send().await.unwrap();
    let delete = || client.delete_secret().secret_id("a");
    assert!(delete().recovery_window_in_days(6).send().await.is_err());
    let both = delete().recovery_window_in_days(7).force_delete_without_recovery(true).send().await.unwrap_err();
    assert!(both.into_service_error().is_invalid_parameter_exception());
    delete().recovery_window_in_days(7).send().await.unwrap();
    let read = client.get_secret_value().secret_id("a").send().await.unwrap_err();
    assert!(read.into_service_error().is_invalid_request_exception());
    let described = client.describe_secret().secret_id("a").send().await.unwrap();
    assert_eq!(described.deleted_date().unwrap().secs(), local.clock.seconds() + 7 * 86_400);
    assert_eq!(code(create(&client, "a", "2")).await, "InvalidRequestException");
    local.clock.advance_ms(7 * 86_400_000);
    assert!(is_gone(&client, "a").await);
}

#[tokio::test]
async fn a_deletion_may_be_seen_late_but_the_value_is_gone_at_once() {
    let local = Local::memory();
    let client = client(&local);
    create(&client, "a", "1").send().await.unwrap();
    local.emulators.delay_secret_deletion(30);
    erase(&client, "a").await;
    assert!(client.describe_secret().secret_id("a").send().await.unwrap().deleted_date().is_some());
    assert!(client.get_secret_value().secret_id("a").send().await.is_err());
    assert!(client.restore_secret().secret_id("a").send().await.is_err());
    local.clock.advance_ms(30_000);
    assert!(is_gone(&client, "a").await);
}

#[tokio::test]
async fn the_list_has_every_secret_in_pages() {
    let local = Local::memory();
    let client = client(&local);
    for i in 0..5 {
        create(&client, &format!("ex/{i}"), "1").send().await.unwrap();
    }
    create(&client, "other", "1").send().await.unwrap();
    let filter = aws_sdk_secretsmanager::types::Filter::builder().key("name".into()).values("ex/").build();
    let pages = client.list_secrets().max_results(2).filters(filter).into_paginator().send();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.secret_list().len()).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(pages[0].secret_list()[0].secret_versions_to_stages().is_some());
}

#[tokio::test]
async fn values_survive_a_restart_lie_sealed_and_leave_no_trace_when_erased() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let value = "canary-value-that-must-not-lie-in-clear";
    create(&client(&local), "a", value).send().await.unwrap();
    let sealed = sealed_bytes(folder.path());
    assert!(!holds(folder.path(), value.as_bytes()), "the value lies in clear");
    assert!(holds(folder.path(), &sealed));
    let local = local.reopen(folder.path());
    let found = client(&local).get_secret_value().secret_id("a").send().await.unwrap();
    assert_eq!(found.secret_string(), Some(value));
    erase(&client(&local), "a").await;
    assert!(!holds(folder.path(), &sealed), "the sealed value is still in the folder");
}

#[tokio::test]
async fn an_acknowledged_secret_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(path) = local::killed_child_folder() {
        let local = Local::folder(&path);
        for i in 0.. {
            create(&client(&local), &format!("s{i}"), "1").send().await.unwrap();
            println!("acknowledged {i}");
        }
    }
    let last = local::run_child_and_kill("an_acknowledged_secret_survives_kill_9", folder.path(), 20);
    let local = Local::folder(folder.path());
    for i in 0..=last {
        client(&local).get_secret_value().secret_id(format!("s{i}")).send().await.unwrap();
    }
}

fn sealed_bytes(folder: &std::path::Path) -> Vec<u8> {
    let file = rusqlite::Connection::open(folder.join("services.sqlite")).unwrap();
    file.query_row("SELECT sealed FROM secrets", [], |row| row.get(0)).unwrap()
}

fn holds(folder: &std::path::Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}
