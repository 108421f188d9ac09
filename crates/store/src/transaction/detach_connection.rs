//! Detaches a connection: from its commit on nothing is authorised with the key any more, and its erasure is ordered.
//!
//! | write | condition |
//! | --- | --- |
//! | `CONN#` REVOKED, without its wrapped key | LIVE, at the epoch that was read |
//! | `USER#` conn_set_version + 1 | it exists (RF-21: a reset that has read the list reads again) |
//! | outbox: shred job, mail | there is none of these ids |

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};

use crate::attribute::{n, s};
use crate::entity::connection::{self, Connection, Status};
use crate::entity::job::{self, Mail, Shred};
use crate::entity::user;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// `revoked_by` of a connection that its owner detached.
pub const BY_OWNER: &str = "detached";
/// How long a revoked connection stays visible, in seconds: 90 days.
pub const REVOKED_LIFE_S: i64 = 90 * 86_400;
const TRIES_MAX: usize = 6;

/// What is detached.
#[derive(Debug)]
pub struct Detaching<'a> {
    pub user: UserId,
    pub connection: ConnectionId,
    pub shred_job: JobId,
    pub mail_job: JobId,
    /// To the owner, made from the connection as found: `Notice::KeyDetached`.
    pub mail: &'a Mail,
    /// Names the transaction for ten minutes, at most 36 characters.
    pub token: &'a str,
}

/// Why nothing was detached.
#[derive(Debug, thiserror::Error)]
pub enum DetachRefused {
    /// The user has no such connection (SS-8).
    #[error("no such connection")]
    NotFound,
    /// Others kept changing the same items; nothing was written.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const REVOKE: &str = "SET #status = :revoked, #revoked_at = :now, #revoked_by = :by, #ttl = :ttl REMOVE #wrapped_dk";
const LIVE_AT_EPOCH: &str = "#status = :live AND #epoch = :epoch";
const RAISE_SET: &str = "SET #conn_set_version = #conn_set_version + :one";

impl Store {
    /// Detaches it. Detaching what is revoked already changes nothing and is no error.
    pub async fn detach_connection(&self, detaching: Detaching<'_>, now: WallTime) -> Result<(), DetachRefused> {
        for _ in 0..TRIES_MAX {
            let found =
                self.find_connection(detaching.user, detaching.connection).await?.ok_or(DetachRefused::NotFound)?;
            if found.status != Status::Live {
                return Ok(());
            }
            match self.transact(detaching.token, &writes(&detaching, &found, now)?).await {
                Ok(()) => return Ok(()),
                // A lost answer: the next round reads what came of it.
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. }) | TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(DetachRefused::Busy)
    }
}

fn writes(detaching: &Detaching<'_>, found: &Connection, now: WallTime) -> Result<Vec<Write>, StoreError> {
    let shred = Shred { connection: found.id, secret_arn: found.secret_arn.clone(), reason: BY_OWNER.into() };
    Ok(vec![
        Write::update(Table::Vault, connection::key(found.user, found.id), REVOKE)
            .when(LIVE_AT_EPOCH)
            .value(":revoked", s("REVOKED"))
            .value(":live", s("LIVE"))
            .value(":epoch", n(found.epoch.value()))
            .value(":now", n(now.ms()))
            .value(":by", s(BY_OWNER))
            .value(":ttl", n(now.plus_seconds(REVOKED_LIFE_S).seconds())),
        Write::update(Table::Identity, user::key(found.user), RAISE_SET)
            .when("attribute_exists(pk)")
            .value(":one", n(1)),
        job::put_shred(detaching.shred_job, found.user, &shred, now)?,
        job::put_mail(detaching.mail_job, Some(found.user), detaching.mail, now)?,
    ])
}
