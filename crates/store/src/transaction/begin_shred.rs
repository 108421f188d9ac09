//! Marks a secret as being erased, so that nothing can attach it any more, and tells by which ARN it is erased.
//!
//! writes: `LEDGER#` DELETING. conditions: it is in the state that was read; an orphan is not LIVE (RF-20).

use account::WallTime;

use crate::attribute::{n, s};
use crate::entity::job::{ORPHAN, Shred};
use crate::entity::ledger::{self, Ledger, LedgerState};
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// What is to be done about a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shredding {
    /// Erase it. The record's ARN counts, not the job's (RF-24); where it has none, the secret is looked for by name.
    Erase(Ledger),
    /// It was proven gone before (RF-28).
    Gone,
    /// It became LIVE after all: no orphan, nothing to erase.
    Spared,
    /// No secret was ever recorded under this name: the job is wrong and nothing may be concluded from it (RF-24).
    NoRecord,
}

const TRIES_MAX: usize = 4;
const BEGIN: &str = "SET #state = :deleting, #ledger_key = :deleting, #updated_at = :now, #ledger_ms = :now";
const BEGIN_WITH_ARN: &str =
    "SET #state = :deleting, #ledger_key = :deleting, #updated_at = :now, #ledger_ms = :now, #secret_arn = :arn";

impl Store {
    /// Begins, or finds what was begun. Safe to repeat.
    pub async fn begin_shred(&self, shred: &Shred, now: WallTime) -> Result<Shredding, StoreError> {
        let from_arn = ledger::name_of_arn(&shred.secret_arn);
        let name = from_arn.unwrap_or(&shred.secret_arn);
        for _ in 0..TRIES_MAX {
            let Some(found) = self.find_ledger(name).await? else { return Ok(Shredding::NoRecord) };
            match found.state {
                LedgerState::Deleted => return Ok(Shredding::Gone),
                LedgerState::Deleting if found.secret_arn.is_some() || from_arn.is_none() => {
                    return Ok(Shredding::Erase(found));
                }
                LedgerState::Live if shred.reason == ORPHAN => return Ok(Shredding::Spared),
                LedgerState::Creating | LedgerState::Live | LedgerState::Deleting => {}
            }
            let learnt = if found.secret_arn.is_none() { from_arn.map(|_| shred.secret_arn.as_str()) } else { None };
            self.mark_deleting(&found, learnt, now).await?;
        }
        Err(StoreError::Unavailable { what: "begin_shred: the record kept changing".into() })
    }

    /// Notes the ARN of a secret that was found by its name.
    pub async fn learn_arn(&self, ledger: &Ledger, secret_arn: &str, now: WallTime) -> Result<(), StoreError> {
        self.mark_deleting(ledger, Some(secret_arn), now).await
    }

    /// Changed meanwhile: the next read tells how.
    async fn mark_deleting(&self, found: &Ledger, learnt: Option<&str>, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(
            Table::Vault,
            ledger::key(&found.name),
            if learnt.is_some() { BEGIN_WITH_ARN } else { BEGIN },
        )
        .when("#state = :seen")
        .value(":seen", s(found.state.as_str()))
        .value(":deleting", s(LedgerState::Deleting.as_str()))
        .value(":now", n(now.ms()));
        let write = match learnt {
            Some(arn) => write.value(":arn", s(arn)),
            None => write,
        };
        self.write_one(write).await.map(|_| ())
    }
}
