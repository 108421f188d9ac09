//! What the embedded streams must do like AWS, and what a subscriber may count on.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use aws_lambda_events::event::dynamodb::Event;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use emulators::StreamRefused;
use local::{Local, text};
use serde_json::{Value, json};

async fn put(client: &Client, pk: &str, value: &str) {
    let put = client.put_item().table_name("items").item("pk", text(pk)).item("sk", text("-"));
    put.item("v", text(value)).send().await.unwrap();
}

fn names(batch: &[Value]) -> Vec<String> {
    let one = |record: &Value| {
        format!("{} {}", record["eventName"].as_str().unwrap(), record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap())
    };
    batch.iter().map(one).collect()
}

#[tokio::test]
async fn records_come_in_order_in_the_shape_a_function_reads() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    put(&client, "a", "1").await;
    put(&client, "a", "2").await;
    // AWS writes no record for a put of what is there already.
    put(&client, "a", "2").await;
    client.delete_item().table_name("items").key("pk", text("a")).key("sk", text("-")).send().await.unwrap();
    let item = |pk: &str| {
        let put = Put::builder().table_name("items").item("pk", text(pk)).item("sk", text("-")).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    client.transact_write_items().transact_items(item("b")).transact_items(item("c")).send().await.unwrap();
    let mut reader = local.emulators.stream("items", "shredder").unwrap();
    let batch = reader.next_batch(100).await.unwrap();
    assert_eq!(names(&batch), ["INSERT a", "MODIFY a", "REMOVE a", "INSERT b", "INSERT c"]);
    let event: Event = serde_json::from_value(json!({ "Records": batch })).unwrap();
    assert_eq!(event.records[1].aws_region, "us-east-1");
    let created = event.records[0].change.approximate_creation_date_time.timestamp();
    assert_eq!(created, local.clock.seconds());
    let image: Value = serde_dynamo::from_item(event.records[1].change.old_image.clone()).unwrap();
    assert_eq!(image["v"], "1");
}

#[tokio::test]
async fn a_reader_sleeps_until_a_write_and_then_wakes() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let mut reader = local.emulators.stream("items", "signer").unwrap();
    let waiting = tokio::spawn(async move { reader.next_batch(10).await.unwrap().len() });
    local::let_others_run().await;
    assert!(!waiting.is_finished());
    put(&client, "a", "1").await;
    assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let client = local.dynamodb("anyone");
    for pk in ["a", "b", "c"] {
        put(&client, pk, "1").await;
    }
    let mut reader = local.emulators.stream("items", "signer").unwrap();
    assert_eq!(names(&reader.try_batch(1).unwrap()), ["INSERT a"]);
    reader.acknowledge().unwrap();
    assert_eq!(names(&reader.try_batch(1).unwrap()), ["INSERT b"]);
    assert_eq!(reader.waiting().unwrap(), 2);
    drop((reader, client));
    let local = local.reopen(folder.path());
    let mut reader = local.emulators.stream("items", "signer").unwrap();
    assert_eq!(names(&reader.try_batch(10).unwrap()), ["INSERT b", "INSERT c"]);
    reader.rewind().unwrap();
    assert_eq!(names(&reader.try_batch(1).unwrap()), ["INSERT b"]);
    // Another reader has its own checkpoint.
    let mut other = local.emulators.stream("items", "mailer").unwrap();
    assert_eq!(other.try_batch(10).unwrap().len(), 3);
}

#[tokio::test]
async fn records_are_delivered_again_on_demand() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let mut reader = local.emulators.stream("items", "signer").unwrap();
    for pk in ["a", "b", "c"] {
        put(&client, pk, "1").await;
    }
    reader.try_batch(10).unwrap();
    reader.acknowledge().unwrap();
    assert!(reader.try_batch(10).unwrap().is_empty());
    reader.redeliver(2).unwrap();
    assert_eq!(names(&reader.next_batch(10).await.unwrap()), ["INSERT b", "INSERT c"]);
}

#[tokio::test]
async fn records_go_after_a_day_unless_a_subscriber_has_not_seen_them() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let mut reader = local.emulators.stream("items", "signer").unwrap();
    put(&client, "a", "1").await;
    put(&client, "b", "1").await;
    reader.try_batch(1).unwrap();
    reader.acknowledge().unwrap();
    local.clock.advance_ms(25 * 3_600_000);
    local.emulators.sweep().unwrap();
    let mut late = local.emulators.stream("items", "late").unwrap();
    assert_eq!(names(&late.try_batch(10).unwrap()), ["INSERT b"], "a is done and old, b is unseen");
    put(&client, "c", "1").await;
    assert_eq!(names(&reader.try_batch(10).unwrap()), ["INSERT b", "INSERT c"]);
}

#[test]
fn the_engine_seeks_its_stream_records_and_never_scans_them() {
    let folder = tempfile::tempdir().unwrap();
    drop(Local::folder(folder.path()));
    let file = rusqlite::Connection::open(folder.path().join("dynamodb.sqlite")).unwrap();
    // As the engine asks at every write, and at every read of a stream.
    for sql in [
        "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 't'",
        "SELECT * FROM _stream_records WHERE table_name = 't' AND shard_id = 's'
         AND CAST(sequence_number AS INTEGER) > 5 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 9",
    ] {
        let plan = |row: &rusqlite::Row<'_>| row.get::<_, String>("detail");
        let plan = file.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [], plan).unwrap();
        assert!(plan.contains("INDEX _local_stream_last (table_name=?"), "{plan}");
    }
}

#[tokio::test]
async fn a_table_without_a_stream_is_refused_by_name() {
    let local = Local::memory();
    assert!(
        matches!(local.emulators.stream("nowhere", "x"), Err(StreamRefused::NoStream(table)) if table == "nowhere")
    );
}
