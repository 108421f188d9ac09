//! Deletes an account: from this commit on nobody signs in to it and nothing is traded with it; what is stored of it is
//! erased by a job of the same commit.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` ERASURE: names the deletion | there is none: of many at once one counts |
//! | `CRED#`, `EMAIL#` of the address and `USER#` ADDRESS deleted | the credentials are there, the address is this user's |
//! | outbox: notice, erase job | there is none of these ids |
//! | `USER#` STATE, connections, shred jobs, audit row | see [`fencing`](crate::transaction::fencing) |
//!
//! The address is free at once: what is still being erased hangs on the user's id, which nobody gets again.

use std::net::IpAddr;

use account::UserId;
use account::email::EmailAddress;
use account::id::JobId;
use account::security_event::SecurityEvent;
use host::Host;

use crate::attribute::{Row, n, s};
use crate::entity::job::{self, Erase, Mail, Notice};
use crate::entity::user::User;
use crate::entity::{address, credential};
use crate::transaction::fencing::{Attempt, FenceRefused, Fenced, Fencing, Marker, Own};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// `revoked_by` of a connection that went with its account, and the reason of its shred job.
pub const BY_DELETION: &str = "account_deleted";

/// What is deleted.
#[derive(Debug)]
pub struct Deleting<'a> {
    /// As the session check read it.
    pub user: &'a User,
    pub email: &'a EmailAddress,
    /// Open orders as far as known, for the notice; those in flight among them.
    pub orders_left_open: &'a [String],
    /// For the audit row: the kind of factor that was shown.
    pub factor: Option<&'a str>,
    pub source: Option<IpAddr>,
}

/// Why it is still there (but for `OutcomeUnknown`).
#[derive(Debug, thiserror::Error)]
pub enum DeleteRefused {
    /// It was deleted already.
    #[error("the account is deleted")]
    Deleted,
    /// The credentials changed since the request was admitted.
    #[error("the account changed meanwhile")]
    ChangedMeanwhile,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a deletion leaves its name (RF-12); erased with the rest, last of all.
pub fn erasure_key(user: UserId) -> Key {
    Key::new(format!("USER#{user}"), "ERASURE")
}

/// The writes by their place.
const ERASURE: usize = 0;

impl Store {
    /// Deletes it.
    pub async fn delete_account(
        &self,
        what: &Deleting<'_>,
        proof: StepUpProof,
        host: &Host,
    ) -> Result<Fenced, DeleteRefused> {
        let marker = Marker { key: erasure_key(proof.user()), attribute: "done_by" };
        let fencing = Fencing {
            event: SecurityEvent::AccountDeleted,
            beside: None,
            user: proof.user(),
            cred_version: what.user.cred_version,
            marker: &marker,
            revoked_by: BY_DELETION,
            factor: what.factor,
            source: what.source,
        };
        match self.fence(&fencing, host, |trying| own(what, trying)).await {
            Ok(fenced) => Ok(fenced),
            Err(FenceRefused::Own(ERASURE)) => Err(DeleteRefused::Deleted),
            Err(FenceRefused::Own(_) | FenceRefused::Changed) => Err(DeleteRefused::ChangedMeanwhile),
            Err(FenceRefused::Busy) => Err(DeleteRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(DeleteRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
    /// Whether an account was deleted and is not erased yet, read consistently.
    pub async fn is_being_erased(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.read(Table::Identity, &erasure_key(user)).await?.is_some())
    }
}

fn own(what: &Deleting<'_>, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, done_by, now, host, .. } = trying;
    let erasure = erasure_key(user.id);
    let row = Row::keyed(&erasure).with("done_by", s(done_by)).with("at", n(now.ms()));
    let orders_left_open = what.orders_left_open.to_vec();
    let mail =
        Mail { to: what.email.to_string(), notice: Notice::AccountDeleted { at: now.to_string(), orders_left_open } };
    let erase = Erase { user: user.id, to: what.email.to_string() };
    Ok(Own {
        writes: vec![
            Write::put(Table::Identity, erasure, row).when("attribute_not_exists(pk)"),
            Write::delete(Table::Identity, credential::key(user.id))
                .when("#email = :email")
                .value(":email", s(what.email)),
            Write::delete(Table::Identity, credential::email_key(what.email))
                .when("#user = :user")
                .value(":user", s(user.id)),
            Write::delete(Table::Identity, address::key(user.id)),
            job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?,
            job::put_erase(JobId::new(host.entropy.ulid(now)), &erase, now)?,
        ],
        ..Own::default()
    })
}
