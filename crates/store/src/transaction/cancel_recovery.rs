//! Ends a destructive recovery before it is completed (PR-14). Nothing that its start removed comes back.
//!
//! | write | condition |
//! | --- | --- |
//! | `RECOVERY_WAIT#` cancelled; after a second factor no new start for 14 days | the version as read |
//! | outbox: waiting reminders replaced by nothing | none: a reminder that is just being sent is no harm |
//! | outbox notice, audit row | there is none of these ids |
//! | `USER#` (check, for a session) | generation as read: a session that ended cancels nothing |

use account::email::EmailAddress;
use account::id::JobId;
use account::recovery::{CancelledBy, Stage};
use account::{UserId, WallTime};
use host::Host;
use std::net::IpAddr;

use crate::entity::audit;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::recovery::StoredRecovery;
use crate::entity::user::User;
use crate::transaction::start_session::same_user;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError};

/// How often it is tried again on what is there then.
const TRIES_MAX: usize = 6;

/// Who says no, and how.
#[derive(Debug)]
pub struct Cancelling<'a> {
    /// The account as read; the transaction demands that it is still so where a session cancels.
    pub user: &'a User,
    pub by: CancelledBy,
    /// Whether a live session says it; a link says it otherwise.
    pub by_session: bool,
    /// Told of it.
    pub to: &'a EmailAddress,
    pub source: Option<IpAddr>,
}

/// Why nothing was cancelled; in order of precedence.
#[derive(Debug, thiserror::Error)]
pub enum CancelRefused {
    /// There is none, or it is over.
    #[error("no recovery is under way")]
    NoneUnderWay,
    /// The session ended meanwhile.
    #[error("the session ended")]
    SessionEnded,
    /// Others kept changing it.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Cancels the recovery that is under way.
    pub async fn cancel_recovery(&self, cancelling: &Cancelling<'_>, host: &Host) -> Result<(), CancelRefused> {
        let Cancelling { user, by, by_session, to, source } = cancelling;
        for _ in 0..TRIES_MAX {
            let now = host.clock.now();
            let found = self.find_recovery(user.id).await?.ok_or(CancelRefused::NoneUnderWay)?;
            if found.state.stage(user.cred_version, now) == Stage::Over {
                return Err(CancelRefused::NoneUnderWay);
            }
            let id = host.entropy.ulid(now);
            let mut writes = cancel_writes(user.id, found, *by, &id.to_string(), now)?;
            let mail = Mail { to: to.to_string(), notice: Notice::RecoveryCancelled { at: now.to_string() } };
            writes.push(job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?);
            writes.push(audit::put(user.id, id, "recovery_cancelled", None, *source, now));
            let user_at = writes.len();
            if *by_session {
                writes.push(same_user(user));
            }
            match self.transact_surely(&id.to_string(), &writes).await {
                Ok(()) => return Ok(()),
                Err(TransactFailed::Cancelled(c)) if *by_session && c.failed_at(user_at) => {
                    return Err(CancelRefused::SessionEnded);
                }
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(CancelRefused::Busy)
    }
}

/// The writes that cancel a recovery as it was read, for a transaction whose cause ends it: a sign-in with a second factor,
/// a reset in which one was shown.
pub(crate) fn cancel_writes(
    user: UserId,
    found: StoredRecovery,
    by: CancelledBy,
    written_by: &str,
    now: WallTime,
) -> Result<Vec<Write>, StoreError> {
    let withdrawn =
        found.reminders.iter().map(|job| job::withdraw_mail(*job, user, now)).collect::<Result<Vec<_>, _>>()?;
    let next = StoredRecovery {
        state: found.state.cancelled(by, now),
        reminders: Vec::new(),
        written_by: written_by.to_owned(),
        ..found
    };
    Ok(std::iter::once(next.write(user)?).chain(withdrawn).collect())
}
