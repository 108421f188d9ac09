//! Starts the enrolment of a second factor, and counts the codes tried on it.
//!
//! `enrol_totp` writes: `CRED#` pending seed; audit row. conditions: no authenticator is on (a passkey may be); credential version and generation as
//! read. The pending seed opens nothing until `confirm_totp` (TP-2).
//! `count_enrolment_try` writes: `CRED#` pending_tries. conditions: this very seed, tries as read (TP-9, RL-3).

use account::UserId;
use account::WallTime;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::audit;
use crate::entity::credential::{self, PendingTotp};
use crate::entity::user::User;
use crate::transaction::spend_step_up::StepUpProof;
use crate::transaction::start_session::same_user;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// TP-2: an enrolment that is not confirmed within so many seconds is over (10 min).
pub const PENDING_S: i64 = 600;
/// TP-9: codes tried on one enrolment; then it is dead.
pub const TRIES_MAX: u32 = 5;

/// Why nothing was changed about the second factor; in order of precedence.
#[derive(Debug, thiserror::Error)]
pub enum FactorChangeRefused {
    /// Password, factors or sessions changed since the request was admitted.
    #[error("the account changed meanwhile")]
    ChangedMeanwhile,
    /// A factor is on already.
    #[error("there is a second factor")]
    FactorExists,
    /// No factor is on.
    #[error("there is no second factor")]
    NoFactor,
    /// LG-5: a LIVE key of a real exchange needs it.
    #[error("a real key needs the second factor")]
    FactorInUse,
    /// PK-3: no more passkeys fit.
    #[error("too many passkeys")]
    TooMany,
    /// The authenticator's key is registered already.
    #[error("this passkey is registered")]
    Registered,
    /// The code or the enrolment is not good any more.
    #[error("the enrolment is over or the code was used")]
    EnrolmentOver,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const PEND: &str = "SET #pending_seed = :seed, #pending_until = :until, #pending_tries = :none";
const NO_TOTP: &str = "attribute_exists(pk) AND attribute_not_exists(#totp_seed)";
const COUNT: &str = "SET #pending_tries = :next";
const AS_READ: &str = "#pending_seed = :seed AND #pending_tries = :tries";

#[derive(Clone, Copy)]
enum Item {
    User,
    Credential,
}

impl Store {
    /// Stores the pending seed; an earlier one that was not confirmed is gone.
    pub async fn enrol_totp(
        &self,
        user: &User,
        proof: StepUpProof,
        sealed_seed: &str,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), FactorChangeRefused> {
        let writes = [
            same_user(user),
            Write::update(Table::Identity, credential::key(proof.user()), PEND)
                .when(NO_TOTP)
                .value(":seed", s(sealed_seed))
                .value(":until", n(now.plus_seconds(PENDING_S).ms()))
                .value(":none", n(0)),
            audit::put(user.id, id, "second_factor_enrolment_started", None, None, now),
        ];
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(FactorChangeRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::Credential as usize) => {
                Err(FactorChangeRefused::FactorExists)
            }
            Err(TransactFailed::Cancelled(_)) => Err(FactorChangeRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }

    /// Counts a try before it is evaluated; `false` when another was counted first: then this one is not evaluated.
    pub async fn count_enrolment_try(&self, user: UserId, pending: &PendingTotp) -> Result<bool, StoreError> {
        let write = Write::update(Table::Identity, credential::key(user), COUNT)
            .when(AS_READ)
            .value(":seed", s(&pending.sealed_seed))
            .value(":tries", n(pending.tries))
            .value(":next", n(pending.tries.saturating_add(1)));
        Ok(self.write_one(write).await?.is_ok())
    }

    /// Sends a transaction; a lost answer is asked for again under the same name, which applies nothing twice.
    pub(crate) async fn transact_surely(&self, token: &str, writes: &[Write]) -> Result<(), TransactFailed> {
        let mut answer = self.transact(token, writes).await;
        for _ in 0..2 {
            if !matches!(answer, Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. }))) {
                break;
            }
            answer = self.transact(token, writes).await;
        }
        answer
    }
}
