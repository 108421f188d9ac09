//! Marks a job as done, and lets one worker at a time send a mail.
//!
//! `finish_job` writes `JOB#` done; condition: open. `claim_mail` writes the `LEASE` beside the job; condition: none is held.
//! The lease is an item of its own without a `kind`: writing it must not come back through the stream as one more job.

use account::WallTime;
use account::id::JobId;

use crate::attribute::n;
use crate::entity::job;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// How long a worker may take for one mail, in seconds: longer than its time limit of 30 s.
pub const LEASE_S: i64 = 60;

fn lease_key(job: JobId) -> Key {
    Key::new(format!("JOB#{job}"), "LEASE")
}

impl Store {
    /// Done. `false` when it was done before (RF-28).
    pub async fn finish_job(&self, job: JobId, now: WallTime) -> Result<bool, StoreError> {
        Ok(self.write_one(job::done(job, now)).await?.is_ok())
    }
    /// Takes the right to send a mail for [`LEASE_S`]; `false` while another worker has it.
    pub async fn claim_mail(&self, job: JobId, now: WallTime) -> Result<bool, StoreError> {
        let until = now.plus_seconds(LEASE_S);
        let write = Write::update(Table::Outbox, lease_key(job), "SET #until = :until, #ttl = :ttl")
            .when("attribute_not_exists(#until) OR #until <= :now")
            .value(":until", n(until.ms()))
            .value(":ttl", n(until.plus_seconds(86_400).seconds()))
            .value(":now", n(now.ms()));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Gives the right back: the mail was certainly not sent.
    pub async fn release_mail(&self, job: JobId) -> Result<(), StoreError> {
        let write = Write::update(Table::Outbox, lease_key(job), "SET #until = :zero")
            .when("attribute_exists(#until)")
            .value(":zero", n(0));
        self.write_one(write).await.map(|_| ())
    }
}
