//! What the embedded DynamoDB must do like AWS, through the unchanged SDK.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue as Attr, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use local::{Local, counter_table, text};

fn put(pk: &str) -> Put {
    Put::builder().table_name("items").item("pk", text(pk)).item("sk", text("-")).build().unwrap()
}

fn absent(pk: &str) -> TransactWriteItem {
    let put = Put::builder().table_name("items").item("pk", text(pk)).item("sk", text("-"));
    TransactWriteItem::builder().put(put.condition_expression("attribute_not_exists(pk)").build().unwrap()).build()
}

fn add_one(pk: &str) -> TransactWriteItem {
    let update = Update::builder().table_name("items").key("pk", text(pk)).key("sk", text("-"));
    let update = update.update_expression("ADD n :one").expression_attribute_values(":one", Attr::N("1".into()));
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

async fn number(client: &Client, pk: &str) -> Option<String> {
    let answer = client.get_item().table_name("items").key("pk", text(pk)).key("sk", text("-"));
    let item = answer.consistent_read(true).send().await.unwrap().item?;
    Some(item.get("n")?.as_n().unwrap().clone())
}

async fn reasons(client: &Client, items: Vec<TransactWriteItem>) -> Vec<CancellationReason> {
    let error = client.transact_write_items().set_transact_items(Some(items)).send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(error.is_transaction_canceled_exception(), "{error:?}");
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("not cancelled")
    };
    cancelled.cancellation_reasons().to_vec()
}

#[tokio::test]
async fn a_failed_condition_changes_nothing_and_gives_the_old_item_when_asked() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    client
        .put_item()
        .table_name("items")
        .item("pk", text("a"))
        .item("sk", text("-"))
        .item("v", text("1"))
        .send()
        .await
        .unwrap();
    let again = client.put_item().table_name("items").item("pk", text("a")).item("sk", text("-")).item("v", text("2"));
    let error = again
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failed.item().unwrap()["v"], text("1"));
}

#[tokio::test]
async fn cancellation_reasons_come_per_item_in_order_with_the_old_item() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    client
        .put_item()
        .table_name("items")
        .item("pk", text("b"))
        .item("sk", text("-"))
        .item("v", text("1"))
        .send()
        .await
        .unwrap();
    let with_old = Put::builder()
        .table_name("items")
        .item("pk", text("b"))
        .item("sk", text("-"))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap();
    let check = ConditionCheck::builder().table_name("items").key("pk", text("c")).key("sk", text("-"));
    let check = check.condition_expression("attribute_exists(pk)").build().unwrap();
    let delete = Delete::builder().table_name("items").key("pk", text("d")).key("sk", text("-")).build().unwrap();
    let found = reasons(
        &client,
        vec![
            TransactWriteItem::builder().put(put("a")).build(),
            TransactWriteItem::builder().put(with_old).build(),
            TransactWriteItem::builder().condition_check(check).build(),
            TransactWriteItem::builder().delete(delete).build(),
        ],
    )
    .await;
    let codes: Vec<_> = found.iter().map(|reason| reason.code().unwrap_or_default()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"]);
    assert_eq!(found[1].item().unwrap()["v"], text("1"));
    assert!(found[2].item().is_none());
    assert!(
        client
            .get_item()
            .table_name("items")
            .key("pk", text("a"))
            .key("sk", text("-"))
            .send()
            .await
            .unwrap()
            .item
            .is_none()
    );
}

#[tokio::test]
async fn a_transaction_takes_100_items_and_not_101() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let items = |count: usize| (0..count).map(|i| add_one(&format!("p{i}"))).collect::<Vec<_>>();
    // With a token: ours must not take one of the hundred places.
    let hundred = client.transact_write_items().set_transact_items(Some(items(100))).client_request_token("hundred");
    hundred.clone().send().await.unwrap();
    hundred.send().await.unwrap();
    assert_eq!(number(&client, "p99").await.as_deref(), Some("1"));
    let error = client.transact_write_items().set_transact_items(Some(items(101))).send().await.unwrap_err();
    let error = error.into_service_error();
    assert_eq!(error.meta().code(), Some("ValidationException"));
    assert!(error.meta().message().unwrap().contains("less than or equal to 100"));
}

#[tokio::test]
async fn one_item_twice_in_a_transaction_is_refused() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let error = client.transact_write_items().transact_items(add_one("a")).transact_items(add_one("a")).send().await;
    assert_eq!(error.unwrap_err().into_service_error().meta().code(), Some("ValidationException"));
}

#[tokio::test]
async fn numbers_are_exact_to_38_digits() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let long = "12345678901234567890.123456789012345678";
    let put = client.put_item().table_name("items").item("pk", text("n")).item("sk", text("-"));
    put.item("n", Attr::N(long.into())).send().await.unwrap();
    client.transact_write_items().transact_items(add_one("n")).send().await.unwrap();
    assert_eq!(number(&client, "n").await.as_deref(), Some("12345678901234567891.123456789012345678"));
    let put = client.put_item().table_name("items").item("pk", text("m")).item("sk", text("-"));
    let error = put.item("n", Attr::N("123456789012345678901234567890123456789".into())).send().await.unwrap_err();
    assert_eq!(error.into_service_error().meta().code(), Some("ValidationException"));
}

#[tokio::test]
async fn an_index_holds_only_the_items_that_have_its_keys() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let put = |pk: &str| client.put_item().table_name("items").item("pk", text(pk)).item("sk", text("-"));
    put("plain").send().await.unwrap();
    for (pk, due) in [("late", "20"), ("soon", "10")] {
        put(pk).item("lane", text("s")).item("due", Attr::N(due.into())).send().await.unwrap();
    }
    let query = || {
        let query =
            client.query().table_name("items").index_name("by-due").key_condition_expression("lane = :s AND due <= :d");
        query.expression_attribute_values(":s", text("s"))
    };
    let found = query().expression_attribute_values(":d", Attr::N("99".into())).send().await.unwrap();
    let keys: Vec<_> = found.items().iter().map(|item| item["pk"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, ["soon", "late"]);
    let remove = client.update_item().table_name("items").key("pk", text("soon")).key("sk", text("-"));
    remove.update_expression("REMOVE due").send().await.unwrap();
    let found = query().expression_attribute_values(":d", Attr::N("99".into())).send().await.unwrap();
    assert_eq!(found.count(), 1);
}

#[tokio::test]
async fn a_token_replays_for_ten_minutes_and_then_is_forgotten() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let again = || client.transact_write_items().transact_items(add_one("a")).client_request_token("t1");
    again().send().await.unwrap();
    again().send().await.unwrap();
    assert_eq!(number(&client, "a").await.as_deref(), Some("1"));
    local.clock.advance_ms(10 * 60 * 1000 - 1);
    again().send().await.unwrap();
    assert_eq!(number(&client, "a").await.as_deref(), Some("1"));
    local.clock.advance_ms(1);
    again().send().await.unwrap();
    assert_eq!(number(&client, "a").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_token_with_other_content_is_a_mismatch() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    client.transact_write_items().transact_items(add_one("a")).client_request_token("t1").send().await.unwrap();
    let other = client.transact_write_items().transact_items(add_one("b")).client_request_token("t1").send().await;
    let error = other.unwrap_err().into_service_error();
    assert!(error.is_idempotent_parameter_mismatch_exception(), "{error:?}");
    assert_eq!(number(&client, "b").await, None);
}

#[tokio::test]
async fn a_failed_transaction_leaves_its_token_free_and_no_later_write_takes_it() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    client.put_item().table_name("items").item("pk", text("a")).item("sk", text("-")).send().await.unwrap();
    let transact = || {
        let items = client.transact_write_items().transact_items(add_one("n")).transact_items(absent("a"));
        items.client_request_token("t1")
    };
    assert!(transact().send().await.unwrap_err().into_service_error().is_transaction_canceled_exception());
    // A plain write in between must not spend the token of the failed transaction.
    client.delete_item().table_name("items").key("pk", text("a")).key("sk", text("-")).send().await.unwrap();
    transact().send().await.unwrap();
    assert_eq!(number(&client, "n").await.as_deref(), Some("1"));
    transact().send().await.unwrap();
    assert_eq!(number(&client, "n").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_transaction_without_effect_keeps_its_token_too() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let check = ConditionCheck::builder().table_name("items").key("pk", text("a")).key("sk", text("-"));
    let check = check.condition_expression("attribute_not_exists(pk)").build().unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    let run = || client.transact_write_items().transact_items(check.clone()).client_request_token("t1");
    run().send().await.unwrap();
    client.put_item().table_name("items").item("pk", text("a")).item("sk", text("-")).send().await.unwrap();
    run().send().await.unwrap();
}

#[tokio::test]
async fn a_token_too_long_is_refused() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let run = client.transact_write_items().transact_items(add_one("a")).client_request_token("x".repeat(37));
    assert_eq!(run.send().await.unwrap_err().into_service_error().meta().code(), Some("ValidationException"));
}

#[tokio::test]
async fn items_and_tokens_survive_a_restart_and_the_token_still_expires() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let client = local.dynamodb("anyone");
    let run = |client: &Client| client.transact_write_items().transact_items(add_one("a")).client_request_token("t1");
    run(&client).send().await.unwrap();
    drop(client);
    let local = local.reopen(folder.path());
    let client = local.dynamodb("anyone");
    run(&client).send().await.unwrap();
    assert_eq!(number(&client, "a").await.as_deref(), Some("1"));
    local.clock.advance_ms(10 * 60 * 1000);
    run(&client).send().await.unwrap();
    assert_eq!(number(&client, "a").await.as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_parallel_conditional_writes_one_wins() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let mut running = tokio::task::JoinSet::new();
    for i in 0..50 {
        let client = client.clone();
        running.spawn(async move {
            if i % 2 == 0 {
                client.transact_write_items().transact_items(absent("a")).send().await.is_ok()
            } else {
                let put = client.put_item().table_name("items").item("pk", text("a")).item("sk", text("-"));
                put.condition_expression("attribute_not_exists(pk)").send().await.is_ok()
            }
        });
    }
    let won = running.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn expired_items_go_at_the_sweep_by_the_local_clock() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let expires = local.clock.seconds() + 60;
    let put = client.put_item().table_name("items").item("pk", text("a")).item("sk", text("-"));
    put.item("expires", Attr::N(expires.to_string())).send().await.unwrap();
    let mut reader = local.emulators.stream("items", "watcher").unwrap();
    assert_eq!(reader.try_batch(10).unwrap().len(), 1);
    assert_eq!(local.emulators.sweep().unwrap(), 0);
    local.clock.advance_ms(61_000);
    assert_eq!(local.emulators.sweep().unwrap(), 1);
    let removed = reader.try_batch(10).unwrap();
    assert_eq!(removed[0]["eventName"], "REMOVE");
    assert_eq!(removed[0]["userIdentity"]["principalId"], "dynamodb.amazonaws.com");
}

#[tokio::test]
async fn a_lagging_index_shows_the_past_and_the_table_the_present() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let put = |pk: &str, due: &str| {
        let put = client.put_item().table_name("items").item("pk", text(pk)).item("sk", text("-"));
        put.item("lane", text("s")).item("due", Attr::N(due.into())).send()
    };
    let seen = async || {
        let query = client.query().table_name("items").index_name("by-due").key_condition_expression("lane = :s");
        let found = query.expression_attribute_values(":s", text("s")).send().await.unwrap();
        found.items().iter().map(|item| item["due"].as_n().unwrap().clone()).collect::<Vec<_>>()
    };
    put("a", "1").await.unwrap();
    local.emulators.lag_index("items", "by-due", 60).unwrap();
    put("a", "2").await.unwrap();
    local.clock.advance_ms(30_000);
    put("b", "3").await.unwrap();
    client.transact_write_items().transact_items(add_one("c")).send().await.unwrap();
    assert_eq!(seen().await, ["1"]);
    let table = client.get_item().table_name("items").key("pk", text("a")).key("sk", text("-")).send().await.unwrap();
    assert_eq!(table.item.unwrap()["due"], Attr::N("2".into()));
    local.clock.advance_ms(30_000);
    assert_eq!(seen().await, ["2"]);
    local.clock.advance_ms(30_000);
    assert_eq!(seen().await, ["2", "3"]);
    client.delete_item().table_name("items").key("pk", text("a")).key("sk", text("-")).send().await.unwrap();
    assert_eq!(seen().await, ["2", "3"]);
    local.emulators.lag_index("items", "by-due", 0).unwrap();
    assert_eq!(seen().await, ["3"]);
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let error = client.execute_statement().statement("SELECT * FROM items").send().await.unwrap_err();
    assert_eq!(error.into_service_error().meta().code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn a_missing_table_is_named_as_such() {
    let local = Local::memory();
    let client = local.dynamodb("anyone");
    let error = client.get_item().table_name("nowhere").key("pk", text("a")).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn tables_are_made_once_and_a_changed_definition_is_named() {
    let local = Local::memory();
    let spec = counter_table();
    local.emulators.ensure_tables(std::slice::from_ref(&spec)).unwrap();
    let check = |changed: emulators::TableSpec, part: &str| {
        let refused = local.emulators.ensure_tables(&[changed]).unwrap_err().to_string();
        assert!(refused.contains("table items") && refused.contains(part), "{refused}");
    };
    check(emulators::TableSpec { sort: None, ..spec.clone() }, "keys");
    check(emulators::TableSpec { stream: None, ..spec.clone() }, "stream");
    check(emulators::TableSpec { ttl: Some("other".into()), ..spec.clone() }, "expiry attribute");
    check(emulators::TableSpec { indexes: Vec::new(), ..spec.clone() }, "key types");
    let mut changed = spec.clone();
    changed.indexes[0].attributes = Some(vec!["n".into()]);
    check(changed, "indexes");
    let described = local.dynamodb("anyone").describe_table().table_name("items").send().await.unwrap();
    assert!(
        described.table.unwrap().table_arn.unwrap().starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/items")
    );
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(path) = local::killed_child_folder() {
        let local = Local::folder(&path);
        let client = local.dynamodb("anyone");
        for i in 0.. {
            let run =
                client.transact_write_items().transact_items(add_one("a")).transact_items(add_one(&format!("k{i}")));
            run.client_request_token(format!("t{i}")).send().await.unwrap();
            println!("acknowledged {i}");
        }
    }
    let last = local::run_child_and_kill("acknowledged_writes_survive_kill_9", folder.path(), 30);
    let local = Local::folder(folder.path());
    let client = local.dynamodb("anyone");
    let counted: u64 = number(&client, "a").await.unwrap().parse().unwrap();
    assert!(counted > last, "{counted} effects, {last} was acknowledged");
    // The last acknowledged token replays: effect and token came together.
    let token = format!("t{last}");
    let run = client.transact_write_items().transact_items(add_one("a")).transact_items(add_one(&format!("k{last}")));
    run.client_request_token(token).send().await.unwrap();
    assert_eq!(number(&client, "a").await.unwrap(), counted.to_string());
}
