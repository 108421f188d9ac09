//! Ends a HELD with a second factor that the thief cannot have added (reset-fence B.4).
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` ACTIVE, `disowned_at` gone | HELD since the moment that was read; credential version and session generation as read |
//! | outbox notice, audit row | there is none of these ids |
//!
//! Adding and removing a factor raise the credential version, so the factors are those that were looked at.

use std::net::IpAddr;

use account::WallTime;
use account::id::JobId;
use account::trading_state::TradingState;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::audit;
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::{self, User, trading_state_parts};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What is released.
#[derive(Debug)]
pub struct Releasing<'a> {
    /// As the session check read it.
    pub user: &'a User,
    /// When each second factor of the account was enrolled. All of them count: the step-up may have been shown any.
    pub factors_enrolled_at: &'a [WallTime],
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction and its audit row.
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

/// Why it is as it was; in order of precedence.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseRefused {
    /// It is not held.
    #[error("the account is not held")]
    NotHeld,
    /// No second factor is on, or one came after the reset that was disowned or after the hold.
    #[error("no second factor is old enough")]
    FactorTooYoung,
    /// The session ended or the account changed since the request was admitted.
    #[error("the account changed meanwhile")]
    ChangedMeanwhile,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const RELEASE: &str = "SET #trading_state = :state, #cooling_until = :cooling, #held_at = :none REMOVE #disowned_at";
const HELD_AS_READ: &str = "#trading_state = :was AND #held_at = :held_at AND #cred_version = :cred_version \
    AND #session_gen = :session_gen";

impl Store {
    /// Releases it.
    pub async fn release_account(&self, what: &Releasing<'_>, proof: StepUpProof) -> Result<(), ReleaseRefused> {
        let user = what.user;
        if !matches!(user.trading_state, TradingState::Held { .. }) {
            return Err(ReleaseRefused::NotHeld);
        }
        if !all_older(user, what.factors_enrolled_at) {
            return Err(ReleaseRefused::FactorTooYoung);
        }
        let (was, _, held_at) = trading_state_parts(user.trading_state);
        let (state, cooling, none) = trading_state_parts(user.trading_state.released());
        let writes = [
            Write::update(Table::Identity, user::key(proof.user()), RELEASE)
                .when(HELD_AS_READ)
                .value(":state", s(state))
                .value(":cooling", n(cooling))
                .value(":none", n(none))
                .value(":was", s(was))
                .value(":held_at", n(held_at))
                .value(":cred_version", n(user.cred_version.value()))
                .value(":session_gen", n(user.session_gen.value())),
            put_mail(what.job, Some(user.id), what.mail, what.now)?,
            audit::put(user.id, what.id, "account_released", Some("second_factor"), what.source, what.now),
        ];
        match self.transact_surely(&what.id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(0) => Err(ReleaseRefused::ChangedMeanwhile),
            Err(TransactFailed::Cancelled(_)) => Err(ReleaseRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}

/// A thief who had reset the password could add a factor before the owner said "this was not me": so the reset counts, where
/// it is the earlier of the two.
fn all_older(user: &User, factors: &[WallTime]) -> bool {
    let before_the_reset = |at: WallTime| user.disowned_at.is_none_or(|reset| at < reset);
    !factors.is_empty()
        && factors.iter().all(|at| user.trading_state.may_be_released_by_factor(*at) && before_the_reset(*at))
}

#[cfg(test)]
mod tests {
    use account::UserId;
    use account::trading_state::HeldReason;

    use super::*;

    #[test]
    fn rf_35_only_factors_from_before_the_disowned_reset_release() {
        let at = WallTime::from_ms;
        let mut user = User::new(UserId::new(Ulid::from_parts(1, 2)));
        user.trading_state = TradingState::Held { reason: HeldReason::ResetDisowned, since: at(100) };
        user.disowned_at = Some(at(50));
        for (factors, expected) in [
            (vec![], false),
            (vec![at(49)], true),
            (vec![at(50)], false),
            (vec![at(99)], false),
            (vec![at(49), at(50)], false),
            (vec![at(1), at(2)], true),
        ] {
            assert_eq!(all_older(&user, &factors), expected, "{factors:?}");
        }
        user.disowned_at = None;
        assert!(all_older(&user, &[at(99)]) && !all_older(&user, &[at(100)]));
    }
}
