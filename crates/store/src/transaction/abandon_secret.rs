//! Gives up a secret whose attach failed: its ledger row turns DELETING, so that nothing can attach it any more, and a
//! shred job is written, in one transaction.
//!
//! writes: `LEDGER#` DELETING with what is known of the ARN; outbox shred job.
//! conditions: the row is CREATING (a secret that became LIVE is not given up by its own attach); the job is not there yet.

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};

use crate::attribute::{n, s};
use crate::entity::job::{self, Shred};
use crate::entity::ledger::{self, LedgerState};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What is given up.
#[derive(Debug)]
pub struct Abandoning<'a> {
    pub user: UserId,
    pub connection: ConnectionId,
    pub secret_name: &'a str,
    /// The full ARN, when the answer to its creation came.
    pub secret_arn: Option<&'a str>,
    pub job: JobId,
    /// Names this transaction for ten minutes, at most 36 characters.
    pub token: &'a str,
}

const GIVE_UP: &str = "SET #state = :deleting, #ledger_key = :deleting, #updated_at = :now, #ledger_ms = :now";
const GIVE_UP_KNOWN: &str =
    "SET #state = :deleting, #ledger_key = :deleting, #updated_at = :now, #ledger_ms = :now, #secret_arn = :arn";

impl Store {
    /// Gives it up. `false` when it is no longer CREATING: it became LIVE, or somebody else gave it up before.
    pub async fn abandon_secret(&self, abandoning: Abandoning<'_>, now: WallTime) -> Result<bool, StoreError> {
        let Abandoning { user, connection, secret_name, secret_arn, job, token } = abandoning;
        let shred =
            Shred { connection, secret_arn: secret_arn.unwrap_or(secret_name).to_owned(), reason: job::ORPHAN.into() };
        let ledger = Write::update(
            Table::Vault,
            ledger::key(secret_name),
            if secret_arn.is_some() { GIVE_UP_KNOWN } else { GIVE_UP },
        )
        .when("#state = :creating")
        .value(":creating", s(LedgerState::Creating.as_str()))
        .value(":deleting", s(LedgerState::Deleting.as_str()))
        .value(":now", n(now.ms()));
        let ledger = match secret_arn {
            Some(arn) => ledger.value(":arn", s(arn)),
            None => ledger,
        };
        let writes = [ledger, job::put_shred(job, user, &shred, now)?];
        // RF-20: whatever is left when even this fails is found by the sweep through the ledger.
        for _ in 0..3 {
            match self.transact(token, &writes).await {
                Ok(()) => return Ok(true),
                Err(TransactFailed::Cancelled(cancelled)) if cancelled.only_contention() => {}
                Err(TransactFailed::Cancelled(_)) => return Ok(false),
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::OutcomeUnknown { what: "abandon_secret".into() })
    }

    /// Orders the shredding of a secret whose attach broke off without a word (RF-20). For the sweep, which may not write
    /// the ledger: the shredder looks there again and leaves what became LIVE alone. `false` when it was ordered before.
    pub async fn order_orphan_shred(
        &self,
        orphan: &ledger::Ledger,
        job: JobId,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let secret_arn = orphan.secret_arn.clone().unwrap_or_else(|| orphan.name.clone());
        let shred = Shred { connection: orphan.connection, secret_arn, reason: job::ORPHAN.into() };
        Ok(self.write_one(job::put_shred(job, orphan.user, &shred, now)?).await?.is_ok())
    }
}
