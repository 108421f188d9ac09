//! The latest destructive recovery of an account, and the links that cancel it (PR-14).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `RECOVERY_WAIT#<user>` | `WAIT` | `state` S (JSON of [`account::recovery::Recovery`]); `version` N; `cancel` S (hash of the token in its mails); `reminders` S (JSON list of the mail jobs that wait in the outbox); `written_by` S (names the transaction that wrote it, RF-12); `ttl` N |
//! | identity | `RECOVERY_CANCEL#<token hash>` | `TOKEN` | `user` S; `ttl` N |
//!
//! Every write demands the version that was read: of a cancel and a completion at once one wins.

use account::id::JobId;
use account::recovery::{BLOCKED_S, Recovery, WAIT_S, WINDOW_S};
use account::token::TokenHash;
use account::{UserId, WallTime};

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// How long the record stays after its start, in seconds: as long as it can still decide something, and a day more.
const KEPT_S: i64 = WAIT_S + WINDOW_S + BLOCKED_S + 86_400;

/// Where it is.
pub fn key(user: UserId) -> Key {
    Key::new(format!("RECOVERY_WAIT#{user}"), "WAIT")
}
/// Where a cancelling link is.
pub fn cancel_key(hash: &TokenHash) -> Key {
    Key::new(format!("RECOVERY_CANCEL#{}", hash.as_str()), "TOKEN")
}

/// A recovery as stored, with the version that its next write demands.
#[derive(Debug, Clone)]
pub struct StoredRecovery {
    pub state: Recovery,
    pub version: u64,
    /// The stored form of the token in its mails.
    pub cancel: String,
    /// The mails that were queued for later.
    pub reminders: Vec<JobId>,
    /// Names the transaction that wrote it last.
    pub written_by: String,
}

impl StoredRecovery {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            state: row.json("state")?,
            version: row.number("version")?,
            cancel: row.text("cancel")?.to_owned(),
            reminders: row
                .json::<Vec<String>>("reminders")?
                .iter()
                .map(|job| job.parse().map_err(|_| StoreError::Corrupt { what: "reminders of a recovery".into() }))
                .collect::<Result<_, _>>()?,
            written_by: row.text("written_by")?.to_owned(),
        })
    }
    /// The write of it as it shall be, if it is still as it was read: at `self.version`, 0 for none.
    pub fn write(&self, user: UserId) -> Result<Write, StoreError> {
        let reminders: Vec<_> = self.reminders.iter().map(ToString::to_string).collect();
        let row = Row::keyed(&key(user))
            .with("state", json(&self.state)?)
            .with("version", n(self.version.saturating_add(1)))
            .with("cancel", s(&self.cancel))
            .with("reminders", json(&reminders)?)
            .with("written_by", s(&self.written_by))
            .with("ttl", n(self.state.started_at.plus_seconds(KEPT_S).seconds()));
        let put = Write::put(Table::Identity, key(user), row);
        Ok(if self.version == 0 {
            put.when("attribute_not_exists(pk)")
        } else {
            put.when("#version = :version").value(":version", n(self.version))
        })
    }
}

/// The check that the latest recovery is still the one that was read, or that there still is none.
pub(crate) fn as_read(user: UserId, found: Option<&StoredRecovery>) -> Write {
    let check = Write::check(Table::Identity, key(user));
    match found {
        None => check.when("attribute_not_exists(pk)"),
        Some(found) => check.when("#version = :version").value(":version", n(found.version)),
    }
}

/// The write of a cancelling link.
pub fn put_cancel(user: UserId, hash: &TokenHash, now: WallTime) -> Write {
    let row = Row::keyed(&cancel_key(hash))
        .with("user", s(user))
        .with("ttl", n(now.plus_seconds(WAIT_S + WINDOW_S + 86_400).seconds()));
    Write::put(Table::Identity, cancel_key(hash), row).when("attribute_not_exists(pk)")
}

impl Store {
    /// The latest recovery of an account, read consistently.
    pub async fn find_recovery(&self, user: UserId) -> Result<Option<StoredRecovery>, StoreError> {
        self.read(Table::Identity, &key(user)).await?.map(|row| StoredRecovery::from_row(&row)).transpose()
    }
    /// Whose recovery a link cancels, read consistently. The recovery itself says whether it is the one that was mailed about.
    pub async fn find_recovery_to_cancel(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<(UserId, StoredRecovery)>, StoreError> {
        let Some(row) = self.read(Table::Identity, &cancel_key(hash)).await? else { return Ok(None) };
        let user = row.parse("user")?;
        Ok(self.find_recovery(user).await?.filter(|found| found.cancel == hash.as_str()).map(|found| (user, found)))
    }
}

#[cfg(test)]
mod tests {
    use account::CredentialVersion;

    use super::*;

    #[test]
    fn a_recovery_comes_back_as_it_was_stored() {
        let user = UserId::new(ulid::Ulid::from_parts(1, 2));
        let stored = StoredRecovery {
            state: Recovery::starting(CredentialVersion::FIRST, WallTime::from_ms(77)),
            version: 0,
            cancel: "hash".into(),
            reminders: vec![JobId::new(ulid::Ulid::from_parts(3, 4))],
            written_by: "x".into(),
        };
        let write = stored.write(user).expect("writable");
        let read = StoredRecovery::from_row(write.row().expect("a put")).expect("readable");
        assert_eq!((read.state, read.version, read.reminders), (stored.state, 1, stored.reminders));
    }
}
