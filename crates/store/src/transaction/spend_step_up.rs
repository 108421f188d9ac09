//! Spends a step-up proof: a conditional delete, so that two requests never share one.
//!
//! writes: delete `PROOF#`. conditions: it exists, belongs to this user, epoch and credential version, names this method,
//! path and body, and is not older than five minutes, under no clock that was set back (ST-1, RF-18).

use account::token::TokenHash;
use account::{Epoch, UserId, WallTime};

use crate::attribute::{n, s};
use crate::entity::proof;
use crate::entity::session::SKEW_S;
use crate::entity::user::User;
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// Proof that all factors were shown for this very request. Made here alone; bound to user and epoch; spent by value.
///
/// ```compile_fail,E0451
/// fn forge(proof: store::transaction::spend_step_up::StepUpProof) -> store::transaction::spend_step_up::StepUpProof {
///     store::transaction::spend_step_up::StepUpProof { ..proof }
/// }
/// ```
/// ```
/// fn holder(proof: store::transaction::spend_step_up::StepUpProof) -> account::UserId { proof.user() }
/// ```
#[must_use]
#[derive(Debug)]
pub struct StepUpProof {
    user: UserId,
    epoch: Epoch,
}

impl StepUpProof {
    /// Who showed the factors.
    pub const fn user(&self) -> UserId {
        self.user
    }
    /// The trade epoch under which they were shown; what is attached carries it.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// What the proof must have been made for.
#[derive(Debug)]
pub struct Spending<'a> {
    pub hash: &'a TokenHash,
    pub user: &'a User,
    pub method: &'a str,
    pub path: &'a str,
    pub body_sha256: &'a str,
}

const CONDITION: &str = "attribute_exists(pk) AND #user = :user AND #epoch = :epoch AND #cred_version = :cred_version \
    AND #method = :method AND #path = :path AND #body_sha256 = :body AND #expires_at > :now \
    AND #expires_at <= :latest";

impl Store {
    /// Spends the proof; `None` when there is none for exactly this request.
    pub async fn spend_step_up(
        &self,
        spending: Spending<'_>,
        now: WallTime,
    ) -> Result<Option<StepUpProof>, StoreError> {
        let write = Write::delete(Table::Identity, proof::key(spending.hash))
            .when(CONDITION)
            .value(":user", s(spending.user.id))
            .value(":epoch", n(spending.user.trade_epoch.value()))
            .value(":cred_version", n(spending.user.cred_version.value()))
            .value(":method", s(spending.method))
            .value(":path", s(spending.path))
            .value(":body", s(spending.body_sha256))
            .value(":now", n(now.ms()))
            // Made further ahead than clocks differ: the clock was set back since, and the proof would outlive its minutes.
            .value(":latest", n(now.plus_seconds(proof::LIFE_S + SKEW_S).ms()));
        Ok(self
            .write_one(write)
            .await?
            .ok()
            .map(|()| StepUpProof { user: spending.user.id, epoch: spending.user.trade_epoch }))
    }
}
