//! Records that a secret was proven gone and that its job is done, together.
//!
//! writes: `LEDGER#` DELETED, out of the sweep's index; `JOB#` done. conditions: the record is DELETING or DELETED; the job
//! is open, so that of two workers one records it (RF-28).

use account::WallTime;
use account::id::JobId;

use crate::attribute::{n, s};
use crate::entity::job;
use crate::entity::ledger::{self, LedgerState};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// How long the record of an erased secret stays, in seconds: 90 days, as long as its connection is shown.
const DELETED_LIFE_S: i64 = 90 * 86_400;

const DELETED: &str = "SET #state = :deleted, #updated_at = :now, #ttl = :ttl REMOVE #ledger_key, #ledger_ms";

impl Store {
    /// Finishes. `false` when another worker had finished the job. `token` names this very call, at most 36 characters.
    pub async fn finish_shred(
        &self,
        secret_name: &str,
        job: JobId,
        token: &str,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let ledger = Write::update(Table::Vault, ledger::key(secret_name), DELETED)
            .when("#state = :deleting OR #state = :deleted")
            .value(":deleting", s(LedgerState::Deleting.as_str()))
            .value(":deleted", s(LedgerState::Deleted.as_str()))
            .value(":now", n(now.ms()))
            .value(":ttl", n(now.plus_seconds(DELETED_LIFE_S).seconds()));
        let writes = [ledger, job::done(job, now)];
        for _ in 0..3 {
            match self.transact(token, &writes).await {
                Ok(()) => return Ok(true),
                Err(TransactFailed::Cancelled(cancelled)) if cancelled.failed_at(1) => return Ok(false),
                Err(TransactFailed::Cancelled(cancelled)) if cancelled.only_contention() => {}
                Err(TransactFailed::Cancelled(_)) => {
                    return Err(StoreError::Unavailable { what: "finish_shred: the record is not DELETING".into() });
                }
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::OutcomeUnknown { what: "finish_shred".into() })
    }
}
