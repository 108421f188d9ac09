//! What the embedded SQS must do like AWS, through the unchanged SDK.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use emulators::{QueueDepth, QueueSpec};
use local::Local;

const URL: &str = "http://in-process/000000000000/work";
const DEAD: &str = "http://in-process/000000000000/dead";

fn client(local: &Local) -> Client {
    let queue = |name: &str, redrive| QueueSpec {
        name: name.into(),
        visibility_s: 30,
        delay_s: 0,
        retention_s: 345_600,
        redrive,
    };
    local.emulators.ensure_queue(&queue("dead", None)).unwrap();
    local.emulators.ensure_queue(&queue("work", Some(("dead".into(), 2)))).unwrap();
    Client::new(&local.config("anyone"))
}

async fn send(client: &Client, body: &str) {
    client.send_message().queue_url(URL).message_body(body).send().await.unwrap();
}

async fn receive(client: &Client, url: &str) -> Vec<Message> {
    let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive.send().await.unwrap().messages.unwrap_or_default()
}

fn receives(message: &Message) -> &str {
    &message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_time_and_counts_its_receives() {
    let local = Local::memory();
    let client = client(&local);
    send(&client, "hello").await;
    let first = receive(&client, URL).await;
    assert_eq!((first.len(), receives(&first[0])), (1, "1"));
    assert_eq!(first[0].md5_of_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    local.clock.advance_ms(29_999);
    assert!(receive(&client, URL).await.is_empty());
    local.clock.advance_ms(1);
    let second = receive(&client, URL).await;
    assert_eq!(receives(&second[0]), "2");
    // The first receipt is out of date: no error, no deletion.
    let delete = |message: &Message| {
        client.delete_message().queue_url(URL).receipt_handle(message.receipt_handle().unwrap()).send()
    };
    delete(&first[0]).await.unwrap();
    assert_eq!(local.emulators.queue_depth("work").unwrap(), QueueDepth { in_flight: 1, ..QueueDepth::default() });
    delete(&second[0]).await.unwrap();
    assert_eq!(local.emulators.queue_depth("work").unwrap(), QueueDepth::default());
    let error = client.delete_message().queue_url(URL).receipt_handle("junk").send().await.unwrap_err();
    assert!(error.into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letters() {
    let local = Local::memory();
    let client = client(&local);
    send(&client, "poison").await;
    for _ in 0..2 {
        assert_eq!(receive(&client, URL).await.len(), 1);
        local.clock.advance_ms(30_000);
    }
    assert!(receive(&client, URL).await.is_empty());
    let dead = receive(&client, DEAD).await;
    assert_eq!((dead[0].body(), receives(&dead[0])), (Some("poison"), "1"));
}

#[tokio::test]
async fn a_delayed_message_appears_by_the_local_clock() {
    let local = Local::memory();
    let client = client(&local);
    client.send_message().queue_url(URL).message_body("later").delay_seconds(60).send().await.unwrap();
    assert_eq!(local.emulators.queue_depth("work").unwrap().delayed, 1);
    local.clock.advance_ms(59_999);
    assert!(receive(&client, URL).await.is_empty());
    local.clock.advance_ms(1);
    assert_eq!(receive(&client, URL).await.len(), 1);
    let error = client.send_message().queue_url(URL).message_body("x").delay_seconds(901).send().await.unwrap_err();
    assert_eq!(error.into_service_error().meta().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_waiting_receiver_wakes_at_a_send_and_at_a_moved_clock_and_gives_up_in_time() {
    let local = Local::memory();
    let client = client(&local);
    let wait = |seconds: i32| {
        let receive = client.receive_message().queue_url(URL).wait_time_seconds(seconds).send();
        tokio::spawn(async move { receive.await.unwrap().messages.unwrap_or_default().len() })
    };
    // Far below the 20 s of the wait: who has it in time was woken.
    let soon = |waiting| tokio::time::timeout(Duration::from_secs(5), waiting);
    let waiting = wait(20);
    local::let_others_run().await;
    assert!(!waiting.is_finished());
    send(&client, "now").await;
    assert_eq!(soon(waiting).await.unwrap().unwrap(), 1);

    // The message above becomes visible again in 30 s; the host moves the clock by a leap.
    let waiting = wait(20);
    local::let_others_run().await;
    assert!(!waiting.is_finished());
    local.clock.advance_ms(30_000);
    local.emulators.clock_moved();
    assert_eq!(soon(waiting).await.unwrap().unwrap(), 1);

    assert_eq!(soon(wait(1)).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn visibility_is_changed_while_in_flight_alone() {
    let local = Local::memory();
    let client = client(&local);
    send(&client, "hello").await;
    let message = receive(&client, URL).await.remove(0);
    let change = |seconds: i32| {
        let change = client.change_message_visibility().queue_url(URL);
        change.receipt_handle(message.receipt_handle().unwrap()).visibility_timeout(seconds).send()
    };
    change(100).await.unwrap();
    local.clock.advance_ms(99_999);
    assert!(receive(&client, URL).await.is_empty());
    change(0).await.unwrap();
    assert!(change(10).await.unwrap_err().into_service_error().is_message_not_inflight());
    assert_eq!(receive(&client, URL).await.len(), 1);
}

#[tokio::test]
async fn batches_answer_entry_by_entry() {
    let local = Local::memory();
    let client = client(&local);
    let entry =
        |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let batch = |entries: Vec<_>| client.send_message_batch().queue_url(URL).set_entries(Some(entries)).send();
    let sent = batch(vec![entry("a", "1"), entry("b", "\u{1}")]).await.unwrap();
    assert_eq!((sent.successful().len(), sent.failed().len()), (1, 1));
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
    let twice = batch(vec![entry("a", "1"), entry("a", "2")]).await.unwrap_err().into_service_error();
    assert!(twice.is_batch_entry_ids_not_distinct());
    let eleven = (0..11).map(|i| entry(&i.to_string(), "x")).collect();
    assert!(batch(eleven).await.unwrap_err().into_service_error().is_too_many_entries_in_batch_request());
    assert!(batch(Vec::new()).await.unwrap_err().into_service_error().is_empty_batch_request());
    let got = receive(&client, URL).await;
    let receipt = got[0].receipt_handle().unwrap();
    let delete = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build().unwrap()
    };
    let deleted =
        client.delete_message_batch().queue_url(URL).entries(delete("a", receipt)).entries(delete("b", "junk"));
    let deleted = deleted.send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (1, 1));
    assert_eq!(local.emulators.queue_depth("work").unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn a_queue_is_found_by_name_and_tells_its_attributes() {
    let local = Local::memory();
    let client = client(&local);
    let url = client.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url, URL);
    let missing = client.get_queue_url().queue_name("nowhere").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    send(&client, "x").await;
    let found = client.get_queue_attributes().queue_url(URL).attribute_names(QueueAttributeName::All).send().await;
    let found = found.unwrap().attributes.unwrap();
    assert_eq!(found[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert!(found[&QueueAttributeName::RedrivePolicy].contains("\"maxReceiveCount\":2"));
}

#[tokio::test]
async fn messages_survive_a_restart_and_end_with_their_retention() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    send(&client(&local), "kept").await;
    let local = local.reopen(folder.path());
    let client = client(&local);
    let got = receive(&client, URL).await;
    assert_eq!(got[0].body(), Some("kept"));
    local.clock.advance_ms(345_600_000);
    assert!(receive(&client, URL).await.is_empty());
    local.emulators.sweep().unwrap();
    assert_eq!(local.emulators.queue_depth("work").unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn an_acknowledged_message_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(path) = local::killed_child_folder() {
        let local = Local::folder(&path);
        let client = client(&local);
        for i in 0.. {
            send(&client, &i.to_string()).await;
            println!("acknowledged {i}");
        }
    }
    let last = local::run_child_and_kill("an_acknowledged_message_survives_kill_9", folder.path(), 20);
    let local = Local::folder(folder.path());
    client(&local);
    assert!(local.emulators.queue_depth("work").unwrap().visible > last);
}
