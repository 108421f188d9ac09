//! Turns the kill switch on, and off again (ST-5).
//!
//! writes: `KILL`, mail job. conditions: it is in the other position: of many at once one switches and mails.

use account::id::JobId;
use account::{UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{n, truth};
use crate::entity::job::{Mail, put_mail};
use crate::entity::kill_switch;
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// A busy account must not keep its own switch from moving.
const TRIES_MAX: usize = 10;
const SWITCH: &str = "SET #on = :on, #changed_at = :now";
const IS_OFF: &str = "attribute_not_exists(#on) OR #on = :off";
const IS_ON: &str = "#on = :was";

impl Store {
    /// From the commit on no entry is authorised. `false`: it was on already.
    pub async fn stop_trading(
        &self,
        user: UserId,
        notice: (JobId, &Mail),
        id: Ulid,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let write = Write::update(Table::Trading, kill_switch::key(user), SWITCH)
            .when(IS_OFF)
            .value(":on", truth(true))
            .value(":off", truth(false))
            .value(":now", n(now.ms()));
        self.switch(user, write, notice, id, now).await
    }
    /// Lets entries through again. The proof shows that all factors were just shown for it. `false`: it was off already.
    pub async fn release_trading(
        &self,
        proof: StepUpProof,
        notice: (JobId, &Mail),
        id: Ulid,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let user = proof.user();
        let write = Write::update(Table::Trading, kill_switch::key(user), SWITCH)
            .when(IS_ON)
            .value(":on", truth(false))
            .value(":was", truth(true))
            .value(":now", n(now.ms()));
        self.switch(user, write, notice, id, now).await
    }
    async fn switch(
        &self,
        user: UserId,
        write: Write,
        (job, mail): (JobId, &Mail),
        id: Ulid,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let writes = [write, put_mail(job, Some(user), mail, now)?];
        for _ in 0..TRIES_MAX {
            match self.transact_surely(&id.to_string(), &writes).await {
                Ok(()) => return Ok(true),
                Err(TransactFailed::Cancelled(cancelled)) if cancelled.first_failed_condition().is_some() => {
                    return Ok(false);
                }
                // Orders are checking the switch at this very moment.
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable { what: "the kill switch: contention".into() })
    }
}
