//! Begins a change of address: the new one is asked to confirm, the old one is told and may stop it. Nothing else changes
//! before the confirmation (EV-5).
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` (check) | credential version and session generation as read |
//! | `EMAIL_CHANGES#` names this one the newest | no confirmed change can still be taken back |
//! | `EMAIL_CHANGE#` | there is none of this token |
//! | the owner's budget of changes of address | as read |
//! | outbox: to the new and to the old address; audit row | there is none of these ids |
//!
//! The same writes whether the new address is taken or not: then its mail says nothing, and the token was mailed to nobody.

use std::net::IpAddr;

use account::WallTime;
use account::budget::AllowanceUsed;
use account::email::EmailAddress;
use account::id::JobId;
use account::token::TokenHash;
use ulid::Ulid;

use crate::entity::budget::{Kind, Stored, Whose, budget_write};
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::User;
use crate::entity::{audit, email_change};
use crate::transaction::spend_step_up::StepUpProof;
use crate::transaction::start_session::same_user;
use crate::write::TransactFailed;
use crate::{Store, StoreError};

/// What is begun.
#[derive(Debug)]
pub struct StartingEmailChange<'a> {
    /// As the session check read it.
    pub user: &'a User,
    pub old: &'a EmailAddress,
    pub new: &'a EmailAddress,
    /// The stored form of the token that confirms.
    pub confirm: &'a TokenHash,
    /// The stored form of the token that stops it.
    pub revoke: &'a TokenHash,
    /// To the new address and to the old one.
    pub mails: [(JobId, &'a Mail); 2],
    /// The owner's budget of changes of address, charged.
    pub budget: &'a Stored<AllowanceUsed>,
    /// Names the transaction and its audit row.
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum EmailChangeStartRefused {
    /// The session ended or the credentials changed since the request was admitted.
    #[error("the account changed meanwhile")]
    ChangedMeanwhile,
    /// A confirmed change can still be taken back.
    #[error("a change can still be taken back")]
    UnderWay,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Copy)]
enum Item {
    User,
    Pointer,
}

impl Store {
    /// Begins it.
    pub async fn start_email_change(
        &self,
        what: &StartingEmailChange<'_>,
        proof: StepUpProof,
    ) -> Result<(), EmailChangeStartRefused> {
        let (user, now) = (proof.user(), what.now);
        let hashes = (what.confirm, what.revoke);
        let mut writes = vec![same_user(what.user)];
        writes.extend(email_change::puts(user, what.user.cred_version, (what.old, what.new), hashes, now));
        let budget = what.budget;
        writes.push(budget_write(&Whose::User(user), Kind::AddressChange, &budget.state, budget.version, now)?);
        for (job, mail) in what.mails {
            writes.push(put_mail(job, Some(user), mail, now)?);
        }
        writes.push(audit::put(user, what.id, "email_change_started", None, what.source, now));
        match self.transact_surely(&what.id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(EmailChangeStartRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::Pointer as usize) => {
                Err(EmailChangeStartRefused::UnderWay)
            }
            Err(TransactFailed::Cancelled(_)) => Err(EmailChangeStartRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}
