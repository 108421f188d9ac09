//! Changes what an owner allows an exchange key (ST-2, ST-3).
//!
//! | write | condition |
//! | --- | --- |
//! | `CONN#`: limits, what waits, `limits_version` + 1 | LIVE, at the epoch and the version of the limits that were read |
//! | outbox: mail; of a loosening and of its cancelling | there is none of this id |
//!
//! A reset revokes the connection and with it what waits: a connection that is not LIVE never becomes so again (G5).

use account::WallTime;
use account::id::JobId;
use account::limits::Limits;
use strategy::market::Pair;
use ulid::Ulid;

use crate::attribute::{json, n, s};
use crate::entity::connection::{self, Connection, WaitingLimits};
use crate::entity::job::{Mail, put_mail};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// Why the limits were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeLimitsRefused {
    /// The connection was detached, cut off, or its limits were changed in between: the caller looks again.
    #[error("the connection or its limits changed in the meantime")]
    ChangedMeanwhile,
    /// What was to be tightened would allow more than before.
    #[error("this is a loosening")]
    WouldLoosen,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const NEVER_CHANGED: &str = "#status = :live AND #epoch = :epoch AND attribute_not_exists(#limits_version)";
const AS_READ: &str = "#status = :live AND #epoch = :epoch AND #limits_version = :version";
const NOTHING_WAITS: &str = "SET #allowed_pairs = :pairs, #loosening_wait_h = :wait, #limits_version = :next \
    REMOVE #pending_pairs, #pending_wait_h, #pending_at";
const SOME_WAIT: &str = "SET #allowed_pairs = :pairs, #loosening_wait_h = :wait, #limits_version = :next, \
    #pending_pairs = :pending_pairs, #pending_wait_h = :pending_wait, #pending_at = :pending_at";

impl Store {
    /// Tightens the limits at once; what waits loses what they lost. Needs no proof, and never allows more than before.
    pub async fn tighten_limits(
        &self,
        read: &Connection,
        limits: &Limits,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), ChangeLimitsRefused> {
        let held = read.limits_at(now);
        if held.change_to(limits) > account::limits::Change::Tightening {
            return Err(ChangeLimitsRefused::WouldLoosen);
        }
        let waiting = match read.waiting_at(now) {
            None => None,
            Some(waiting) => {
                let left = held.tighten_waiting(limits, &waiting.limits());
                // What is left of it may allow nothing more than what holds now.
                let adds = limits.change_to(&left) == account::limits::Change::Loosening;
                adds.then(|| waiting_of(&left, waiting.at)).transpose()?
            }
        };
        self.write_limits(read, limits, waiting.as_ref(), None, id, now).await
    }
    /// Lets looser limits wait; they replace others that wait. The proof shows that all factors were just shown for it.
    pub async fn loosen_limits(
        &self,
        read: &Connection,
        limits: &Limits,
        at: WallTime,
        notice: (JobId, &Mail),
        (id, now): (Ulid, WallTime),
        proof: StepUpProof,
    ) -> Result<(), ChangeLimitsRefused> {
        if proof.user() != read.user || proof.epoch() != read.epoch {
            return Err(ChangeLimitsRefused::ChangedMeanwhile);
        }
        let waiting = waiting_of(limits, at)?;
        self.write_limits(read, &read.limits_at(now), Some(&waiting), Some(notice), id, now).await
    }
    /// Takes back what waits; `false` when nothing does any more.
    pub async fn cancel_loosening(
        &self,
        read: &Connection,
        notice: (JobId, &Mail),
        id: Ulid,
        now: WallTime,
    ) -> Result<bool, ChangeLimitsRefused> {
        if read.waiting_at(now).is_none() {
            return Ok(false);
        }
        self.write_limits(read, &read.limits_at(now), None, Some(notice), id, now).await.map(|()| true)
    }

    async fn write_limits(
        &self,
        read: &Connection,
        limits: &Limits,
        waiting: Option<&WaitingLimits>,
        notice: Option<(JobId, &Mail)>,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), ChangeLimitsRefused> {
        let key = connection::key(read.user, read.id);
        let update = match waiting {
            None => Write::update(Table::Vault, key, NOTHING_WAITS),
            Some(waiting) => Write::update(Table::Vault, key, SOME_WAIT)
                .value(":pending_pairs", json(&waiting.allowed_pairs)?)
                .value(":pending_wait", n(waiting.loosening_wait_h))
                .value(":pending_at", n(waiting.at.ms())),
        };
        let update = match read.limits_version {
            0 => update.when(NEVER_CHANGED),
            version => update.when(AS_READ).value(":version", n(version)),
        };
        let mut writes = vec![
            update
                .value(":live", s("LIVE"))
                .value(":epoch", n(read.epoch.value()))
                .value(":next", n(read.limits_version.saturating_add(1)))
                .value(":pairs", json(&pairs(limits)?)?)
                .value(":wait", n(limits.loosening_wait_h)),
        ];
        if let Some((job, mail)) = notice {
            writes.push(put_mail(job, Some(read.user), mail, now)?);
        }
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(_)) => Err(ChangeLimitsRefused::ChangedMeanwhile),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}

fn waiting_of(limits: &Limits, at: WallTime) -> Result<WaitingLimits, StoreError> {
    Ok(WaitingLimits { allowed_pairs: pairs(limits)?, loosening_wait_h: limits.loosening_wait_h, at })
}
fn pairs(limits: &Limits) -> Result<Vec<Pair>, StoreError> {
    let parsed = limits.allowed_pairs.iter().map(|pair| pair.parse());
    parsed.collect::<Result<_, _>>().map_err(|_| StoreError::Corrupt { what: "a pair of limits".into() })
}
