//! What every security event writes alike, read off the event table and nowhere else (reset-fence B.4, PR-8, G6).
//!
//! A caller brings the writes of its own (a token used, a new hash, a notice); [`Store::fence`] adds, in the same commit:
//!
//! | write | when the table says | condition |
//! | --- | --- | --- |
//! | `USER#` trading state, freeze | always | versions, state and freeze as read |
//! | `USER#` cred_version + 1 | new credential version | |
//! | `USER#` session_gen + 1 | all or others end | |
//! | `USER#` trade_epoch + 1 | the fence is raised | the epoch rises (RF-40); conn_set_version as read (RF-21) |
//! | `CRED#` without hash | the password is removed | it exists |
//! | each LIVE `CONN#` REVOKED, without its wrapped key | the secrets are deleted | LIVE at the epoch that was read |
//! | outbox: a shred job for each | the secrets are deleted | there is none of these ids |
//! | audit row | always | |
//!
//! With [`CONNECTIONS_MAX`](crate::entity::connection::CONNECTIONS_MAX) connections that is 43 writes beside the caller's (RF-22).
//! Contention alone is met with another try, on what is there then (RF-13); a lost answer is asked for again and then read
//! back (RF-11, RF-12). Never touches a secret or the vault key: those are the shredder's and the signer's.

use std::net::IpAddr;
use std::time::Duration;

use account::id::JobId;
use account::security_event::{Consequences, Fence, SecurityEvent, consequences};
use account::{CredentialVersion, UserId, WallTime};
use aws_sdk_dynamodb::types::AttributeValue;
use host::Host;

use crate::attribute::{n, s};
use crate::entity::connection::{self, Connection, Status};
use crate::entity::job::{self, Shred};
use crate::entity::user::{self, User, frozen_why, trading_state_parts};
use crate::entity::{audit, credential};
use crate::transaction::detach_connection::REVOKED_LIFE_S;
use crate::write::{Cancelled, TransactFailed, Write};
use crate::{Key, Store, StoreError, Table};

/// G2: an order authorised before the fence is accepted within this many seconds of it, or never.
pub const TAIL_S: i64 = 4;
/// What DynamoDB takes in one transaction.
const WRITES_MAX: usize = 100;
/// RF-13: contention is met with so many tries …
const TRIES_MAX: u32 = 20;
/// … within so many milliseconds.
const TRIES_MS_MAX: u64 = 10_000;
/// How often a lost answer is asked for again under the same name (RF-11).
const RESENDS_MAX: u32 = 4;

/// An event of an account that is about to become true.
#[derive(Debug)]
pub struct Fencing<'a> {
    pub event: SecurityEvent,
    /// An event that comes true with it and freezes as well: a recovery code used inside a reset (RC-5).
    pub beside: Option<SecurityEvent>,
    pub user: UserId,
    /// The version under which the caller was admitted. Under any other one the event is refused.
    pub cred_version: CredentialVersion,
    /// Where the caller's first write leaves [`Attempt::done_by`].
    pub marker: &'a Marker,
    /// `revoked_by` of the connections and the reason of their shred jobs; the owner is told.
    pub revoked_by: &'a str,
    /// For the audit row: the factor that was shown (LG-6).
    pub factor: Option<&'a str>,
    /// For the audit row.
    pub source: Option<IpAddr>,
}

/// RF-12: the attribute of an identity item in which the commit leaves its name, whichever of the tries it was. The write of
/// that item comes first among the caller's, and its condition fails once the marker is there.
#[derive(Debug)]
pub struct Marker {
    pub key: Key,
    pub attribute: &'static str,
}

/// One try, on what was read for it.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub user: &'a User,
    /// The LIVE connections that the commit revokes; none when the event keeps the secrets.
    pub live: &'a [Connection],
    /// To be written to the marker.
    pub done_by: &'a str,
    pub now: WallTime,
    pub host: &'a Host,
}

/// What the caller adds to the commit.
#[derive(Debug, Default)]
pub struct Own {
    /// In order of precedence; the marker's first. None of them writes `USER#` STATE, nor `CRED#` where the event removes the
    /// password: an item is written once.
    pub writes: Vec<Write>,
    /// More for `USER#`: what a `SET` names, such as `#has_factor = :has_factor`, and its values.
    pub user_set: &'static str,
    pub user_values: Vec<(&'static str, AttributeValue)>,
    /// More for `CRED#` where the event removes the password.
    pub credential: MoreOfCredential,
}

/// What goes with a removed password.
#[derive(Debug, Default, Clone)]
pub struct MoreOfCredential {
    /// An expression before the `REMOVE`, such as `SET #passkeys = :passkeys `.
    pub set: &'static str,
    /// Attributes after `#hash, #pepper`, each with a comma before it.
    pub removed: String,
    /// A condition beside its existence, with ` AND ` before it.
    pub condition: &'static str,
    pub values: Vec<(&'static str, AttributeValue)>,
}

/// The event is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced {
    pub connections_removed: usize,
    /// The moment of the commit that is written in its items (T0).
    pub at: WallTime,
}

/// Why it is not; nothing was changed, but for `OutcomeUnknown`.
#[derive(Debug, thiserror::Error)]
pub enum FenceRefused {
    /// The account is gone, or its credentials changed since the caller was admitted.
    #[error("the account changed meanwhile")]
    Changed,
    /// The condition of the caller's own write of this index failed; a lower one goes before a higher.
    #[error("the condition of the caller's write {0} failed")]
    Own(usize),
    /// RF-13: others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a try led to, when it is not over.
enum Next {
    Done,
    Refused(FenceRefused),
    ReadAgain,
}

const STATE: &str = "SET #trading_state = :state, #cooling_until = :cooling, #held_at = :held, #frozen_until = :frozen, \
    #frozen_why = :frozen_why";
const NEW_CREDENTIALS: &str = ", #cred_version = #cred_version + :one";
const END_SESSIONS: &str = ", #session_gen = #session_gen + :one";
const RAISE_EPOCH: &str = ", #trade_epoch = :epoch";
const AS_READ: &str = "#cred_version = :cred_version AND #session_gen = :session_gen AND #trading_state = :was_state \
    AND #cooling_until = :was_cooling AND #held_at = :was_held AND #frozen_until = :was_frozen";
const EPOCH_RISES: &str = " AND #trade_epoch < :epoch AND #conn_set_version = :set";
const EPOCH_AS_READ: &str = " AND #trade_epoch = :epoch";
const NO_PASSWORD: &str = "REMOVE #hash, #pepper";
const REVOKE: &str = "SET #status = :revoked, #revoked_at = :now, #revoked_by = :by, #ttl = :ttl REMOVE #wrapped_dk";
const LIVE_AT_EPOCH: &str = "#status = :live AND #epoch = :epoch";

impl Store {
    /// Makes the event true in one transaction, or says why not. `own` is called for every try with what was read for it.
    pub async fn fence<F>(&self, what: &Fencing<'_>, host: &Host, own: F) -> Result<Fenced, FenceRefused>
    where
        F: Fn(&Attempt<'_>) -> Result<Own, FenceRefused>,
    {
        let started = host.clock.monotonic();
        // RF-12: stands in the marker, whichever of our tries it was that succeeded.
        let done_by = host.entropy.ulid(host.clock.now()).to_string();
        let mut tried = None;
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                host.clock.wait(pause(attempt)).await;
            }
            if host.clock.monotonic().ms_since(started) >= TRIES_MS_MAX {
                break;
            }
            let now = host.clock.now();
            let user = self.find_user(what.user).await?;
            let Some(user) = user.filter(|user| user.cred_version == what.cred_version) else {
                // RF-11: the SDK repeats a call whose answer was lost, and may be told that the service is busy: then a
                // try that looked refused is what raised the version.
                return match tried {
                    Some(fenced) if self.was_done_by(what.marker, &done_by).await => Ok(fenced),
                    Some(_) | None => Err(FenceRefused::Changed),
                };
            };
            // RF-21: read after the version that the transaction compares, so that the list cannot be outdated.
            let live = if consequences(what.event).delete_secrets() {
                self.list_connections(user.id).await?.into_iter().filter(|c| c.status == Status::Live).collect()
            } else {
                Vec::new()
            };
            let trying = Attempt { user: &user, live: &live, done_by: &done_by, now, host };
            let (writes, own_count) = items(what, &trying, own(&trying)?)?;
            let fenced = Fenced { connections_removed: live.len(), at: now };
            tried = Some(fenced);
            match self.send_fence(what.event.name(), &host.entropy.ulid(now).to_string(), &writes, host).await {
                Ok(()) => return Ok(fenced),
                Err(TransactFailed::Cancelled(cancelled)) => {
                    match after(&cancelled, own_count, what.marker, &done_by) {
                        Next::Done => return Ok(fenced),
                        Next::Refused(refused) => return Err(refused),
                        Next::ReadAgain => {}
                    }
                }
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {
                    return if self.was_done_by(what.marker, &done_by).await {
                        Ok(fenced)
                    } else {
                        Err(FenceRefused::OutcomeUnknown)
                    };
                }
                // Throttled: nothing was written, and the next try may fit.
                Err(TransactFailed::Store(StoreError::Unavailable { what: why })) => {
                    tracing::warn!(event = what.event.name(), %why, attempt, "not accepted")
                }
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(FenceRefused::Busy)
    }

    /// Sends one try. A lost answer is asked for again under the same name, which applies nothing twice (RF-11); until the
    /// answer is there no other try is made.
    async fn send_fence(
        &self,
        event: &'static str,
        token: &str,
        writes: &[Write],
        host: &Host,
    ) -> Result<(), TransactFailed> {
        let mut answer = self.transact(token, writes).await;
        let mut lost = false;
        for resend in 1..=RESENDS_MAX {
            match &answer {
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => lost = true,
                // Perhaps the lost one itself, still in progress, or a service too busy to say.
                Err(TransactFailed::Cancelled(cancelled)) if lost && cancelled.only_contention() => {}
                Err(TransactFailed::Store(StoreError::Unavailable { .. })) if lost => {}
                Ok(()) | Err(TransactFailed::Cancelled(_) | TransactFailed::Store(_)) => return answer,
            }
            host.clock.wait(pause(resend)).await;
            answer = self.transact(token, writes).await;
        }
        match answer {
            Err(TransactFailed::Cancelled(cancelled)) if !cancelled.only_contention() => {
                Err(TransactFailed::Cancelled(cancelled))
            }
            Err(_) => Err(TransactFailed::Store(StoreError::OutcomeUnknown { what: event.into() })),
            Ok(()) => Ok(()),
        }
    }

    /// RF-12: reads the marker back. When even that fails, nothing is known.
    async fn was_done_by(&self, marker: &Marker, done_by: &str) -> bool {
        let found = self.read(Table::Identity, &marker.key).await;
        matches!(found, Ok(Some(row)) if row.text_if(marker.attribute) == Some(done_by))
    }
}

/// The pause before the nth further try: 50 ms, doubled up to half a second; twenty of them stay below ten seconds.
const fn pause(attempt: u32) -> Duration {
    Duration::from_millis(match attempt {
        0 | 1 => 50,
        2 => 100,
        3 => 200,
        4 => 400,
        _ => 500,
    })
}

/// What a cancelled try means; the caller's writes are the first `own_count`. The marker's word counts before all others: it
/// tells whether an earlier try of ours had succeeded.
fn after(cancelled: &Cancelled, own_count: usize, marker: &Marker, done_by: &str) -> Next {
    match cancelled.first_failed_condition() {
        Some((0, Some(row))) if own_count > 0 && row.text_if(marker.attribute) == Some(done_by) => Next::Done,
        Some((index, _)) if index < own_count => Next::Refused(FenceRefused::Own(index)),
        // The user or a connection is not as it was read.
        Some(_) => Next::ReadAgain,
        None if cancelled.only_contention() => Next::ReadAgain,
        None => Next::Refused(FenceRefused::Store(StoreError::Unavailable {
            what: "a security event: cancelled for no known reason".into(),
        })),
    }
}

/// All writes of a try, the caller's first, and how many those are.
fn items(what: &Fencing<'_>, trying: &Attempt<'_>, own: Own) -> Result<(Vec<Write>, usize), StoreError> {
    let &Attempt { user, live, now, host, .. } = trying;
    let brings = consequences(what.event);
    let Own { mut writes, user_set, user_values, credential: more } = own;
    let own_count = writes.len();
    writes.push(user_write(what, &brings, user, user_set, user_values, now));
    if brings.removes_password {
        let update = format!("{}{NO_PASSWORD}{}", more.set, more.removed);
        let write = Write::update(Table::Identity, credential::key(user.id), update)
            .when(format!("attribute_exists(pk){}", more.condition));
        writes.push(more.values.into_iter().fold(write, |write, (name, value)| write.value(name, value)));
    }
    for connection in live {
        writes.push(
            Write::update(Table::Vault, connection::key(user.id, connection.id), REVOKE)
                .when(LIVE_AT_EPOCH)
                .value(":revoked", s("REVOKED"))
                .value(":live", s("LIVE"))
                .value(":epoch", n(connection.epoch.value()))
                .value(":now", n(now.ms()))
                .value(":by", s(what.revoked_by))
                .value(":ttl", n(now.plus_seconds(REVOKED_LIFE_S).seconds())),
        );
    }
    for connection in live {
        let (secret_arn, reason) = (connection.secret_arn.clone(), what.revoked_by.to_owned());
        let shred = Shred { connection: connection.id, secret_arn, reason };
        writes.push(job::put_shred(JobId::new(host.entropy.ulid(now)), user.id, &shred, now)?);
    }
    writes.push(audit::put(user.id, host.entropy.ulid(now), what.event.name(), what.factor, what.source, now));
    if writes.len() > WRITES_MAX {
        return Err(StoreError::Corrupt { what: format!("{}: {} writes", what.event.name(), writes.len()) });
    }
    Ok((writes, own_count))
}

/// The one write of `USER#`, composed of what the table says of the event.
fn user_write(
    what: &Fencing<'_>,
    brings: &Consequences,
    user: &User,
    more: &str,
    values: Vec<(&'static str, AttributeValue)>,
    now: WallTime,
) -> Write {
    let (was_state, was_cooling, was_held) = trading_state_parts(user.trading_state);
    let (state, cooling, held) = trading_state_parts(user.trading_state.after(what.event, now));
    let frozen = user.frozen.after(what.event, now);
    let frozen = what.beside.map_or(frozen, |event| frozen.after(event, now));
    let raises = matches!(brings.fence, Fence::Raised);
    let (mut update, mut condition) = (STATE.to_owned(), AS_READ.to_owned());
    if brings.new_credential_version {
        update.push_str(NEW_CREDENTIALS);
    }
    if brings.ends_sessions() {
        update.push_str(END_SESSIONS);
    }
    if raises {
        update.push_str(RAISE_EPOCH);
    }
    if !more.is_empty() {
        update.push_str(", ");
        update.push_str(more);
    }
    condition.push_str(if raises { EPOCH_RISES } else { EPOCH_AS_READ });
    let mut write = Write::update(Table::Identity, user::key(user.id), update)
        .when(condition)
        .value(":state", s(state))
        .value(":cooling", n(cooling))
        .value(":held", n(held))
        .value(":frozen", n(frozen.frozen_until().ms()))
        .value(":frozen_why", s(frozen_why(frozen)))
        .value(":cred_version", n(user.cred_version.value()))
        .value(":session_gen", n(user.session_gen.value()))
        .value(":was_state", s(was_state))
        .value(":was_cooling", n(was_cooling))
        .value(":was_held", n(was_held))
        .value(":was_frozen", n(user.frozen.frozen_until().ms()))
        .value(":epoch", n(if raises { user.trade_epoch.next() } else { user.trade_epoch }.value()));
    if brings.new_credential_version || brings.ends_sessions() {
        write = write.value(":one", n(1));
    }
    if raises {
        write = write.value(":set", n(user.conn_set_version.value()));
    }
    values.into_iter().fold(write, |write, (name, value)| write.value(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Row;
    use crate::write::Reason;

    /// The caller's two writes, then the user, a connection and the audit row.
    const OWN: usize = 2;
    const ALL: usize = 5;

    fn check(at: usize, reason: Reason, expected: &str) {
        let mut reasons = vec![Reason::Fine; ALL];
        reasons[at] = reason.clone();
        assert_eq!(found(reasons), expected, "{reason:?} at {at}");
    }
    fn found(reasons: Vec<Reason>) -> String {
        let marker = Marker { key: Key::new("T#t".to_owned(), "TOKEN"), attribute: "used_by" };
        match after(&Cancelled(reasons), OWN, &marker, "me") {
            Next::Done => "done".to_owned(),
            Next::ReadAgain => "again".to_owned(),
            Next::Refused(refused) => format!("{refused}"),
        }
    }
    fn failed(used_by: &str) -> Reason {
        Reason::ConditionFailed(Some(Row::default().with("used_by", s(used_by))))
    }

    #[test]
    fn rf_13_contention_of_any_item_is_tried_again() {
        for at in 0..ALL {
            check(at, Reason::Conflict, "again");
            check(at, Reason::Throttled, "again");
            check(
                at,
                Reason::Other("ItemCollectionSizeLimitExceeded".into()),
                "store unavailable: a security event: cancelled for no known reason",
            );
        }
    }

    #[test]
    fn the_callers_conditions_refuse_and_the_fences_own_are_read_again() {
        check(0, failed("another"), "the condition of the caller's write 0 failed");
        check(0, Reason::ConditionFailed(None), "the condition of the caller's write 0 failed");
        check(1, failed("me"), "the condition of the caller's write 1 failed");
        for at in OWN..ALL {
            check(at, failed("me"), "again");
        }
    }

    #[test]
    fn rf_12_the_markers_word_counts_before_all_others() {
        let gone = Reason::ConditionFailed(None);
        assert_eq!(found(vec![failed("me"), gone.clone(), gone.clone(), gone]), "done");
    }

    #[test]
    fn rf_13_twenty_tries_fit_ten_seconds() {
        let pauses: u128 = (1..TRIES_MAX).map(|attempt| pause(attempt).as_millis()).sum();
        assert!(pauses < u128::from(TRIES_MS_MAX), "{pauses}");
    }
}
