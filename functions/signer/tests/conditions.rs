//! One case per condition of the authorising and recording transactions: each fails when its condition is taken out.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod world;

use store::attribute::{Row, n, s, truth};
use store::entity::intent::{Ask, Intent, IntentState, place_key, query_key};
use store::entity::order::VenueStatus;
use store::entity::{bot, connection, deal, user};
use store::transaction::authorise_cancel::{AccessRefused, AuthorisingCancel};
use store::transaction::authorise_order::{AuthoriseRefused, Authorising};
use store::transaction::authorising::{Window, Windows};
use store::transaction::close_intent::Ending;
use store::transaction::record_outcome::{OrderNews, Recorded, Recording};
use store::{Key, Table};
use strategy::order::{Filled, PlannedOrder, Role};
use world::{BOT, CONNECTION, DEAL, RUN, USER, World, base_order, order_of, pair};

fn user_item() -> (Table, Key) {
    (Table::Identity, user::key(USER))
}
fn connection_item() -> (Table, Key) {
    (Table::Vault, connection::key(USER, CONNECTION))
}
fn bot_item() -> (Table, Key) {
    (Table::Trading, bot::key(BOT))
}

/// Proposes an order, changes one stored item and authorises: the name of the refusal, or nothing.
async fn refusal(
    role: Role,
    on_paper: bool,
    item: (Table, Key),
    change: impl FnOnce(Row, i64) -> Row,
) -> Option<String> {
    let world = World::new().await;
    let order = order_of(role, 0);
    let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()));
    world.propose(&intent).await;
    let now = world.clock_ms();
    world.change(item.0, &item.1, |row| change(row, now)).await;
    let before = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    let outcome = authorise(&world, &intent, &order, on_paper).await;
    if outcome.is_err() {
        // Nothing of a refused transaction is written.
        let after = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
        assert_eq!(before.0, after.0);
    }
    outcome.err().map(|refused| format!("{refused:?}"))
}

async fn authorise(
    world: &World,
    intent: &Intent,
    order: &PlannedOrder,
    on_paper: bool,
) -> Result<(), AuthoriseRefused> {
    let connection = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    let authorising = Authorising {
        intent,
        order,
        bot: BOT,
        deal: DEAL,
        pair: &pair(),
        on_paper,
        windows: Windows::of(&connection),
        window: Window::of_ms(3_600_000),
        value_units: 7,
        trade_id_seen: 0,
        deadline: world.now().plus_ms(1_500),
    };
    world.store.authorise_order(&authorising, &world.host).await.map(drop)
}

macro_rules! refuses {
    ($role:expr, $item:expr, $change:expr => $expected:expr) => {
        assert_eq!(
            refusal($role, false, $item, $change).await.as_deref(),
            $expected,
            "{:?} {}",
            $role,
            stringify!($change)
        )
    };
}
const ALL: [Role; 5] = [Role::Base, Role::Averaging, Role::TakeProfit, Role::StopLoss, Role::Close];

#[tokio::test]
async fn the_intent_must_be_proposed_fresh_and_of_this_epoch_and_run() {
    let intent = (Table::Trading, place_key(BOT, &base_order().client_order_id));
    refuses!(Role::Base, intent.clone(), |row, _| row => None);
    for state in ["AUTHORISED", "UNKNOWN", "SENT", "ABSENT", "EXPIRED", "REFUSED", "FENCED"] {
        refuses!(Role::Base, intent.clone(), |row: Row, _| row.with("state", s(state)) => Some("IntentTaken"));
    }
    refuses!(Role::Base, intent.clone(), |row: Row, now| row.with("proposed_at", n(now - 120_000)) => None);
    refuses!(Role::Base, intent.clone(), |row: Row, now| row.with("proposed_at", n(now - 120_001)) => Some("Stale"));
    refuses!(Role::Base, intent.clone(), |row: Row, _| row.with("epoch", n(2)) => Some("IntentTaken"));
    refuses!(Role::Base, intent, |row: Row, _| row.with("run", n(RUN + 1)) => Some("IntentTaken"));
}

#[tokio::test]
async fn st_3_the_connection_must_be_live_of_this_epoch_with_this_pair_allowed_at_this_moment() {
    for role in ALL {
        refuses!(role, connection_item(), |row: Row, _| row.with("status", s("REVOKED")) => Some("ConnectionFenced"));
        refuses!(role, connection_item(), |row: Row, _| row.with("epoch", n(2)) => Some("ConnectionFenced"));
        refuses!(role, connection_item(), |row: Row, _| row.with("allowed_pairs", s(r#"["BTC-USDT","ETH-USDTX"]"#)) => Some("PairNotAllowed"));
        // ST-3: looser limits hold from their moment on, in the place of the former ones, and not a millisecond before.
        let loosened = |row: Row, now: &str, then: &str, at: i64| {
            row.with("allowed_pairs", s(now)).with("pending_pairs", s(then)).with("pending_at", n(at))
        };
        let (other, ours) = (r#"["BTC-USDT"]"#, r#"["BTC-USDT","ETH-USDT"]"#);
        refuses!(role, connection_item(), |row: Row, now| loosened(row, other, ours, now) => None);
        refuses!(role, connection_item(), |row: Row, now| loosened(row, other, ours, now + 1) => Some("PairNotAllowed"));
        refuses!(role, connection_item(), |row: Row, now| loosened(row, ours, other, now) => Some("PairNotAllowed"));
        refuses!(role, connection_item(), |row: Row, now| loosened(row, ours, other, now + 1) => None);
        let verdict = if role.is_entry() { Some("KeyNotAccepted") } else { None };
        refuses!(role, connection_item(), |row: Row, _| row.with("verdict", s("refused")) => verdict);
    }
}

#[tokio::test]
async fn the_user_must_be_of_this_epoch_and_not_fencing_and_for_entries_active_and_not_frozen() {
    for role in ALL {
        let entries = |name: &'static str| role.is_entry().then_some(name);
        refuses!(role, user_item(), |row: Row, _| row.with("trade_epoch", n(2)) => Some("UserFenced"));
        refuses!(role, user_item(), |row: Row, now| row.with("fencing_until", n(now + 1)) => Some("Fencing"));
        refuses!(role, user_item(), |row: Row, now| row.with("fencing_until", n(now)) => None);
        refuses!(role, user_item(), |row: Row, now| row.with("frozen_until", n(now + 1)) => entries("Frozen"));
        refuses!(role, user_item(), |row: Row, now| row.with("frozen_until", n(now)) => None);
        refuses!(role, user_item(), |row: Row, _| row.with("trading_state", s("HELD")) => entries("NotActive"));
        refuses!(role, user_item(), |row: Row, now| row.with("trading_state", s("COOLING")).with("cooling_until", n(now + 1)) => entries("NotActive"));
        refuses!(role, user_item(), |row: Row, now| row.with("trading_state", s("COOLING")).with("cooling_until", n(now)) => None);
    }
}

#[tokio::test]
async fn on_paper_cooling_does_not_stop_entries_but_holding_and_freezing_do() {
    let cooling =
        |row: Row, now: i64| row.with("trading_state", s("COOLING")).with("cooling_until", n(now + 86_400_000));
    assert_eq!(refusal(Role::Base, true, user_item(), cooling).await, None);
    let held = |row: Row, _| row.with("trading_state", s("HELD"));
    assert_eq!(refusal(Role::Base, true, user_item(), held).await.as_deref(), Some("NotActive"));
    let frozen = |row: Row, now: i64| row.with("frozen_until", n(now + 1));
    assert_eq!(refusal(Role::Base, true, user_item(), frozen).await.as_deref(), Some("Frozen"));
}

#[tokio::test]
async fn the_bot_must_be_at_this_run_and_for_entries_in_the_right_state() {
    for role in ALL {
        refuses!(role, bot_item(), |row: Row, _| row.with("run", n(RUN + 1)) => Some("RunOver"));
        let stopped = role.is_entry().then_some("BotStopped");
        refuses!(role, bot_item(), |row: Row, _| row.with("state", s("STOPPED")) => stopped);
        let finishing = (role == Role::Base).then_some("BotStopped");
        refuses!(role, bot_item(), |row: Row, _| row.with("state", s("FINISHING")) => finishing);
    }
}

#[tokio::test]
async fn the_deal_must_be_open() {
    for role in ALL {
        refuses!(role, (Table::Trading, deal::key(BOT, DEAL)), |row: Row, _| row.with("phase", s("closed")) => Some("DealClosed"));
    }
}

#[tokio::test]
async fn the_kill_switch_stops_entries_alone() {
    for role in ALL {
        let world = World::new().await;
        let order = order_of(role, 0);
        let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()));
        world.propose(&intent).await;
        world.put(Table::Trading, Row::keyed(&store::entity::kill_switch::key(USER)).with("on", truth(true))).await;
        let outcome = authorise(&world, &intent, &order, false).await;
        assert_eq!(matches!(outcome, Err(AuthoriseRefused::KillSwitch)), role.is_entry(), "{role:?} {outcome:?}");
        world.put(Table::Trading, Row::keyed(&store::entity::kill_switch::key(USER)).with("on", truth(false))).await;
        let again = authorise(&world, &intent, &order, false).await;
        assert_eq!(again.is_ok(), role.is_entry(), "{role:?} {again:?}");
    }
}

// GU-5: another order moved the window between the read and the transaction.
#[tokio::test]
async fn the_counters_follow_a_window_that_moved_meanwhile() {
    let world = World::new().await;
    let order = base_order();
    let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()));
    world.propose(&intent).await;
    world
        .change(Table::Vault, &connection::key(USER, CONNECTION), |row| {
            row.with("hour", n(1)).with("turnover_hour", n(5)).with("turnover_day", n(5))
        })
        .await;
    let authorising = Authorising {
        intent: &intent,
        order: &order,
        bot: BOT,
        deal: DEAL,
        pair: &pair(),
        on_paper: true,
        windows: Windows::NONE,
        window: Window::of_ms(3_600_000),
        value_units: 7,
        trade_id_seen: 0,
        deadline: world.now().plus_ms(1_500),
    };
    let authorised = world.store.authorise_order(&authorising, &world.host).await.unwrap();
    assert_eq!(authorised.order(), &order);
    let row = world.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
    assert_eq!((row.number::<i64>("turnover_hour").unwrap(), row.number::<i64>("turnover_day").unwrap()), (12, 12));
}

/// A cancel and a question after one change: the refusals, or nothing.
async fn access(item: (Table, Key), change: impl Fn(Row, i64) -> Row) -> (Option<String>, Option<String>) {
    let world = World::new().await;
    let order = base_order();
    let id = order.client_order_id.clone();
    let cancel =
        world.intent(store::entity::intent::cancel_key(BOT, &id, 1), Ask::Cancel { order: id.clone(), number: 1 });
    let query = world.intent(query_key(BOT, &id, world.now()), Ask::QueryOrder { order: id.clone() });
    world.propose(&cancel).await;
    world.propose(&query).await;
    let now = world.clock_ms();
    world.change(item.0, &item.1, |row| change(row, now)).await;
    let deadline = world.now().plus_ms(1_500);
    let what = AuthorisingCancel { intent: &cancel, bot: BOT, deal: DEAL, pair: &pair(), order: &id, deadline };
    let said = |refused: AccessRefused| format!("{refused:?}");
    let cancelled = world.store.authorise_cancel(&what, &world.host).await.map(drop).err().map(said);
    let queried = world.store.authorise_query(&query, deadline, &world.host).await.map(drop).err().map(said);
    (cancelled, queried)
}

#[tokio::test]
async fn cancels_and_questions_stop_at_a_fence_and_at_nothing_else() {
    let both = |name: Option<&str>| (name.map(str::to_owned), name.map(str::to_owned));
    assert_eq!(access(connection_item(), |row, _| row.with("status", s("REVOKED"))).await, both(Some("Fenced")));
    assert_eq!(access(connection_item(), |row, _| row.with("epoch", n(2))).await, both(Some("Fenced")));
    assert_eq!(access(user_item(), |row, _| row.with("trade_epoch", n(2))).await, both(Some("Fenced")));
    assert_eq!(access(user_item(), |row, now| row.with("fencing_until", n(now + 1))).await, both(Some("Fencing")));
    for (item, name, value) in [
        (user_item(), "frozen_until", n(i64::MAX)),
        (user_item(), "trading_state", s("HELD")),
        (bot_item(), "state", s("STOPPED")),
        (bot_item(), "run", n(9)),
        (connection_item(), "verdict", s("refused")),
        ((Table::Trading, deal::key(BOT, DEAL)), "phase", s("closed")),
    ] {
        assert_eq!(access(item, |row, _| row.with(name, value.clone())).await, both(None), "{name}");
    }
    let id = base_order().client_order_id;
    let cancel = (Table::Trading, store::entity::intent::cancel_key(BOT, &id, 1));
    assert_eq!(access(cancel.clone(), |row, _| row.with("state", s("SENT"))).await.0.as_deref(), Some("IntentTaken"));
    assert_eq!(
        access(cancel.clone(), |row, now| row.with("proposed_at", n(now - 120_001))).await.0.as_deref(),
        Some("Stale")
    );
    assert_eq!(access(cancel, |row, _| row.with("epoch", n(2))).await.0.as_deref(), Some("IntentTaken"));
}

/// Records an answer over what is there.
async fn record(
    intent_state: &str,
    there: Option<(&str, i64)>,
    status: VenueStatus,
    executed: &str,
) -> (Recorded, World) {
    let world = World::new().await;
    let order = base_order();
    let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()));
    world.propose(&intent).await;
    world.change(Table::Trading, &intent.key, |row| row.with("state", s(intent_state))).await;
    if let Some((status, units)) = there {
        let key = store::entity::order::key(BOT, &order.client_order_id);
        world.put(Table::Trading, Row::keyed(&key).with("status", s(status)).with("executed_units", n(units))).await;
    }
    let news = OrderNews {
        status,
        exchange_order_id: "1".into(),
        filled: Filled { quantity: executed.parse().unwrap(), ..Filled::ZERO },
        trade_id: None,
    };
    let recording = Recording {
        answered: &intent,
        place: None,
        order: &order,
        bot: BOT,
        deal: DEAL,
        pair: &pair(),
        news: &news,
        trade_id_seen: 0,
        sent_at: world.now(),
    };
    (world.store.record_order(&recording, &world.host).await.unwrap(), world)
}

#[tokio::test]
async fn an_answer_is_recorded_once_for_an_intent_that_waits_for_it() {
    for (state, written) in [
        ("AUTHORISED", true),
        ("UNKNOWN", true),
        ("PROPOSED", false),
        ("SENT", false),
        ("ABSENT", false),
        ("REFUSED", false),
        ("EXPIRED", false),
        ("FENCED", false),
    ] {
        let (recorded, world) = record(state, None, VenueStatus::New, "0").await;
        assert_eq!(recorded != Recorded::Discarded, written, "{state}");
        assert_eq!(
            (world.order(&base_order()).await.is_some(), world.orders_version().await),
            (written, u64::from(written)),
            "{state}"
        );
    }
}

#[tokio::test]
async fn executed_quantity_never_falls_and_a_final_status_never_changes() {
    let half = 50_000_000;
    for (there, status, executed, written) in [
        (("NEW", 0), VenueStatus::PartiallyFilled, "0.5", true),
        (("PARTIALLY_FILLED", half), VenueStatus::PartiallyFilled, "0.5", true),
        (("PARTIALLY_FILLED", half), VenueStatus::Filled, "1", true),
        (("PARTIALLY_FILLED", half), VenueStatus::New, "0", false),
        (("PARTIALLY_FILLED", half), VenueStatus::PartiallyFilled, "0.49999999", false),
        (("FILLED", 2 * half), VenueStatus::PartiallyFilled, "1", false),
        (("CANCELED", half), VenueStatus::Filled, "1", false),
        (("EXPIRED", half), VenueStatus::New, "0.5", false),
        (("REJECTED", 0), VenueStatus::New, "0", false),
    ] {
        let (recorded, _) = record("AUTHORISED", Some(there), status, executed).await;
        assert_eq!(recorded != Recorded::Discarded, written, "{there:?} {status:?} {executed}");
    }
}

#[tokio::test]
async fn an_intent_ends_only_from_the_state_that_its_end_comes_from() {
    let from = |ending: Ending| match ending {
        Ending::Expired | Ending::RefusedBeforehand | Ending::Fenced => vec!["PROPOSED"],
        Ending::Refused | Ending::NotExecuted => vec!["AUTHORISED", "UNKNOWN"],
        Ending::Absent => vec!["UNKNOWN"],
    };
    for ending in [
        Ending::Expired,
        Ending::RefusedBeforehand,
        Ending::Fenced,
        Ending::Refused,
        Ending::NotExecuted,
        Ending::Absent,
    ] {
        for state in ["PROPOSED", "AUTHORISED", "UNKNOWN", "SENT", "ABSENT", "REFUSED"] {
            let world = World::new().await;
            let order = base_order();
            let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()));
            world.propose(&intent).await;
            world.change(Table::Trading, &intent.key, |row| row.with("state", s(state))).await;
            let recorded =
                world.store.close_intent(&intent, (BOT, DEAL, &pair()), ending, "why", &world.host).await.unwrap();
            let written = from(ending).contains(&state);
            assert_eq!(recorded != Recorded::Discarded, written, "{ending:?} {state}");
            assert_eq!(world.orders_version().await, u64::from(written));
            let left = world.intent_of(&intent.key).await.state;
            assert_eq!(left.as_str(), if written { ending.state().as_str() } else { state });
        }
    }
}

#[tokio::test]
async fn a_look_counts_only_for_an_unknown_order() {
    let world = World::new().await;
    let order = base_order();
    let intent = world.intent(place_key(BOT, &order.client_order_id), Ask::Place(order));
    world.propose(&intent).await;
    assert_eq!(world.store.note_absence(&intent.key, world.now()).await.unwrap(), None);
    world.change(Table::Trading, &intent.key, |row| row.with("state", s(IntentState::Unknown.as_str()))).await;
    let first = world.now();
    assert_eq!(world.store.note_absence(&intent.key, first).await.unwrap(), Some(first));
    assert_eq!(world.store.note_absence(&intent.key, first.plus_ms(5)).await.unwrap(), Some(first));
}

#[tokio::test]
async fn a_verdict_reaches_only_a_live_connection_of_the_same_epoch() {
    for (name, value) in [("status", s("REVOKED")), ("epoch", n(2))] {
        let world = World::new().await;
        let query = world.intent(
            query_key(BOT, &base_order().client_order_id, world.now()),
            Ask::QueryOrder { order: base_order().client_order_id },
        );
        world.propose(&query).await;
        world.change(Table::Vault, &connection::key(USER, CONNECTION), |row| row.with(name, value)).await;
        assert!(!world.store.record_verdict(&query, false, "why", &world.host).await.unwrap());
        assert_eq!(
            world.row(Table::Vault, &connection::key(USER, CONNECTION)).await.text("verdict").unwrap(),
            "accepted"
        );
        assert_eq!(world.intent_of(&query.key).await.state, IntentState::Fenced);
    }
}
