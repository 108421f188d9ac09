//! The border between callers and services: allow-list, faults, counters, loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test file: its helpers stand outside the test functions"
)]

mod local;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use emulators::{Act, Call, Caller, Fault, Gate, Resource, Script, Service, Verdict, When};
use local::{Local, text};

/// May read items of the partition `mine`, and put nothing.
fn reader() -> Caller {
    Caller::new(
        "reader",
        Arc::new(|call: &Call| {
            let table = call.resource == Resource::Table("items".to_owned());
            let mine = call.leading_keys.iter().all(|key| key == "mine");
            let read = ["dynamodb:GetItem", "dynamodb:Query"].contains(&call.action.as_str());
            if table && mine && read { Verdict::Allowed } else { Verdict::Refused }
        }),
    )
}

fn without_retries(local: &Local, caller: Caller) -> Client {
    let config = local.emulators.sdk_config(caller).into_builder().retry_config(RetryConfig::disabled()).build();
    Client::new(&config)
}

fn add_one(client: &Client) -> UpdateItemFluentBuilder {
    let update = client.update_item().table_name("items").key("pk", text("a")).key("sk", text("-"));
    update.update_expression("ADD n :one").expression_attribute_values(":one", AttributeValue::N("1".into()))
}

async fn number(local: &Local) -> u32 {
    let get = local.dynamodb("checker").get_item().table_name("items").key("pk", text("a")).key("sk", text("-"));
    let item = get.send().await.unwrap().item.unwrap_or_default();
    item.get("n").map_or(0, |n| n.as_n().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_caller_reaches_what_its_policy_allows_and_nothing_else() {
    let local = Local::memory();
    let client = Client::new(&local.emulators.sdk_config(reader()));
    let get = |pk: &str| client.get_item().table_name("items").key("pk", text(pk)).key("sk", text("-")).send();
    get("mine").await.unwrap();
    let error = get("theirs").await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDeniedException"));
    assert!(error.meta().message().unwrap().contains("reader is not authorized to perform: dynamodb:GetItem"));
    let put = Put::builder().table_name("items").item("pk", text("mine")).item("sk", text("-")).build().unwrap();
    let put = TransactWriteItem::builder().put(put).build();
    let error = client.transact_write_items().transact_items(put).send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDeniedException"));
    let query = client.query().table_name("items").index_name("by-due").key_condition_expression("lane = :s");
    assert!(query.expression_attribute_values(":s", text("mine")).send().await.is_err());
    let refused: Vec<_> =
        local.emulators.refused_calls().into_iter().map(|call| (call.action, call.resource.arn())).collect();
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/items".to_owned();
    assert_eq!(
        refused,
        [
            ("dynamodb:GetItem".to_owned(), table.clone()),
            ("dynamodb:PutItem".to_owned(), table.clone()),
            ("dynamodb:Query".to_owned(), table + "/index/by-due"),
        ]
    );
    assert_eq!(local.emulators.refused_calls()[0].leading_keys, ["theirs"]);
}

#[tokio::test]
async fn each_service_words_the_refusal_in_its_own_way_and_names_the_resource() {
    let local = Local::memory();
    local.emulators.ensure_key("alias/vault", emulators::MasterKeySpec::Symmetric).unwrap();
    let nothing = Caller::new("nobody", Arc::new(|_: &Call| Verdict::Refused));
    let config = local.emulators.sdk_config(nothing);
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let error = secrets.get_secret_value().secret_id("ex/1").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDeniedException"));
    let kms = aws_sdk_kms::Client::new(&config);
    let error = kms.disable_key().key_id("alias/vault").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDeniedException"));
    let sqs = aws_sdk_sqs::Client::new(&config);
    let error = sqs.send_message().queue_url("http://in-process/000000000000/work").message_body("x").send().await;
    assert_eq!(error.unwrap_err().into_service_error().meta().code(), Some("AccessDeniedException"));
    let refused: Vec<_> = local.emulators.refused_calls().into_iter().map(|call| call.resource).collect();
    assert_eq!(refused[0], Resource::Secret("ex/1".into()));
    assert!(matches!(&refused[1], Resource::Key { alias: Some(alias), .. } if alias == "alias/vault"));
    assert_eq!(refused[2], Resource::Queue("work".into()));
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_a_lost_answer_has_one() {
    let local = Local::memory();
    let client = without_retries(&local, Caller::owner("trader"));
    let script = Arc::new(Script::new());
    local.emulators.set_faults(Some(script.clone()));
    for (fault, effect) in [(Fault::DropRequest, 0), (Fault::LoseAnswer, 1)] {
        script.once(When::calls("trader", "UpdateItem"), Act::Fault(fault));
        let error = add_one(&client).send().await.unwrap_err();
        assert!(error.as_service_error().is_none(), "{error:?}");
        assert_eq!(number(&local).await, effect, "{fault:?}");
    }
    script.once(When::calls("trader", "UpdateItem"), Act::Fault(Fault::Duplicate));
    add_one(&client).send().await.unwrap();
    assert_eq!(number(&local).await, 3);
    // Other callers, other operations and later calls are left alone.
    script.once(When::calls("signer", "UpdateItem"), Act::Fault(Fault::DropRequest));
    script.once(When::calls("trader", "UpdateItem").with_body("elsewhere"), Act::Fault(Fault::DropRequest));
    add_one(&client).send().await.unwrap();
    assert_eq!(script.left(), 2);
    local.emulators.set_faults(None);
    assert_eq!(number(&local).await, 4);
}

#[tokio::test]
async fn statuses_and_throttling_look_like_the_services_own() {
    let local = Local::memory();
    let client = without_retries(&local, Caller::owner("trader"));
    let script = Arc::new(Script::new());
    local.emulators.set_faults(Some(script.clone()));
    for status in [500, 503] {
        script.once(When::any("UpdateItem"), Act::Fault(Fault::Status(status)));
        let error = add_one(&client).send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
    }
    script.once(When::any("UpdateItem"), Act::Fault(Fault::Throttle));
    let error = add_one(&client).send().await.unwrap_err().into_service_error();
    assert!(error.is_provisioned_throughput_exceeded_exception());
    assert_eq!(number(&local).await, 0);
    // With its retries on, the SDK gets over all of them unseen.
    let retrying = local.dynamodb("trader");
    script.once(When::any("UpdateItem"), Act::Fault(Fault::Throttle));
    script.once(When::any("UpdateItem"), Act::Fault(Fault::Status(500)));
    add_one(&retrying).send().await.unwrap();
    assert_eq!(number(&local).await, 1);
}

#[tokio::test]
async fn a_caller_stops_before_or_after_the_effect_until_let_on() {
    let local = Local::memory();
    let client = local.dynamodb("signer");
    let script = Arc::new(Script::new());
    local.emulators.set_faults(Some(script.clone()));
    for (after, effect) in [(false, 0), (true, 2)] {
        let gate = Arc::new(Gate::default());
        let act = if after { Act::PauseAfter(gate.clone()) } else { Act::PauseBefore(gate.clone()) };
        script.once(When::calls("signer", "UpdateItem"), act);
        let call = add_one(&client);
        let paused = tokio::spawn(async move { call.send().await.map(|_| ()) });
        gate.reached().await;
        assert!(!paused.is_finished());
        assert_eq!(number(&local).await, effect);
        gate.open();
        paused.await.unwrap().unwrap();
    }
    assert_eq!(number(&local).await, 2);
}

#[tokio::test]
async fn a_task_aborted_after_the_effect_leaves_the_effect() {
    let local = Local::memory();
    let client = local.dynamodb("signer");
    let script = Arc::new(Script::new());
    local.emulators.set_faults(Some(script.clone()));
    let gate = Arc::new(Gate::default());
    script.once(When::any("UpdateItem"), Act::PauseAfter(gate.clone()));
    let call = add_one(&client);
    let crashed = tokio::spawn(async move { call.send().await.map(|_| ()) });
    gate.reached().await;
    crashed.abort();
    assert_eq!(number(&local).await, 1);
}

#[tokio::test]
async fn calls_are_counted_per_caller_service_and_operation() {
    let local = Local::memory();
    add_one(&local.dynamodb("trader")).send().await.unwrap();
    add_one(&local.dynamodb("trader")).send().await.unwrap();
    number(&local).await;
    let calls = local.emulators.calls();
    assert_eq!(calls[&("trader".to_owned(), Service::DynamoDb, "UpdateItem".to_owned())], 2);
    assert_eq!(calls[&("checker".to_owned(), Service::DynamoDb, "GetItem".to_owned())], 1);
    assert_eq!(calls.len(), 2);
    local.emulators.reset_calls();
    assert!(local.emulators.calls().is_empty());
}

#[tokio::test]
async fn over_loopback_the_credentials_name_the_caller_and_its_policy_holds() {
    let local = Local::memory();
    local.emulators.register(&reader());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, local.emulators.router()).into_future());
    let client = |key: &str| {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .endpoint_url(&endpoint)
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(key, "local", None, None, "test"));
        Client::from_conf(config.build())
    };
    let put = |client: &Client| {
        let put = client.put_item().table_name("items").item("pk", text("mine")).item("sk", text("-"));
        put.set_item(Some(HashMap::from([("pk".into(), text("mine")), ("sk".into(), text("-"))]))).send()
    };
    // The owner's own tools may do everything.
    put(&client("AKIAOWNER")).await.unwrap();
    let error = put(&client("LOCALreader")).await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDeniedException"));
    let get = client("LOCALreader").get_item().table_name("items").key("pk", text("mine")).key("sk", text("-"));
    assert!(get.send().await.unwrap().item.is_some());
    let again = put(&client("AKIAOWNER"));
    again.await.unwrap();
    let condition = client("AKIAOWNER").put_item().table_name("items").item("pk", text("mine")).item("sk", text("-"));
    let error = condition.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
    assert!(error.into_service_error().is_conditional_check_failed_exception());
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let config = emulators::Config { data_dir: Some(folder.path().to_owned()), clock: local.clock.clone() };
    let refused = emulators::Emulators::open(config).unwrap_err();
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
}

#[tokio::test]
async fn a_removed_attribute_is_gone_from_the_folder_after_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::folder(folder.path());
    let client = local.dynamodb("anyone");
    let canary = "canary-wrapped-key-0123456789abcdef";
    // On a table without a stream, as the vault is: a stream keeps images for a day.
    let mut vault = local::counter_table();
    vault.name = "vault".into();
    vault.stream = None;
    local.emulators.ensure_tables(&[vault]).unwrap();
    for pk in ["a", "b", "c", "d"] {
        let put = client.put_item().table_name("vault").item("pk", text(pk)).item("sk", text("-"));
        put.item("wrapped_key", text(&canary.repeat(200))).send().await.unwrap();
    }
    let holds = || {
        std::fs::read_dir(folder.path()).unwrap().any(|file| {
            let content = std::fs::read(file.unwrap().path()).unwrap();
            content.windows(canary.len()).any(|window| window == canary.as_bytes())
        })
    };
    assert!(holds());
    for pk in ["a", "b"] {
        let remove = client.update_item().table_name("vault").key("pk", text(pk)).key("sk", text("-"));
        remove.update_expression("REMOVE wrapped_key").send().await.unwrap();
    }
    for pk in ["c", "d"] {
        let delete = client.delete_item().table_name("vault").key("pk", text(pk)).key("sk", text("-"));
        delete.send().await.unwrap();
    }
    local.emulators.checkpoint().unwrap();
    assert!(!holds(), "the wrapped key is still in the folder");
}
