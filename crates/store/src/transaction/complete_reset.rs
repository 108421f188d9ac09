//! Completes a password reset: new password, every session ended, the fence up, every key share gone, in **one** transaction
//! (PR-8, PR-12, G6).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` used, with the hash of the "not me" token | unused, unexpired, made under this credential version (PR-4) |
//! | `RESET#` (check) | this token is the newest (RF-16) |
//! | `USER#` cred_version + 1, session_gen + 1, trade_epoch + 1, trading state | cred_version and conn_set_version as read (RF-21); the epoch rises (RF-40) |
//! | `CRED#` new hash, last step; a waiting enrolment dropped | the factor is on or off as read (PR-9); for a TOTP `totp_last_step < :step` (TP-5, TP-7) |
//! | `RECOVERY#` the used code deleted | it exists (RC-2) |
//! | each LIVE `CONN#`: REVOKED, without its wrapped key | LIVE at the epoch that was read |
//! | outbox: a shred job per connection, a notice; an audit row | there is none of these ids |
//!
//! At most 47 writes with [`CONNECTIONS_MAX`](crate::entity::connection::CONNECTIONS_MAX) connections (RF-22). Never touches
//! a secret or the vault key: those are the shredder's and the signer's.

use std::net::IpAddr;
use std::time::Duration;

use account::email::EmailAddress;
use account::id::JobId;
use account::password_hash::PasswordHash;
use account::security_event::SecurityEvent;
use account::token::{NewToken, TokenHash};
use account::{CredentialVersion, UserId, WallTime};
use host::Host;

use crate::attribute::{n, s};
use crate::entity::connection::{self, Connection, Status};
use crate::entity::job::{self, Mail, Notice, Shred};
use crate::entity::user::{self, User, trading_state_parts};
use crate::entity::{audit, credential, recovery_code, reset_token};
use crate::transaction::detach_connection::REVOKED_LIFE_S;
use crate::transaction::spend_factor::Factor;
use crate::write::{Cancelled, TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// `revoked_by` of a connection that a reset removed, and the reason of its shred job.
pub const BY_RESET: &str = "password_reset";
/// G2: an order authorised before the fence is accepted within this many seconds of it, or never.
pub const TAIL_S: i64 = 4;
/// RF-13: contention is met with so many tries …
const TRIES_MAX: u32 = 20;
/// … within so many milliseconds.
const TRIES_MS_MAX: u64 = 10_000;
/// How often a lost answer is asked for again under the same name (RF-11).
const RESENDS_MAX: u32 = 4;

/// What is completed. Token, factor and password were looked at; the commit checks again what it depends on.
#[derive(Debug)]
pub struct Completing<'a> {
    pub token: &'a TokenHash,
    pub user: UserId,
    /// The version the token was made under.
    pub cred_version: CredentialVersion,
    pub hash: &'a PasswordHash,
    /// The factor that matched, spent by the commit; `None` only where no factor is on, which the commit demands (PR-9).
    pub factor: Option<&'a Factor>,
    /// The address at this moment.
    pub to: &'a EmailAddress,
    /// Open orders as far as known, for the notice.
    pub orders_left_open: &'a [String],
    /// Orders authorised and not answered yet, as far as known, for the notice (G2).
    pub orders_in_flight: &'a [String],
    /// PR-13: mailed with the notice.
    pub not_me: &'a NewToken,
    pub source: Option<IpAddr>,
}

/// The reset is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetDone {
    pub connections_removed: usize,
}

/// Why it is not; in order of precedence. Nothing was changed, but for `OutcomeUnknown`.
#[derive(Debug, thiserror::Error)]
pub enum ResetRefused {
    /// Unknown, used, expired, superseded, or made before a change of credentials.
    #[error("the token is dead")]
    TokenDead,
    /// The TOTP step or the recovery code was used meanwhile.
    #[error("the second factor was used meanwhile")]
    FactorSpent,
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

/// The writes by name, in write order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Token,
    Pointer,
    User,
    Credential,
    RecoveryCode,
    Connection,
    Shred,
    Notice,
    Audit,
}

/// What a try led to, when it is not over.
enum Next {
    Done,
    Refused(ResetRefused),
    ReadAgain,
}

const USE_TOKEN: &str =
    "SET #used_at = :now, #used_by = :used_by, #not_me = :not_me, #not_me_until = :not_me_until, #ttl = :ttl";
const TOKEN_OPEN: &str =
    "attribute_exists(pk) AND attribute_not_exists(#used_at) AND #expires_at > :now AND #cred_version = :cred_version";
const IS_NEWEST: &str = "#newest = :hash";
const RAISE_ALL: &str = "SET #cred_version = #cred_version + :one, #session_gen = #session_gen + :one, #trade_epoch = :epoch, \
    #trading_state = :state, #cooling_until = :cooling, #held_at = :held";
const USER_AS_READ: &str = "#cred_version = :cred_version AND #conn_set_version = :set AND #trade_epoch < :epoch";
const NEW_HASH: &str = "SET #hash = :hash, #pepper = :pepper REMOVE #pending_seed, #pending_until, #pending_tries";
const NEW_HASH_AND_STEP: &str = "SET #hash = :hash, #pepper = :pepper, #totp_last_step = :step REMOVE #pending_seed, #pending_until, #pending_tries";
const NO_FACTOR: &str = "attribute_exists(pk) AND attribute_not_exists(#totp_seed)";
const FACTOR_ON: &str = "attribute_exists(#totp_seed)";
const STEP_UNUSED: &str = "attribute_exists(#totp_seed) AND #totp_last_step < :step";
const REVOKE: &str = "SET #status = :revoked, #revoked_at = :now, #revoked_by = :by, #ttl = :ttl REMOVE #wrapped_dk";
const LIVE_AT_EPOCH: &str = "#status = :live AND #epoch = :epoch";

impl Store {
    /// Completes it, or says why not. Contention alone is met with another try, on what is there then (RF-21).
    pub async fn complete_reset(&self, what: &Completing<'_>, host: &Host) -> Result<ResetDone, ResetRefused> {
        let started = host.clock.monotonic();
        // RF-12: stands in the used token, whichever of our tries it was that used it.
        let used_by = host.entropy.ulid(host.clock.now()).to_string();
        let mut tried = None;
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                host.clock.wait(pause(attempt)).await;
            }
            if host.clock.monotonic().ms_since(started) >= TRIES_MS_MAX {
                break;
            }
            let now = host.clock.now();
            let user = self.find_user(what.user).await?.ok_or(ResetRefused::TokenDead)?;
            if user.cred_version != what.cred_version {
                // RF-11: the SDK repeats a call whose answer was lost, and may be told that the service is busy: then a
                // try that looked refused is what raised the version.
                return match tried {
                    Some(done) if self.was_used_by(what.token, &used_by).await => Ok(done),
                    Some(_) | None => Err(ResetRefused::TokenDead),
                };
            }
            // RF-21: read after the version that the transaction compares, so that the list cannot be outdated.
            let live: Vec<_> =
                self.list_connections(what.user).await?.into_iter().filter(|c| c.status == Status::Live).collect();
            let (names, writes): (Vec<Item>, Vec<Write>) =
                items(what, &user, &live, &used_by, host, now)?.into_iter().unzip();
            let done = ResetDone { connections_removed: live.len() };
            tried = Some(done.clone());
            match self.send_reset(&host.entropy.ulid(now).to_string(), &writes, host).await {
                Ok(()) => return Ok(done),
                Err(TransactFailed::Cancelled(cancelled)) => match after(&cancelled, &names, &used_by) {
                    Next::Done => return Ok(done),
                    Next::Refused(refused) => return Err(refused),
                    Next::ReadAgain => {}
                },
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {
                    return if self.was_used_by(what.token, &used_by).await {
                        Ok(done)
                    } else {
                        Err(ResetRefused::OutcomeUnknown)
                    };
                }
                // Throttled: nothing was written, and the next try may fit.
                Err(TransactFailed::Store(StoreError::Unavailable { what })) => {
                    tracing::warn!(%what, attempt, "reset not accepted")
                }
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(ResetRefused::Busy)
    }

    /// Sends one try. A lost answer is asked for again under the same name, which applies nothing twice (RF-11); until the
    /// answer is there no other try is made.
    async fn send_reset(&self, token: &str, writes: &[Write], host: &Host) -> Result<(), TransactFailed> {
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
            Err(_) => Err(TransactFailed::Store(StoreError::OutcomeUnknown { what: "complete_reset".into() })),
            Ok(()) => Ok(()),
        }
    }

    /// RF-12: reads the token back. When even that fails, nothing is known.
    async fn was_used_by(&self, token: &TokenHash, used_by: &str) -> bool {
        matches!(self.find_reset(token).await, Ok(Some(found)) if found.used_by.as_deref() == Some(used_by))
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

/// What a cancelled try means. The token's word counts first: it tells whether an earlier try of ours had succeeded.
fn after(cancelled: &Cancelled, names: &[Item], used_by: &str) -> Next {
    let Some((index, found)) = cancelled.first_failed_condition() else {
        if cancelled.only_contention() {
            return Next::ReadAgain;
        }
        return Next::Refused(ResetRefused::Store(StoreError::Unavailable {
            what: "complete_reset: cancelled for no known reason".into(),
        }));
    };
    match names.get(index) {
        Some(Item::Token) if found.and_then(|row| row.text_if("used_by")) == Some(used_by) => Next::Done,
        Some(Item::Token | Item::Pointer) => Next::Refused(ResetRefused::TokenDead),
        // The step was used, or the factor came or went: the latter raised the version too, so that the token is dead.
        Some(Item::Credential | Item::RecoveryCode) => Next::Refused(ResetRefused::FactorSpent),
        Some(Item::User | Item::Connection | Item::Shred | Item::Notice | Item::Audit) | None => Next::ReadAgain,
    }
}

fn items(
    what: &Completing<'_>,
    user: &User,
    live: &[Connection],
    used_by: &str,
    host: &Host,
    now: WallTime,
) -> Result<Vec<(Item, Write)>, StoreError> {
    let not_me_until = now.plus_seconds(reset_token::NOT_ME_LIFE_S);
    let (state, cooling, held) = trading_state_parts(user.trading_state.after(SecurityEvent::PasswordReset, now));
    let mut items = vec![
        (
            Item::Token,
            Write::update(Table::Identity, reset_token::key(what.token), USE_TOKEN)
                .when(TOKEN_OPEN)
                .value(":now", n(now.ms()))
                .value(":used_by", s(used_by))
                .value(":cred_version", n(what.cred_version.value()))
                .value(":not_me", s(what.not_me.hash.as_str()))
                .value(":not_me_until", n(not_me_until.ms()))
                .value(":ttl", n(not_me_until.plus_seconds(60).seconds())),
        ),
        (
            Item::Pointer,
            Write::check(Table::Identity, reset_token::pointer_key(what.user))
                .when(IS_NEWEST)
                .value(":hash", s(what.token.as_str())),
        ),
        (
            Item::User,
            Write::update(Table::Identity, user::key(what.user), RAISE_ALL)
                .when(USER_AS_READ)
                .value(":one", n(1))
                .value(":cred_version", n(what.cred_version.value()))
                .value(":set", n(user.conn_set_version.value()))
                .value(":epoch", n(user.trade_epoch.next().value()))
                .value(":state", s(state))
                .value(":cooling", n(cooling))
                .value(":held", n(held)),
        ),
        (Item::Credential, credential_write(what, now)),
    ];
    if let Some(Factor::RecoveryCode(code)) = what.factor {
        items.push((
            Item::RecoveryCode,
            Write::delete(Table::Identity, recovery_code::key(what.user, code)).when("attribute_exists(pk)"),
        ));
    }
    for connection in live {
        items.push((
            Item::Connection,
            Write::update(Table::Vault, connection::key(what.user, connection.id), REVOKE)
                .when(LIVE_AT_EPOCH)
                .value(":revoked", s("REVOKED"))
                .value(":live", s("LIVE"))
                .value(":epoch", n(connection.epoch.value()))
                .value(":now", n(now.ms()))
                .value(":by", s(BY_RESET))
                .value(":ttl", n(now.plus_seconds(REVOKED_LIFE_S).seconds())),
        ));
    }
    for connection in live {
        let shred =
            Shred { connection: connection.id, secret_arn: connection.secret_arn.clone(), reason: BY_RESET.into() };
        items.push((Item::Shred, job::put_shred(JobId::new(host.entropy.ulid(now)), what.user, &shred, now)?));
    }
    let mail = notice(what, live.len(), now);
    items.push((Item::Notice, job::put_mail(JobId::new(host.entropy.ulid(now)), Some(what.user), &mail, now)?));
    let event = SecurityEvent::PasswordReset.name();
    items.push((
        Item::Audit,
        audit::put(what.user, host.entropy.ulid(now), event, what.factor.map(Factor::name), what.source, now),
    ));
    Ok(items)
}

fn credential_write(what: &Completing<'_>, now: WallTime) -> Write {
    let key = credential::key(what.user);
    let write = match what.factor {
        None => Write::update(Table::Identity, key, NEW_HASH).when(NO_FACTOR),
        Some(factor) => {
            let condition = match factor {
                Factor::Totp(_) => STEP_UNUSED,
                Factor::RecoveryCode(_) => FACTOR_ON,
            };
            Write::update(Table::Identity, key, NEW_HASH_AND_STEP)
                .when(condition)
                .value(":step", n(factor.last_step(now).value()))
        }
    };
    write.value(":hash", s(what.hash.as_phc())).value(":pepper", s(what.hash.pepper().as_str()))
}

/// PR-13. The link names the used token's item and carries a secret of its own, so that it is good for this reset alone.
fn notice(what: &Completing<'_>, connections_removed: usize, now: WallTime) -> Mail {
    // EXPOSE: the mail is how the token reaches its owner.
    let not_me_token = what.not_me.text.expose(|text| format!("{}.{text}", what.token.as_str()));
    Mail {
        to: what.to.to_string(),
        notice: Notice::PasswordWasReset {
            at: now.to_string(),
            connections_removed,
            orders_left_open: what.orders_left_open.to_vec(),
            orders_in_flight: what.orders_in_flight.to_vec(),
            may_still_arrive_until: now.plus_seconds(TAIL_S).to_string(),
            not_me_token,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Row;
    use crate::write::Reason;

    const NAMES: [Item; 7] =
        [Item::Token, Item::Pointer, Item::User, Item::Credential, Item::RecoveryCode, Item::Connection, Item::Notice];

    fn check(at: usize, reason: Reason, expected: &str) {
        let mut reasons = vec![Reason::Fine; NAMES.len()];
        reasons[at] = reason.clone();
        let found = match after(&Cancelled(reasons), &NAMES, "me") {
            Next::Done => "done".to_owned(),
            Next::ReadAgain => "again".to_owned(),
            Next::Refused(refused) => format!("{refused}"),
        };
        assert_eq!(found, expected, "{reason:?} at {:?}", NAMES[at]);
    }

    #[test]
    fn rf_13_contention_of_any_item_is_tried_again() {
        for at in 0..NAMES.len() {
            check(at, Reason::Conflict, "again");
            check(at, Reason::Throttled, "again");
            check(
                at,
                Reason::Other("ItemCollectionSizeLimitExceeded".into()),
                "store unavailable: complete_reset: cancelled for no known reason",
            );
        }
    }

    #[test]
    fn each_failed_condition_has_its_name() {
        let failed = |used_by: &str| Reason::ConditionFailed(Some(Row::default().with("used_by", s(used_by))));
        check(0, failed("me"), "done");
        check(0, failed("another"), "the token is dead");
        check(0, Reason::ConditionFailed(None), "the token is dead");
        check(1, Reason::ConditionFailed(None), "the token is dead");
        check(2, failed("me"), "again");
        check(3, Reason::ConditionFailed(None), "the second factor was used meanwhile");
        check(4, Reason::ConditionFailed(None), "the second factor was used meanwhile");
        check(5, Reason::ConditionFailed(None), "again");
    }

    #[test]
    fn rf_12_the_tokens_word_counts_before_all_others() {
        let ours = Reason::ConditionFailed(Some(Row::default().with("used_by", s("me"))));
        let reasons = Cancelled(vec![
            ours,
            Reason::ConditionFailed(None),
            Reason::ConditionFailed(None),
            Reason::ConditionFailed(None),
        ]);
        assert!(matches!(after(&reasons, &NAMES, "me"), Next::Done));
    }

    #[test]
    fn rf_13_twenty_tries_fit_ten_seconds() {
        let pauses: u128 = (1..TRIES_MAX).map(|attempt| pause(attempt).as_millis()).sum();
        assert!(pauses < u128::from(TRIES_MS_MAX), "{pauses}");
    }
}
