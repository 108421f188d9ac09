//! Sending what the outbox asks for: once where it can be known, again where it cannot, and never what says nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use account::id::JobId;
use aws_lambda_events::event::dynamodb::Event;
use emulators::{Act, Fault, Gate, Service, When};
use function_mailer::{Deps, handle};
use serde_json::json;
use std::sync::Arc;
use store::entity::job::{self, Mail, Notice};
use world::World;

fn notice() -> Notice {
    Notice::VerifyEmail { token: "t0ken-canary".into() }
}
async fn order_to(world: &World, to: &str, notice: Notice) -> JobId {
    let id = JobId::new(world.ulid());
    let mail = Mail { to: to.into(), notice };
    world.store.write_one(job::put_mail(id, None, &mail, world.now()).unwrap()).await.unwrap().unwrap();
    id
}
async fn order(world: &World, notice: Notice) -> JobId {
    order_to(world, "owner@example.com", notice).await
}
async fn is_open(world: &World, job: JobId) -> bool {
    world.store.find_open_job(job).await.unwrap().is_some()
}
fn event(pks: &[String]) -> Event {
    let records: Vec<_> = pks.iter().enumerate().map(|(at, pk)| json!({
        "awsRegion": "us-east-1", "eventID": at.to_string(), "eventName": "MODIFY", "eventSource": "aws:dynamodb", "eventVersion": "1.1",
        "dynamodb": { "ApproximateCreationDateTime": 1_764_000_000, "Keys": { "pk": { "S": pk }, "sk": { "S": "JOB" } },
            "SequenceNumber": format!("seq-{at}"), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE" },
    })).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
async fn work(world: &World, jobs: &[JobId]) -> Vec<String> {
    let pks: Vec<_> = jobs.iter().map(|job| format!("JOB#{job}")).collect();
    let response = handle(&Deps::of(&world.host("mailer")).unwrap(), event(&pks)).await;
    response.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn a_mail_is_sent_once_and_its_link_forgotten() {
    let world = World::new();
    let job = order(&world, notice()).await;
    assert!(work(&world, &[job]).await.is_empty() && !is_open(&world, job).await);
    assert!(work(&world, &[job]).await.is_empty());
    let mails = world.emulators.mailbox().unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].to.as_slice(), mails[0].subject.as_str()),
        (["owner@example.com".to_owned()].as_slice(), "Verify your e-mail address")
    );
    let link = "https://shearpin.example/#/verify?token=t0ken-canary";
    assert!(mails[0].text.as_ref().unwrap().contains(link) && mails[0].html.as_ref().unwrap().contains(link));
    // The token is not kept beside the record of its sending.
    let row = world.store.read(store::Table::Outbox, &job::key(job)).await.unwrap().unwrap();
    assert!(!format!("{row:?}").contains("t0ken-canary"));
    // The outbox and the mail service, and nothing else.
    for service in [Service::SecretsManager, Service::Kms] {
        assert!(world.operations("mailer", service).is_empty());
    }
}

#[tokio::test]
async fn pr_1_nothing_is_done_and_not_sent() {
    let world = World::new();
    let job = order(&world, Notice::Nothing).await;
    assert!(work(&world, &[job]).await.is_empty() && !is_open(&world, job).await);
    assert_eq!(world.emulators.mailbox().unwrap().len(), 0);
}

// PR-14: a reminder lies in the outbox for a day and more, and the stream brings it at once.
#[tokio::test]
async fn pr_14_a_mail_that_waits_is_sent_at_its_moment_and_not_before() {
    let world = World::new();
    let id = JobId::new(world.ulid());
    let mail = Mail { to: "owner@example.com".into(), notice: notice() };
    let due = world.now().plus_seconds(86_400);
    let user = account::UserId::new(world.ulid());
    let write = job::put_later_mail(id, user, &mail, due, world.now()).unwrap();
    world.store.write_one(write).await.unwrap().unwrap();
    for advance_s in [0, 86_399] {
        world.clock.advance_s(advance_s);
        // No failure, which would end in the dead-letter queue; no lease; and it stays open.
        assert!(work(&world, &[id]).await.is_empty() && is_open(&world, id).await);
        assert_eq!(world.emulators.mailbox().unwrap().len(), 0);
    }
    world.clock.advance_s(1);
    assert!(work(&world, &[id]).await.is_empty() && !is_open(&world, id).await);
    assert_eq!(world.emulators.mailbox().unwrap().len(), 1);
}

// RF-28.
#[tokio::test]
async fn rf_28_two_workers_at_once_send_one_mail() {
    let world = World::new();
    let job = order(&world, notice()).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::any("SendEmail"), Act::PauseBefore(gate.clone()));
    let jobs = [job];
    let (first, second) = tokio::join!(work(&world, &jobs), async {
        gate.reached().await;
        let second = work(&world, &jobs).await;
        gate.open();
        second
    });
    assert!(first.is_empty() && second.is_empty() && !is_open(&world, job).await);
    assert_eq!(world.emulators.mailbox().unwrap().len(), 1);
}

// RF-32 and every outbox job with a failure after each call: it is said in the end, and twice only where the answer of the
// mail service was lost, under one Message-ID.
#[tokio::test]
async fn rf_32_a_notice_survives_every_failure() {
    for operation in ["GetItem", "UpdateItem", "SendEmail"] {
        for fault in [Fault::Throttle, Fault::Status(500), Fault::DropRequest, Fault::LoseAnswer] {
            for skip in 0..3 {
                let world = World::new();
                let job = order(&world, notice()).await;
                world.script.times(When::calls("mailer", operation), skip, 1, Act::Fault(fault));
                let mut rounds = 0;
                while is_open(&world, job).await {
                    rounds += 1;
                    assert!(rounds < 6, "{operation} {fault:?} {skip}");
                    let _again = work(&world, &[job]).await;
                    world.clock.advance_s(61);
                }
                let sent = world.emulators.mailbox().unwrap().len();
                let may_repeat = fault == Fault::LoseAnswer || operation == "UpdateItem";
                assert!(sent == 1 || (may_repeat && sent == 2), "{operation} {fault:?} {skip}: {sent}");
            }
        }
    }
}
#[tokio::test]
async fn a_throttled_mail_is_tried_again_at_once() {
    let world = World::new();
    let job = order(&world, notice()).await;
    world.script.once(When::any("SendEmail"), Act::Fault(Fault::Throttle));
    assert_eq!(work(&world, &[job]).await, ["seq-0"]);
    // The lease was given back: no waiting for its end.
    assert!(work(&world, &[job]).await.is_empty());
    assert_eq!(world.emulators.mailbox().unwrap().len(), 1);
}
// A worker that died with the lease holds the mail up for a minute and no longer.
#[tokio::test]
async fn a_crash_before_sending_delays_and_does_not_lose() {
    let world = World::new();
    let job = order(&world, notice()).await;
    let gate = Arc::new(Gate::default());
    world.script.once(When::any("SendEmail"), Act::PauseBefore(gate.clone()));
    let jobs = [job];
    tokio::select! { biased; _ = work(&world, &jobs) => panic!("it did not stop"), () = gate.reached() => {} }
    assert!(work(&world, &jobs).await.is_empty() && is_open(&world, job).await);
    world.clock.advance_s(60);
    assert!(work(&world, &jobs).await.is_empty() && !is_open(&world, job).await);
    assert_eq!(world.emulators.mailbox().unwrap().len(), 1);
}

// RF-27.
#[tokio::test]
async fn rf_27_poison_is_isolated() {
    let world = World::new();
    let bad = order_to(&world, "a@x.com\r\nBcc: evil@y.com", notice()).await;
    let good = order(&world, notice()).await;
    let pks = ["JOB#nonsense".to_owned(), format!("JOB#{bad}"), format!("JOB#{good}")];
    let response = handle(&Deps::of(&world.host("mailer")).unwrap(), event(&pks)).await;
    assert_eq!(response.batch_item_failures.len(), 0);
    assert!(!is_open(&world, good).await && is_open(&world, bad).await);
    let mails = world.emulators.mailbox().unwrap();
    assert!(mails.len() == 1 && mails[0].to == ["owner@example.com"]);
}
