//! Authorises one order: the transaction after which it may be signed, and before which nothing of it may leave (G1).
//!
//! | write | condition |
//! | --- | --- |
//! | intent: PROPOSED to AUTHORISED, `authorised_at`, `trade_id_seen`; from here to its end in the index of the user (G2) | PROPOSED, not stale, at this epoch and run |
//! | connection: GU-5 counters | LIVE, at this epoch, pair allowed now (ST-3); entries: verdict accepted |
//! | user: check | at this epoch, `fencing_until` past; entries: `frozen_until` past and ACTIVE, or COOLING that is past or on paper |
//! | bot: check | at this run; base order: RUNNING; averaging order: RUNNING or FINISHING |
//! | deal: check | open |
//! | kill switch: check, entries alone | absent or off |
//!
//! Retried on contention alone, at most five times within the deadline, each time with a fresh moment and a fresh token.
//! Where the outcome is unknown the order is never sent: the sweep and the query protocol find out.

use account::WallTime;
use host::Host;
use strategy::id::{BotId, DealId};
use strategy::market::Pair;
use strategy::order::{PlannedOrder, Role};

use super::authorising::{self, Scope, Window, Windows};
use crate::attribute::{Row, n, s};
use crate::entity::intent::Intent;
use crate::entity::{bot, deal, kill_switch};
use crate::write::{Cancelled, Write};
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// An intent older than two periods of the tick is stale: it was decided on another market (RF-8).
pub const STALE_AFTER_MS: i64 = 2 * 60_000;
/// Retries on contention.
const RETRIES_MAX: u32 = 5;

/// Proof that this order was authorised by a committed transaction. Made here alone; spent by signing, so that it cannot be
/// sent twice.
///
/// ```compile_fail,E0451
/// fn forge(order: store::transaction::authorise_order::OrderIntent) -> store::transaction::authorise_order::OrderIntent {
///     store::transaction::authorise_order::OrderIntent { ..order }
/// }
/// ```
/// ```compile_fail,E0382
/// fn sign(_: store::transaction::authorise_order::OrderIntent) {}
/// fn twice(order: store::transaction::authorise_order::OrderIntent) { sign(order); sign(order); }
/// ```
/// ```
/// fn sign(_: store::transaction::authorise_order::OrderIntent) {}
/// fn once(order: store::transaction::authorise_order::OrderIntent) { sign(order); }
/// ```
#[must_use]
#[derive(Debug)]
pub struct OrderIntent {
    key: Key,
    scope: Scope,
    bot: BotId,
    deal: DealId,
    pair: Pair,
    order: PlannedOrder,
    authorised_at: WallTime,
    trade_id_seen: i64,
}
impl OrderIntent {
    /// Whose key it may be signed with, and under which epoch.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
    /// The intent's item.
    pub const fn key(&self) -> &Key {
        &self.key
    }
    /// The bot that wants it.
    pub const fn bot(&self) -> BotId {
        self.bot
    }
    /// The deal it belongs to.
    pub const fn deal(&self) -> DealId {
        self.deal
    }
    /// What is traded.
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }
    /// What to place.
    pub const fn order(&self) -> &PlannedOrder {
        &self.order
    }
    /// The moment of the transaction on our wall clock; the request's timestamp is this moment on the exchange's clock.
    pub const fn authorised_at(&self) -> WallTime {
        self.authorised_at
    }
    /// The highest trade id of the pair known at that moment; 0 when none is.
    pub const fn trade_id_seen(&self) -> i64 {
        self.trade_id_seen
    }
}

/// What is to be authorised, as read and guarded.
#[derive(Debug)]
pub struct Authorising<'a> {
    pub intent: &'a Intent,
    pub order: &'a PlannedOrder,
    pub bot: BotId,
    pub deal: DealId,
    pub pair: &'a Pair,
    /// Whether the venue is the paper exchange, where COOLING does not stop entries (B.4). Chosen by `exchange` alone.
    pub on_paper: bool,
    /// GU-5: the counters as read, the present hour and day (market time on paper), and the order's value in 1e-8 quote.
    pub windows: Windows,
    pub window: Window,
    pub value_units: u64,
    /// The highest trade id of the pair known now; 0 when none is.
    pub trade_id_seen: i64,
    /// No try starts later than this.
    pub deadline: WallTime,
}

/// Why an order was not authorised, in order of precedence.
#[derive(Debug, thiserror::Error)]
pub enum AuthoriseRefused {
    /// Somebody else has it, or it is final (RF-7). Nothing to do.
    #[error("the intent is not PROPOSED any more")]
    IntentTaken,
    /// Older than two periods (RF-8).
    #[error("the intent is older than two minutes")]
    Stale,
    /// The key is revoked or of another epoch (RF-1, RF-9).
    #[error("the exchange key was removed")]
    ConnectionFenced,
    /// GU-1.
    #[error("the pair is not among those the connection allows")]
    PairNotAllowed,
    /// KX-2.
    #[error("the permissions of the exchange key are not accepted")]
    KeyNotAccepted,
    /// The user's trade epoch is another (RF-1).
    #[error("the account's keys were cut off by a security event")]
    UserFenced,
    /// A reset is about to commit: perhaps later.
    #[error("a password reset is under way")]
    Fencing,
    /// A freeze refuses entries.
    #[error("the account is frozen: no new positions")]
    Frozen,
    /// Cooling off or held.
    #[error("the account is cooling off or held: no new positions")]
    NotActive,
    /// The bot was started anew since.
    #[error("the bot was started anew since this was decided")]
    RunOver,
    /// The bot was stopped.
    #[error("the bot is stopped: no new positions")]
    BotStopped,
    /// The deal is over.
    #[error("the deal is closed")]
    DealClosed,
    /// The kill switch is on.
    #[error("the kill switch is on: no new positions")]
    KillSwitch,
    /// Contention until the deadline; nothing was written.
    #[error("too much contention")]
    Contention,
    /// The answer was lost. The intent may be AUTHORISED; it is never sent from here.
    #[error("the outcome of the authorising transaction is unknown")]
    OutcomeUnknown,
    /// The tables cannot be reached; nothing was written.
    #[error(transparent)]
    Unavailable(StoreError),
}

/// The writes in their order, so that a cancellation reason becomes a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Intent,
    Connection,
    User,
    Bot,
    Deal,
    Kill,
}
impl Item {
    const ALL: [Item; 6] = [Item::Intent, Item::Connection, Item::User, Item::Bot, Item::Deal, Item::Kill];
}

const INTENT: &str = "SET #state = :authorised, #intent_key = :authorised, #authorised_at = :now, #intent_ms = :now, #trade_id_seen = :trade_id, #user_key = :user_key";
const INTENT_IF: &str = "#state = :proposed AND #proposed_at >= :oldest AND #epoch = :epoch AND #run = :run";

const BASE_ORDER_IF: &str = "#run = :run AND #state = :running";
const AVERAGING_ORDER_IF: &str = "#run = :run AND (#state = :running OR #state = :finishing)";
const EXIT_IF: &str = "#run = :run";
const DEAL_IF: &str = "#phase = :open";
const KILL_IF: &str = "attribute_not_exists(pk) OR #on = :off";

impl Store {
    /// Authorises the order, or says why not. Nothing is written unless all conditions hold at one moment.
    pub async fn authorise_order(&self, what: &Authorising<'_>, host: &Host) -> Result<OrderIntent, AuthoriseRefused> {
        let mut windows = what.windows;
        for attempt in 0..=RETRIES_MAX {
            let now = host.clock.now();
            if attempt > 0 && now > what.deadline {
                break;
            }
            let token = host.entropy.ulid(now).to_string();
            match self.transact(&token, &writes(what, windows, now)).await {
                Ok(()) => return Ok(minted(what, now)),
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {
                    return Err(AuthoriseRefused::OutcomeUnknown);
                }
                Err(TransactFailed::Store(error)) => return Err(AuthoriseRefused::Unavailable(error)),
                Err(TransactFailed::Cancelled(cancelled)) => match refusal(&cancelled, what, now) {
                    Some(Refusal::Final(refused)) => return Err(refused),
                    // Another order moved the hour or the day: count in the window that is there now.
                    Some(Refusal::WindowMoved(found)) => windows = found,
                    None if cancelled.only_contention() => {}
                    None => {
                        return Err(AuthoriseRefused::Unavailable(StoreError::Unavailable {
                            what: "cancelled for no known reason".into(),
                        }));
                    }
                },
            }
            host.clock.wait(authorising::pause(attempt)).await;
        }
        Err(AuthoriseRefused::Contention)
    }
}

fn minted(what: &Authorising<'_>, now: WallTime) -> OrderIntent {
    OrderIntent {
        key: what.intent.key.clone(),
        scope: Scope::of(what.intent),
        bot: what.bot,
        deal: what.deal,
        pair: what.pair.clone(),
        order: what.order.clone(),
        authorised_at: now,
        trade_id_seen: what.trade_id_seen,
    }
}

fn writes(what: &Authorising<'_>, windows: Windows, now: WallTime) -> Vec<Write> {
    let intent = what.intent;
    let entry = what.order.key.slot.role.is_entry();
    Item::ALL
        .into_iter()
        .filter(|item| entry || *item != Item::Kill)
        .map(|item| match item {
            Item::Intent => Write::update(Table::Trading, intent.key.clone(), INTENT)
                .when(INTENT_IF)
                .value(":authorised", s("AUTHORISED"))
                .value(":proposed", s("PROPOSED"))
                .value(":now", n(now.ms()))
                .value(":oldest", n(now.ms() - STALE_AFTER_MS))
                .value(":epoch", n(intent.epoch.value()))
                .value(":run", n(intent.run))
                .value(":trade_id", n(what.trade_id_seen))
                .value(":user_key", s(format!("USER#{}", intent.user))),
            Item::Connection => {
                authorising::counted(intent, what.pair, entry, windows, what.window, what.value_units, now)
            }
            Item::User => authorising::user(
                intent.user,
                intent.epoch,
                if entry { authorising::Entry::on(what.on_paper) } else { authorising::Entry::No },
                now,
            ),
            Item::Bot => {
                let check = Write::check(Table::Trading, bot::key(what.bot)).value(":run", n(intent.run));
                match what.order.key.slot.role {
                    Role::Base => check.when(BASE_ORDER_IF).value(":running", s("RUNNING")),
                    Role::Averaging => check
                        .when(AVERAGING_ORDER_IF)
                        .value(":running", s("RUNNING"))
                        .value(":finishing", s("FINISHING")),
                    Role::TakeProfit | Role::StopLoss | Role::Close => check.when(EXIT_IF),
                }
            }
            Item::Deal => {
                Write::check(Table::Trading, deal::key(what.bot, what.deal)).when(DEAL_IF).value(":open", s("open"))
            }
            Item::Kill => Write::check(Table::Trading, kill_switch::key(intent.user))
                .when(KILL_IF)
                .value(":off", crate::attribute::truth(false)),
        })
        .collect()
}

enum Refusal {
    Final(AuthoriseRefused),
    WindowMoved(Windows),
}

fn refusal(cancelled: &Cancelled, what: &Authorising<'_>, now: WallTime) -> Option<Refusal> {
    let (index, found) = cancelled.first_failed_condition()?;
    let item = *Item::ALL.get(index)?;
    Some(Refusal::Final(match item {
        Item::Intent => match found.and_then(|row| row.text_if("state")) {
            Some("PROPOSED")
                if found.is_some_and(|row| {
                    row.number::<i64>("proposed_at").is_ok_and(|at| at < now.ms() - STALE_AFTER_MS)
                }) =>
            {
                AuthoriseRefused::Stale
            }
            _ => AuthoriseRefused::IntentTaken,
        },
        Item::Connection => match authorising::connection_refusal(
            found,
            what.intent.epoch,
            Some((what.pair, now)),
            what.order.key.slot.role.is_entry(),
        ) {
            Some(authorising::ConnectionRefusal::Fenced) => AuthoriseRefused::ConnectionFenced,
            Some(authorising::ConnectionRefusal::PairNotAllowed) => AuthoriseRefused::PairNotAllowed,
            Some(authorising::ConnectionRefusal::KeyNotAccepted) => AuthoriseRefused::KeyNotAccepted,
            None => return Some(Refusal::WindowMoved(found.map_or(Windows::NONE, Windows::of))),
        },
        Item::User => match authorising::user_refusal(found, what.intent.epoch, now) {
            authorising::UserRefusal::Fenced => AuthoriseRefused::UserFenced,
            authorising::UserRefusal::Fencing => AuthoriseRefused::Fencing,
            authorising::UserRefusal::Frozen => AuthoriseRefused::Frozen,
            authorising::UserRefusal::NotActive => AuthoriseRefused::NotActive,
        },
        Item::Bot if same_run(found, what.intent.run) => AuthoriseRefused::BotStopped,
        Item::Bot => AuthoriseRefused::RunOver,
        Item::Deal => AuthoriseRefused::DealClosed,
        Item::Kill => AuthoriseRefused::KillSwitch,
    }))
}

fn same_run(found: Option<&Row>, run: u64) -> bool {
    found.is_some_and(|row| row.number::<u64>("run").is_ok_and(|r| r == run))
}
