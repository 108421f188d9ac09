//! B.4 step 9 and KX-2: what a crash or a lost answer left behind is driven, asked about or ended; never resent.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

mod world;

use account::id::JobId;
use account::{ConnectionId, Epoch, UserId};
use store::attribute::{n, s};
use store::entity::intent::{Ask, ConnectionSubject, Intent, IntentState, cancel_key, place_key, query_key};
use store::entity::job::{self, Mail, Notice};
use store::{Key, Table, Write};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::MarketTime;
use world::{World, dca, pair};

fn order() -> ClientOrderId {
    ClientOrderId::try_from("0123456789abcdef0123456789abcdef".to_owned()).unwrap()
}

/// A running bot with an open deal whose base order is filled and whose exit and ladder rest on the exchange.
async fn open_deal(world: &World) -> (BotId, DealId, UserId, ConnectionId) {
    let (user, connection) = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    let (bot, wake) = world.bot((user, connection), dca(None)).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    world.drain().await;
    world.take_messages().await;
    let deal = world.store.find_bot(bot.id).await.unwrap().unwrap().open_deal.unwrap();
    (bot.id, deal, user, connection)
}

async fn put(
    world: &World,
    key: Key,
    ask: Ask,
    state: IntentState,
    of: (BotId, DealId, UserId, ConnectionId),
) -> Intent {
    let authorised_at = (state != IntentState::Proposed).then(|| world.now());
    let intent = Intent {
        key,
        ask,
        state,
        user: of.2,
        connection: of.3,
        exchange: "paper".into(),
        bot: Some(of.0),
        deal: Some(of.1),
        pair: Some(pair()),
        run: 1,
        epoch: Epoch::FIRST,
        proposed_at: world.now(),
        authorised_at,
        why: None,
    };
    world
        .store
        .write_one(Write::put(Table::Trading, intent.key.clone(), intent.to_row().unwrap()))
        .await
        .unwrap()
        .unwrap();
    intent
}
async fn state(world: &World, key: &Key) -> IntentState {
    world.store.find_intent(key).await.unwrap().unwrap().state
}
async fn questions(world: &World, bot: BotId, order: &ClientOrderId) -> usize {
    let prefix = format!("INTENT#QUERY#{order}");
    world.store.read_partition(Table::Trading, &store::entity::bot::partition(bot), &prefix).await.unwrap().len()
}
/// The order that rests in the deal's first averaging slot.
async fn resting(world: &World, bot: BotId) -> ClientOrderId {
    let orders = world.store.orders_of(bot).await.unwrap();
    orders.into_iter().find(|o| !o.status.is_final() && o.order.key.slot.level == 1).unwrap().order.client_order_id
}

#[tokio::test]
async fn a_proposed_intent_is_driven_again_after_one_period_and_stays_proposed() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    let Ask::Place(planned) =
        world.store.find_intent(&place_key(of.0, &resting(&world, of.0).await)).await.unwrap().unwrap().ask
    else {
        panic!()
    };
    let intent = put(&world, place_key(of.0, &order()), Ask::Place(planned), IntentState::Proposed, of).await;
    let drive =
        async || world.store.read(Table::Trading, &intent.key).await.unwrap().unwrap().number::<u64>("drive").unwrap();
    world.clock.advance_s(60);
    world.sweep().await;
    assert_eq!(drive().await, 0);
    world.clock.advance_s(1);
    world.sweep().await;
    assert_eq!((drive().await, state(&world, &intent.key).await), (1, IntentState::Proposed));
}

#[tokio::test]
async fn an_authorised_intent_without_answer_is_unknown_after_window_and_grace_and_asked_about_each_minute() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    let id = resting(&world, of.0).await;
    let Ask::Place(planned) = world.store.find_intent(&place_key(of.0, &id)).await.unwrap().unwrap().ask else {
        panic!()
    };
    let planned = strategy::order::PlannedOrder { client_order_id: order(), ..planned };
    let intent = put(&world, place_key(of.0, &order()), Ask::Place(planned), IntentState::Authorised, of).await;
    world.clock.advance_s(14);
    world.sweep().await;
    assert_eq!(
        (state(&world, &intent.key).await, questions(&world, of.0, &order()).await),
        (IntentState::Authorised, 0)
    );
    world.clock.advance_s(1);
    world.sweep().await;
    world.sweep().await;
    assert_eq!((state(&world, &intent.key).await, questions(&world, of.0, &order()).await), (IntentState::Unknown, 1));
    // G2: a reset still names it as one that may arrive.
    let row = world.store.read(Table::Trading, &intent.key).await.unwrap().unwrap();
    assert_eq!(row.text_if("user_key"), Some(format!("USER#{}", of.2).as_str()));
    world.clock.advance_s(60);
    world.sweep().await;
    assert_eq!(questions(&world, of.0, &order()).await, 2);
    // Where the key is gone nobody can ask.
    world.put_connection(of.2, of.3, "REVOKED", None).await;
    world.clock.advance_s(60);
    world.sweep().await;
    assert_eq!((state(&world, &intent.key).await, questions(&world, of.0, &order()).await), (IntentState::Unknown, 2));
}

#[tokio::test]
async fn a_question_without_answer_expires_and_does_not_come_back() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    let intent = put(
        &world,
        query_key(of.0, &order(), world.now()),
        Ask::QueryOrder { order: order() },
        IntentState::Authorised,
        of,
    )
    .await;
    world.clock.advance_s(15);
    world.sweep().await;
    assert_eq!(state(&world, &intent.key).await, IntentState::Expired);
    assert!(world.store.find_marked("AUTHORISED", world.now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_cancel_is_settled_by_a_later_word_on_its_order_and_the_deal_decides_again() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    let id = resting(&world, of.0).await;
    let cancel = put(
        &world,
        cancel_key(of.0, &id, 1),
        Ask::Cancel { order: id.clone(), number: 1 },
        IntentState::Authorised,
        of,
    )
    .await;
    world.clock.advance_s(15);
    world.sweep().await;
    assert_eq!((state(&world, &cancel.key).await, questions(&world, of.0, &id).await), (IntentState::Unknown, 1));
    let before = world.store.find_deal(of.0, of.1).await.unwrap().unwrap();
    // The exchange says, after the cancel could have had its effect, that the order still rests.
    let seen = Write::update(Table::Trading, store::entity::order::key(of.0, &id), "SET #seen_at = :now")
        .value(":now", n(world.now().ms()));
    world.store.write_one(seen).await.unwrap().unwrap();
    world.clock.advance_s(60);
    world.sweep().await;
    assert_eq!(state(&world, &cancel.key).await, IntentState::Absent);
    let after = world.store.find_deal(of.0, of.1).await.unwrap().unwrap();
    assert_eq!(after.orders_version, before.orders_version + 1);
    assert_eq!(world.take_messages().await.len(), 1);
}

#[tokio::test]
async fn resting_orders_are_asked_about_once_an_hour() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    let id = resting(&world, of.0).await;
    world.clock.advance_s(3_600);
    world.sweep().await;
    assert_eq!(questions(&world, of.0, &id).await, 0);
    world.clock.advance_s(1);
    world.sweep().await;
    world.clock.advance_s(60);
    world.sweep().await;
    assert_eq!(questions(&world, of.0, &id).await, 1);
}

#[tokio::test]
async fn balances_and_permissions_are_asked_once_a_day_while_a_bot_is_active() {
    let world = World::new().await;
    let of = open_deal(&world).await;
    world.clock.advance_s(24 * 3_600 + 1);
    world.sweep().await;
    world.clock.advance_s(60);
    world.sweep().await;
    let rows = world.store.read_partition(Table::Trading, &format!("USER#{}", of.2), "INTENT#QUERY#").await.unwrap();
    let mut subjects: Vec<_> = rows.iter().map(|row| row.text("subject").unwrap().to_owned()).collect();
    subjects.sort();
    assert_eq!(subjects, [ConnectionSubject::Balances.as_str(), ConnectionSubject::Permissions.as_str()]);
}

#[tokio::test]
async fn an_open_job_is_driven_every_five_minutes_and_a_done_one_is_left_alone() {
    let world = World::new().await;
    let (open, done) = (JobId::new(world.ulid()), JobId::new(world.ulid()));
    let mail = Mail { to: "a@example.com".into(), notice: Notice::Nothing };
    for id in [open, done] {
        let write = job::put_mail(id, None, &mail, world.now()).unwrap();
        world.store.write_one(write).await.unwrap().unwrap();
    }
    let close = Write::update(Table::Outbox, job::key(done), "REMOVE #open_key").when("attribute_exists(pk)");
    world.store.write_one(close).await.unwrap().unwrap();
    for _ in 0..11 {
        world.clock.advance_s(60);
        world.sweep().await;
    }
    let tries = async |id| {
        world.store.read(Table::Outbox, &job::key(id)).await.unwrap().unwrap().number::<u64>("tries").unwrap()
    };
    assert_eq!((tries(open).await, tries(done).await), (1, 0));
}

// PR-14: the reminders of a recovery wait up to 72 h in the outbox. Nobody is woken for them before, and nobody forgets them.
#[tokio::test]
async fn pr_14_a_mail_that_waits_is_driven_when_it_is_due_and_not_before() {
    let world = World::new().await;
    let id = JobId::new(world.ulid());
    let mail = Mail { to: "a@example.com".into(), notice: Notice::Nothing };
    let due = world.now().plus_seconds(72 * 3_600);
    let write = job::put_later_mail(id, UserId::new(world.ulid()), &mail, due, world.now()).unwrap();
    world.store.write_one(write).await.unwrap().unwrap();
    let tries =
        async || world.store.read(Table::Outbox, &job::key(id)).await.unwrap().unwrap().number::<u64>("tries").unwrap();
    for _ in 0..12 {
        world.clock.advance_s(60);
        world.sweep().await;
    }
    world.clock.advance_s(72 * 3_600 - 12 * 60 - 1);
    world.sweep().await;
    assert_eq!(tries().await, 0);
    for _ in 0..5 {
        world.clock.advance_s(60);
        world.sweep().await;
    }
    assert_eq!(tries().await, 1, "within five minutes of its moment");
}

#[tokio::test]
async fn a_secret_whose_attach_broke_off_is_shredded_after_fifteen_minutes_once() {
    let world = World::new().await;
    let (user, connection) = (UserId::new(world.ulid()), ConnectionId::new(world.ulid()));
    let name = format!("ex/{user}/{connection}/1");
    let key = store::entity::ledger::key(&name);
    let row = store::attribute::Row::keyed(&key)
        .with("state", s("CREATING"))
        .with("user", s(user))
        .with("connection", s(connection))
        .with("updated_at", n(world.now().ms()))
        .with("ledger_key", s("CREATING"))
        .with("ledger_ms", n(world.now().ms()));
    world.store.write_one(Write::put(Table::Vault, key, row)).await.unwrap().unwrap();
    let jobs = async || world.store.find_open_jobs("shred", world.now().plus_seconds(1)).await.unwrap().len();
    world.clock.advance_s(15 * 60);
    world.sweep().await;
    assert_eq!(jobs().await, 0);
    world.clock.advance_s(1);
    world.sweep().await;
    world.sweep().await;
    assert_eq!(jobs().await, 1);
}

#[tokio::test]
async fn a_halted_market_is_recorded_and_starts_no_deal() {
    let world = World::new().await;
    let connection = world.connection(None).await;
    world.minute("100", "100", "100", "100").await;
    world.market.halt(true);
    assert!(world.tick().await);
    let market = world.store.find_market("paper", &pair()).await.unwrap().unwrap();
    assert_eq!(market.status, strategy::market::SymbolStatus::Break);
    let (bot, wake) = world.bot(connection, dca(None)).await;
    world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    let bot = world.store.find_bot(bot.id).await.unwrap().unwrap();
    assert!(bot.open_deal.is_none() && bot.waiting_because.unwrap().contains("halted"));
    world.market.halt(false);
    world.minute("100", "100", "100", "100").await;
    assert!(world.store.find_bot(bot.id).await.unwrap().unwrap().open_deal.is_some());
}
