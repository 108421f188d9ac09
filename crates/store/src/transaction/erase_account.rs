//! The writes of an erasure: items deleted, progress noted, the end recorded. What is to be deleted and in which order is the
//! shredder's.
//!
//! `delete_items` deletes items whose key says whose they are; conditions: none. `delete_owned` deletes one that an index has
//! named; condition: it still is this user's, so that nothing that has passed to another meanwhile is touched (KX-4).
//! `note_erased` writes `JOB#` erased, tries + 1, which makes the stream deliver it again; condition: open.
//! `finish_erasure` writes `JOB#` done and the last mail, without a user; condition: open, so that one of two workers tells.

use account::id::JobId;
use account::{UserId, WallTime};
use host::Host;

use crate::attribute::{n, s};
use crate::entity::job::{self, Erase, Mail, Notice};
use crate::write::{TransactFailed, Write};
use crate::{Key, Store, StoreError, Table};

/// What DynamoDB takes in one transaction.
const WRITES_MAX: usize = 100;

impl Store {
    /// Deletes items; those that are gone already are no error.
    pub async fn delete_items(&self, table: Table, keys: &[Key], host: &Host) -> Result<(), StoreError> {
        for keys in keys.chunks(WRITES_MAX) {
            let writes: Vec<Write> = keys.iter().map(|key| Write::delete(table, key.clone())).collect();
            let token = host.entropy.ulid(host.clock.now()).to_string();
            match self.transact_surely(&token, &writes).await {
                Ok(()) => {}
                Err(TransactFailed::Cancelled(_)) => {
                    return Err(StoreError::Unavailable { what: "delete_items: contention".into() });
                }
                Err(TransactFailed::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }
    /// Deletes an item if it is the user's; `false` when it is not, or not there.
    pub async fn delete_owned(&self, table: Table, key: &Key, user: UserId) -> Result<bool, StoreError> {
        let write = Write::delete(table, key.clone()).when("#user = :user").value(":user", s(user));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Notes that so many more items were deleted, and makes the stream deliver the job again.
    pub async fn note_erased(&self, job: JobId, items: usize) -> Result<(), StoreError> {
        let write = Write::update(Table::Outbox, job::key(job), "SET #tries = #tries + :one ADD #erased :items")
            .when("attribute_exists(#open_key)")
            .value(":one", n(1))
            .value(":items", n(i128::try_from(items).unwrap_or(i128::MAX)));
        // Done by another worker: then there is nothing to go on with.
        self.write_one(write).await.map(|_| ())
    }
    /// Records that nothing is left, and tells the owner. `false` when another worker did. `token` names this very call.
    pub async fn finish_erasure(
        &self,
        job: JobId,
        erase: &Erase,
        told: JobId,
        token: &str,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let mail = Mail { to: erase.to.clone(), notice: Notice::AccountErased { at: now.to_string() } };
        let writes = [job::done(job, now), job::put_mail(told, None, &mail, now)?];
        match self.transact_surely(token, &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(cancelled)) if cancelled.failed_at(0) => Ok(false),
            Err(TransactFailed::Cancelled(_)) => {
                Err(StoreError::Unavailable { what: "finish_erasure: contention".into() })
            }
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
}
