//! Starts a destructive recovery: the keys go at once, and everything else waits (PR-14).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` used | unused, unexpired, made under this credential version |
//! | `RESET#` (check) | this token is the newest (RF-16) |
//! | `CRED#` (check) | a second factor is on: without one the link alone resets |
//! | `RECOVERY_WAIT#` this one | version as read: of two starts, or a start and a cancel, one wins |
//! | `RECOVERY_CANCEL#` the link of its mails | there is none |
//! | outbox: the first notice, and three that wait | there is none of these ids |
//! | what `RecoveryStarted` brings with it | see [`fencing`](crate::transaction::fencing) |
//!
//! No session ends and no credential changes, so that the owner can say no. No mail holds what completes it.

use std::net::IpAddr;

use account::email::EmailAddress;
use account::id::JobId;
use account::recovery::{REMINDERS_S, Recovery, StartRefused};
use account::security_event::SecurityEvent;
use account::token::{NewToken, TokenHash};
use account::{CredentialVersion, UserId, WallTime};
use host::Host;

use crate::attribute::n;
use crate::entity::credential;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::recovery::{self, StoredRecovery};
use crate::entity::reset_token;
use crate::transaction::fencing::{Attempt, FenceRefused, Fencing, Marker, Own};
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// `revoked_by` of a connection that a recovery removed.
pub const BY_RECOVERY: &str = "recovery";

/// What is started.
#[derive(Debug)]
pub struct Starting<'a> {
    /// From a reset mail.
    pub token: &'a TokenHash,
    pub user: UserId,
    /// The version the token was made under.
    pub cred_version: CredentialVersion,
    /// The address at this moment.
    pub to: &'a EmailAddress,
    /// Mailed with every notice of it.
    pub cancel: &'a NewToken,
    pub source: Option<IpAddr>,
}

/// It has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryBegun {
    pub recovery: Recovery,
    pub connections_removed: usize,
}

/// Why a recovery is neither started nor completed; in order of precedence. Nothing was changed, but for `OutcomeUnknown`.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryRefused {
    /// Unknown, used, expired, superseded, or made before a change of credentials.
    #[error("the token is dead")]
    TokenDead,
    /// No second factor is on.
    #[error("there is no second factor")]
    NoFactor,
    /// One is under way.
    #[error("a recovery is under way")]
    UnderWay,
    /// One was cancelled with a second factor.
    #[error("no start before {until}")]
    Blocked { until: WallTime },
    /// There is none that could be completed now.
    #[error("no recovery is ready")]
    NotReady,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StartRefused> for RecoveryRefused {
    fn from(refused: StartRefused) -> Self {
        match refused {
            StartRefused::UnderWay => Self::UnderWay,
            StartRefused::Blocked { until } => Self::Blocked { until },
        }
    }
}

/// The writes by their place.
const TOKEN: usize = 0;
const POINTER: usize = 1;
const CREDENTIAL: usize = 2;
const RECOVERY: usize = 3;

const FACTOR_ON: &str = "attribute_exists(#totp_seed) OR #passkeys > :none";

impl Store {
    /// Starts it.
    pub async fn start_recovery(&self, what: &Starting<'_>, host: &Host) -> Result<RecoveryBegun, RecoveryRefused> {
        let before = self.find_recovery(what.user).await?;
        if let Some(found) = &before {
            found.state.allows_start(what.cred_version, host.clock.now())?;
        }
        let marker = Marker { key: reset_token::key(what.token), attribute: "used_by" };
        let fencing = Fencing {
            event: SecurityEvent::RecoveryStarted,
            beside: None,
            user: what.user,
            cred_version: what.cred_version,
            marker: &marker,
            revoked_by: BY_RECOVERY,
            factor: None,
            source: what.source,
        };
        let version = before.as_ref().map_or(0, |found| found.version);
        match self.fence(&fencing, host, |trying| own(what, version, trying)).await {
            Ok(fenced) => Ok(RecoveryBegun {
                recovery: Recovery::starting(what.cred_version, fenced.at),
                connections_removed: fenced.connections_removed,
            }),
            Err(FenceRefused::Own(TOKEN | POINTER) | FenceRefused::Changed) => Err(RecoveryRefused::TokenDead),
            Err(FenceRefused::Own(CREDENTIAL)) => Err(RecoveryRefused::NoFactor),
            // Another start, or a cancel that blocks this one, was faster; the next request reads which.
            Err(FenceRefused::Own(RECOVERY)) => Err(RecoveryRefused::UnderWay),
            Err(FenceRefused::Own(_) | FenceRefused::Busy) => Err(RecoveryRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(RecoveryRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
}

fn own(what: &Starting<'_>, version: u64, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { live, done_by, now, host, .. } = trying;
    let state = Recovery::starting(what.cred_version, now);
    let reminders: Vec<JobId> = REMINDERS_S.iter().map(|_| JobId::new(host.entropy.ulid(now))).collect();
    let stored = StoredRecovery {
        state,
        version,
        cancel: what.cancel.hash.as_str().to_owned(),
        reminders: reminders.clone(),
        written_by: done_by.to_owned(),
    };
    let (to, cancel_token) = (
        || what.to.to_string(),
        || {
            // EXPOSE: the mails are how the token reaches its owner; all it does is end the wait.
            what.cancel.text.expose(String::clone)
        },
    );
    let (started_at, ready_at) = (now.to_string(), state.ready_at().to_string());
    let first = Notice::RecoveryStarted {
        at: started_at.clone(),
        ready_at: ready_at.clone(),
        connections_removed: live.len(),
        cancel_token: cancel_token(),
    };
    let mut writes = vec![
        reset_token::spent(what.token, what.cred_version, done_by, None, now),
        reset_token::newest(what.user, what.token),
        Write::check(Table::Identity, credential::key(what.user)).when(FACTOR_ON).value(":none", n(0)),
        stored.write(what.user)?,
        recovery::put_cancel(what.user, &what.cancel.hash, now),
        job::put_mail(JobId::new(host.entropy.ulid(now)), Some(what.user), &Mail { to: to(), notice: first }, now)?,
    ];
    for (job, after_s) in reminders.into_iter().zip(REMINDERS_S) {
        let notice = if now.plus_seconds(after_s) < state.ready_at() {
            Notice::RecoveryReminder {
                started_at: started_at.clone(),
                ready_at: ready_at.clone(),
                cancel_token: cancel_token(),
            }
        } else {
            Notice::RecoveryReady {
                started_at: started_at.clone(),
                until: state.lapses_at().to_string(),
                cancel_token: cancel_token(),
            }
        };
        let mail = Mail { to: to(), notice };
        writes.push(job::put_later_mail(job, what.user, &mail, now.plus_seconds(after_s), now)?);
    }
    Ok(Own { writes, ..Own::default() })
}
