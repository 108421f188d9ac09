//! Erasing a secret: proven, repeated, in parallel, against every failure, and against jobs that are wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};
use aws_lambda_events::event::dynamodb::Event;
use emulators::{Act, Fault, Service, When};
use function_shredder::{Deps, handle};
use serde_json::json;
use store::entity::job::{self, Mail, Notice, ORPHAN, Shred};
use store::entity::ledger::LedgerState;
use store::{Store, Table, Write};
use world::World;

struct Secret {
    name: String,
    arn: String,
    user: UserId,
    connection: ConnectionId,
}

async fn secret(world: &World) -> Secret {
    let (user, connection) = (UserId::new(world.ulid()), ConnectionId::new(world.ulid()));
    let name = format!("ex/{user}/{connection}/{}", world.ulid());
    world.store.open_ledger(&name, user, connection, world.now()).await.unwrap();
    let sent = client(world).create_secret().name(&name).secret_string("sealed").send().await.unwrap();
    Secret { name, arn: sent.arn.unwrap(), user, connection }
}
/// Its ledger row as after an attach.
async fn live(world: &World) -> Secret {
    let secret = secret(world).await;
    let s = store::attribute::s;
    let write = Write::update(
        Table::Vault,
        store::entity::ledger::key(&secret.name),
        "SET #state = :live, #ledger_key = :live, #secret_arn = :arn",
    )
    .value(":live", s("LIVE"))
    .value(":arn", s(&secret.arn));
    world.store.write_one(write).await.unwrap().unwrap();
    secret
}
fn client(world: &World) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&world.host("owner").aws)
}
async fn there(world: &World, secret: &Secret) -> bool {
    client(world).describe_secret().secret_id(&secret.arn).send().await.is_ok()
}
async fn state(world: &World, secret: &Secret) -> LedgerState {
    world.store.find_ledger(&secret.name).await.unwrap().unwrap().state
}
async fn order(world: &World, secret: &Secret, arn: &str, reason: &str) -> JobId {
    let id = JobId::new(world.ulid());
    let shred = Shred { connection: secret.connection, secret_arn: arn.into(), reason: reason.into() };
    world.store.write_one(job::put_shred(id, secret.user, &shred, world.now()).unwrap()).await.unwrap().unwrap();
    id
}
async fn is_open(store: &Store, job: JobId) -> bool {
    store.find_open_job(job).await.unwrap().is_some()
}
fn event(jobs: &[String]) -> Event {
    let records: Vec<_> = jobs.iter().enumerate().map(|(at, pk)| json!({
        "awsRegion": "us-east-1", "eventID": at.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventVersion": "1.1",
        "dynamodb": { "ApproximateCreationDateTime": 1_764_000_000, "Keys": { "pk": { "S": pk }, "sk": { "S": "JOB" } },
            "SequenceNumber": format!("seq-{at}"), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE" },
    })).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
/// Works the jobs in one batch; the sequence numbers that must come again.
async fn work(world: &World, jobs: &[JobId]) -> Vec<String> {
    let pks: Vec<_> = jobs.iter().map(|job| format!("JOB#{job}")).collect();
    let response = handle(&Deps::of(&world.host("shredder")), event(&pks)).await;
    response.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn g_4_a_secret_is_erased_and_its_absence_recorded() {
    let world = World::new();
    let secret = live(&world).await;
    let job = order(&world, &secret, &secret.arn, "password_reset").await;
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert!(!there(&world, &secret).await && !is_open(&world.store, job).await);
    assert_eq!(state(&world, &secret).await, LedgerState::Deleted);
    // Never a read; delete and describe alone.
    assert_eq!(world.operations("shredder", Service::SecretsManager), ["DeleteSecret", "DescribeSecret"]);
    assert_eq!(world.operations("shredder", Service::Kms), Vec::<String>::new());
    // Delivered again: nothing more is called.
    world.emulators.reset_calls();
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert_eq!(world.operations("shredder", Service::SecretsManager), Vec::<String>::new());
}

// RF-25, RF-23: deletion takes its time; within the invocation it is waited for, beyond it the job comes again.
#[tokio::test]
async fn a_secret_that_is_still_described_is_not_gone() {
    let world = World::new();
    world.emulators.delay_secret_deletion(5);
    let quick = live(&world).await;
    let job = order(&world, &quick, &quick.arn, "detached").await;
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert_eq!(state(&world, &quick).await, LedgerState::Deleted);

    world.emulators.delay_secret_deletion(600);
    let slow = live(&world).await;
    let job = order(&world, &slow, &slow.arn, "detached").await;
    let started = world.now();
    assert_eq!(work(&world, &[job]).await, ["seq-0"]);
    assert!(world.now().ms_since(started) < 20_000, "an invocation ends before its limit");
    assert!(is_open(&world.store, job).await);
    assert_eq!(state(&world, &slow).await, LedgerState::Deleting);
    world.clock.advance_s(600);
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert_eq!(state(&world, &slow).await, LedgerState::Deleted);
}

// RF-23: throttled, denied or broken for as long as it takes: tried again, and done when it works.
#[tokio::test]
async fn rf_23_no_failure_ends_an_erasure() {
    for operation in ["GetItem", "UpdateItem", "DeleteSecret", "DescribeSecret", "TransactWriteItems"] {
        for fault in [
            Fault::Throttle,
            Fault::Status(500),
            Fault::Status(503),
            Fault::DropRequest,
            Fault::LoseAnswer,
            Fault::Duplicate,
        ] {
            let world = World::new();
            let secret = live(&world).await;
            let job = order(&world, &secret, &secret.arn, "password_reset").await;
            world.script.times(When::calls("shredder", operation), 0, 4, Act::Fault(fault));
            let mut rounds = 0;
            while is_open(&world.store, job).await {
                rounds += 1;
                assert!(rounds < 9, "{operation} {fault:?}");
                assert!(
                    state(&world, &secret).await != LedgerState::Deleted || operation == "TransactWriteItems",
                    "{operation} {fault:?}"
                );
                let _again = work(&world, &[job]).await;
            }
            assert!(!there(&world, &secret).await, "{operation} {fault:?}");
            assert_eq!(state(&world, &secret).await, LedgerState::Deleted, "{operation} {fault:?}");
        }
    }
}

// A failed job is reported, and only it.
#[tokio::test]
async fn one_failure_does_not_hold_up_the_batch() {
    let world = World::new();
    let (one, two) = (live(&world).await, live(&world).await);
    let jobs = [order(&world, &one, &one.arn, "detached").await, order(&world, &two, &two.arn, "detached").await];
    world.script.always(When::calls("shredder", "DeleteSecret").with_body(&one.name), Act::Fault(Fault::Throttle));
    assert_eq!(work(&world, &jobs).await, ["seq-0"]);
    assert!(there(&world, &one).await && !there(&world, &two).await);
}

// RF-24: forcing the deletion of what does not exist succeeds; the recorded ARN is what counts.
#[tokio::test]
async fn rf_24_a_wrong_arn_does_not_pass_for_an_erasure() {
    let world = World::new();
    let secret = live(&world).await;
    let wrong = format!("{}-aaaaaa", secret.arn.rsplit_once('-').unwrap().0);
    assert_ne!(wrong, secret.arn);
    let job = order(&world, &secret, &wrong, "password_reset").await;
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert!(!there(&world, &secret).await, "the real one is erased");
    assert_eq!(state(&world, &secret).await, LedgerState::Deleted);
    // A name that was never recorded proves nothing: the job stays open, so that its age rings the alarm.
    let other = live(&world).await;
    let unknown = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/usr_x/con_y/01ABC-x7Yz12";
    let job = order(&world, &other, unknown, "password_reset").await;
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert!(is_open(&world.store, job).await && there(&world, &other).await);
}

// RF-28.
#[tokio::test]
async fn rf_28_two_workers_at_once_do_no_harm() {
    let world = World::new();
    let secret = live(&world).await;
    let job = order(&world, &secret, &secret.arn, "password_reset").await;
    let twice = order(&world, &secret, &secret.arn, "detached").await;
    let (one, two) = ([job, twice], [twice, job]);
    let (a, b) = tokio::join!(work(&world, &one), work(&world, &two));
    assert_eq!((a, b), (vec![], vec![]));
    assert!(!is_open(&world.store, job).await && !is_open(&world.store, twice).await && !there(&world, &secret).await);
}

// RF-27: what is no job, or no shred job, or cannot be read is let go.
#[tokio::test]
async fn rf_27_poison_is_isolated() {
    let world = World::new();
    let secret = live(&world).await;
    let mail = JobId::new(world.ulid());
    let nothing = Mail { to: "owner@example.com".into(), notice: Notice::Nothing };
    world.store.write_one(job::put_mail(mail, None, &nothing, world.now()).unwrap()).await.unwrap().unwrap();
    let unreadable = order(&world, &secret, &secret.arn, "detached").await;
    let spoil = Write::update(Table::Outbox, job::key(unreadable), "SET #body = :body")
        .value(":body", store::attribute::s("{"));
    world.store.write_one(spoil).await.unwrap().unwrap();
    let good = order(&world, &secret, &secret.arn, "detached").await;
    let pks = [
        "JOB#nonsense".to_owned(),
        "OTHER#1".to_owned(),
        format!("JOB#{mail}"),
        format!("JOB#{unreadable}"),
        format!("JOB#{good}"),
    ];
    let response = handle(&Deps::of(&world.host("shredder")), event(&pks)).await;
    assert_eq!(response.batch_item_failures.len(), 0);
    assert!(!there(&world, &secret).await && !is_open(&world.store, good).await);
    assert!(is_open(&world.store, mail).await, "a mail is the mailer's");
}

// RF-20: an orphan whose ARN nobody knows is found by its name; what is not seen counts as there for ten minutes.
#[tokio::test]
async fn rf_20_an_orphan_is_found_by_its_name() {
    let world = World::new();
    let known = secret(&world).await;
    let job = order(&world, &known, &known.name, ORPHAN).await;
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert!(!there(&world, &known).await && !is_open(&world.store, job).await);

    let unseen = Secret { name: format!("{}X", known.name), arn: String::new(), ..known };
    world.store.open_ledger(&unseen.name, unseen.user, unseen.connection, world.now()).await.unwrap();
    let job = order(&world, &unseen, &unseen.name, ORPHAN).await;
    for _ in 0..3 {
        assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
        assert!(is_open(&world.store, job).await && state(&world, &unseen).await == LedgerState::Deleting);
        world.clock.advance_s(180);
    }
    // A creation that was under way arrives late, and is erased.
    let late =
        client(&world).create_secret().name(&unseen.name).secret_string("sealed").send().await.unwrap().arn.unwrap();
    assert_eq!(work(&world, &[job]).await, Vec::<String>::new());
    assert!(client(&world).describe_secret().secret_id(late).send().await.is_err());
    assert_eq!(state(&world, &unseen).await, LedgerState::Deleted);
}
#[tokio::test]
async fn rf_20_a_secret_that_never_came_is_settled_after_ten_minutes() {
    let world = World::new();
    let (user, connection) = (UserId::new(world.ulid()), ConnectionId::new(world.ulid()));
    let never = Secret { name: format!("ex/{user}/{connection}/1"), arn: String::new(), user, connection };
    world.store.open_ledger(&never.name, user, connection, world.now()).await.unwrap();
    let job = order(&world, &never, &never.name, ORPHAN).await;
    assert!(work(&world, &[job]).await.is_empty() && is_open(&world.store, job).await);
    world.clock.advance_s(599);
    assert!(work(&world, &[job]).await.is_empty() && is_open(&world.store, job).await);
    world.clock.advance_s(1);
    assert!(work(&world, &[job]).await.is_empty() && !is_open(&world.store, job).await);
    assert_eq!(world.store.find_unfinished_creations(WallTime::FAR_FUTURE).await.unwrap(), vec![]);
}
#[tokio::test]
async fn rf_20_what_became_live_is_no_orphan() {
    let world = World::new();
    let secret = live(&world).await;
    let job = order(&world, &secret, &secret.arn, ORPHAN).await;
    assert!(work(&world, &[job]).await.is_empty());
    assert!(there(&world, &secret).await && !is_open(&world.store, job).await);
    assert_eq!(state(&world, &secret).await, LedgerState::Live);
}
