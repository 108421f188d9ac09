//! What the three authorising transactions (order, cancel, query) have in common: the conditions on connection and user.
//!
//! The words of each condition stand here once, so that a fence cuts all three alike (G1).

use std::time::Duration;

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::market::Pair;

use crate::Table;
use crate::attribute::{Row, n, s};
use crate::entity::intent::Intent;
use crate::entity::{connection, user};
use crate::write::Write;

/// Whose key an authorised request may be signed with. No evidence by itself: it only says what evidence is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    user: UserId,
    connection: ConnectionId,
    exchange: String,
    epoch: Epoch,
}
impl Scope {
    pub(super) fn of(intent: &Intent) -> Self {
        Self {
            user: intent.user,
            connection: intent.connection,
            exchange: intent.exchange.clone(),
            epoch: intent.epoch,
        }
    }
    /// The owner.
    pub const fn user(&self) -> UserId {
        self.user
    }
    /// The connection.
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }
    /// The exchange, as stored.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }
    /// The trade epoch that the transaction has checked.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// GU-5: which hour and day an order counts in; market time on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /** Hours since 1970. */
    pub hour: i64,
    /** Days since 1970. */
    pub day: i64,
}
impl Window {
    /// The hour and day of a moment in Unix milliseconds.
    pub const fn of_ms(ms: i64) -> Self {
        Self { hour: ms.div_euclid(3_600_000), day: ms.div_euclid(86_400_000) }
    }
}

/// GU-5: the counters' windows as read; `None` before the first order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows(Option<Window>);
impl Windows {
    /// Nothing counted yet.
    pub const NONE: Windows = Windows(None);
    /// From a stored connection.
    pub fn of(row: &Row) -> Self {
        match (
            row.number("hour"),
            row.number("day"),
            row.number::<i64>("turnover_hour"),
            row.number::<i64>("turnover_day"),
        ) {
            (Ok(hour), Ok(day), Ok(_), Ok(_)) => Self(Some(Window { hour, day })),
            _ => Self::NONE,
        }
    }
}

macro_rules! live {
    () => {
        "#status = :live AND #epoch = :epoch"
    };
}
macro_rules! live_pair {
    () => {
        // ST-3: looser limits take the place of the former ones at their moment, with no job in between.
        concat!(
            live!(),
            " AND ((#pending_at <= :now AND contains(#pending_pairs, :pair)) \
            OR ((attribute_not_exists(#pending_at) OR #pending_at > :now) AND contains(#allowed_pairs, :pair)))"
        )
    };
}
macro_rules! live_pair_entry {
    () => {
        concat!(live_pair!(), " AND #verdict = :accepted")
    };
}
macro_rules! same_hour {
    () => {
        " AND #hour >= :hour AND #day >= :day"
    };
}
macro_rules! new_hour {
    () => {
        " AND #hour < :hour AND #day >= :day"
    };
}
macro_rules! new_day { () => { " AND (attribute_not_exists(#day) OR attribute_not_exists(#hour) OR attribute_not_exists(#turnover_hour) OR attribute_not_exists(#turnover_day) OR #day < :day)" } }

const COUNT: &str = "SET #turnover_hour = #turnover_hour + :value, #turnover_day = #turnover_day + :value";
const COUNT_NEW_HOUR: &str = "SET #hour = :hour, #turnover_hour = :value, #turnover_day = #turnover_day + :value";
const COUNT_NEW_DAY: &str = "SET #hour = :hour, #day = :day, #turnover_hour = :value, #turnover_day = :value";
const COUNT_ASKED: &str = "ADD #asked :one";

/// The connection of an order: conditions, and its value added to the counters of this hour and day.
pub(super) fn counted(
    intent: &Intent,
    pair: &Pair,
    entry: bool,
    windows: Windows,
    at: Window,
    value_units: u64,
    now: WallTime,
) -> Write {
    let (expression, exit_if, entry_if) = match windows {
        Windows(Some(seen)) if seen.day >= at.day && seen.hour >= at.hour => {
            (COUNT, concat!(live_pair!(), same_hour!()), concat!(live_pair_entry!(), same_hour!()))
        }
        Windows(Some(seen)) if seen.day >= at.day => {
            (COUNT_NEW_HOUR, concat!(live_pair!(), new_hour!()), concat!(live_pair_entry!(), new_hour!()))
        }
        Windows(_) => (COUNT_NEW_DAY, concat!(live_pair!(), new_day!()), concat!(live_pair_entry!(), new_day!())),
    };
    let write = connection_values(
        Write::update(Table::Vault, connection::key(intent.user, intent.connection), expression),
        intent,
    )
    .value(":pair", s(quoted(pair)))
    .value(":now", n(now.ms()))
    .value(":hour", n(at.hour))
    .value(":day", n(at.day))
    .value(":value", n(value_units));
    if entry { write.when(entry_if).value(":accepted", s("accepted")) } else { write.when(exit_if) }
}
/// The connection of a cancel: conditions alone.
pub(super) fn checked(intent: &Intent) -> Write {
    connection_values(Write::check(Table::Vault, connection::key(intent.user, intent.connection)), intent).when(live!())
}
/// The connection of a query: conditions, and one question counted.
pub(super) fn asked(intent: &Intent) -> Write {
    let write = Write::update(Table::Vault, connection::key(intent.user, intent.connection), COUNT_ASKED);
    connection_values(write, intent).when(live!()).value(":one", n(1))
}
fn connection_values(write: Write, intent: &Intent) -> Write {
    write.value(":live", s("LIVE")).value(":epoch", n(intent.epoch.value()))
}
/// `allowed_pairs` is a JSON list: with its quotes a pair is found whole or not at all.
fn quoted(pair: &Pair) -> String {
    format!("\"{pair}\"")
}

/// Why a connection's condition failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionRefusal {
    Fenced,
    PairNotAllowed,
    KeyNotAccepted,
}
/// Reads the reason off the item found, the pair's at its moment; `None`: only the counters' window had moved.
pub(super) fn connection_refusal(
    found: Option<&Row>,
    epoch: Epoch,
    pair: Option<(&Pair, WallTime)>,
    entry: bool,
) -> Option<ConnectionRefusal> {
    let Some(row) = found else { return Some(ConnectionRefusal::Fenced) };
    if row.text_if("status") != Some("LIVE") || row.number::<u64>("epoch").ok() != Some(epoch.value()) {
        return Some(ConnectionRefusal::Fenced);
    }
    let is_allowed = |(pair, now): (&Pair, WallTime)| {
        let is_loosened = row.number::<i64>("pending_at").is_ok_and(|at| at <= now.ms());
        let pairs = row.text_if(if is_loosened { "pending_pairs" } else { "allowed_pairs" }).unwrap_or("");
        pairs.contains(&quoted(pair))
    };
    if pair.is_some_and(|pair| !is_allowed(pair)) {
        return Some(ConnectionRefusal::PairNotAllowed);
    }
    if entry && row.text_if("verdict") != Some("accepted") {
        return Some(ConnectionRefusal::KeyNotAccepted);
    }
    None
}

macro_rules! unfenced {
    () => {
        "#trade_epoch = :epoch AND #fencing_until <= :now"
    };
}
const USER_IF: &str = unfenced!();
const USER_ENTRY_IF: &str = concat!(
    unfenced!(),
    " AND #frozen_until <= :now AND (#trading_state = :active \
    OR (#trading_state = :cooling AND #cooling_until <= :now))"
);
const USER_ENTRY_ON_PAPER_IF: &str =
    concat!(unfenced!(), " AND #frozen_until <= :now AND (#trading_state = :active OR #trading_state = :cooling)");

/// Whether a request opens or enlarges a position, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    No,
    Real,
    Paper,
}
impl Entry {
    pub(super) const fn on(paper: bool) -> Self {
        if paper { Self::Paper } else { Self::Real }
    }
}
/// The user: at this epoch and not fencing; entries demand more.
pub(super) fn user(id: UserId, epoch: Epoch, entry: Entry, now: WallTime) -> Write {
    let check =
        Write::check(Table::Identity, user::key(id)).value(":epoch", n(epoch.value())).value(":now", n(now.ms()));
    let states = |check: Write| check.value(":active", s("ACTIVE")).value(":cooling", s("COOLING"));
    match entry {
        Entry::No => check.when(USER_IF),
        Entry::Real => states(check).when(USER_ENTRY_IF),
        Entry::Paper => states(check).when(USER_ENTRY_ON_PAPER_IF),
    }
}
/// Why a user's condition failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserRefusal {
    Fenced,
    Fencing,
    Frozen,
    NotActive,
}
pub(super) fn user_refusal(found: Option<&Row>, epoch: Epoch, now: WallTime) -> UserRefusal {
    let Some(row) = found else { return UserRefusal::Fenced };
    let past = |name: &str| row.number::<i64>(name).is_ok_and(|at| at <= now.ms());
    if row.number::<u64>("trade_epoch").ok() != Some(epoch.value()) {
        return UserRefusal::Fenced;
    }
    if !past("fencing_until") {
        return UserRefusal::Fencing;
    }
    if !past("frozen_until") {
        return UserRefusal::Frozen;
    }
    UserRefusal::NotActive
}

/// The pause after the nth try that met contention: 10 ms, doubled each time.
pub(super) const fn pause(attempt: u32) -> Duration {
    Duration::from_millis(10 << if attempt > 6 { 6 } else { attempt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_of_market_time_begin_at_its_hours_and_days() {
        assert_eq!(Window::of_ms(0), Window { hour: 0, day: 0 });
        assert_eq!(Window::of_ms(86_399_999), Window { hour: 23, day: 0 });
        assert_eq!(Window::of_ms(86_400_000), Window { hour: 24, day: 1 });
    }
    #[test]
    fn a_pair_is_found_whole_or_not_at_all() {
        let row = Row::default()
            .with("status", s("LIVE"))
            .with("epoch", n(1))
            .with("allowed_pairs", s(r#"["ETH-USDT","BTC-USDT"]"#));
        let refused = |pair: &str| {
            connection_refusal(
                Some(&row),
                Epoch::FIRST,
                Some((&pair.parse().expect("pair"), WallTime::from_ms(0))),
                false,
            )
        };
        assert_eq!(refused("ETH-USDT"), None);
        for other in ["TH-USDT", "ETH-USD", "WETH-USDT"] {
            assert_eq!(refused(other), Some(ConnectionRefusal::PairNotAllowed), "{other}");
        }
    }
}
