//! The budget of second factors inside the reset flow. Never restored by anything that the mailbox can do.

use serde::{Deserialize, Serialize};

use super::Wait;
use crate::wall_time::WallTime;

/// TP-10a: second-factor failures in the reset flow of one account. Separate from the login's budget, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResetFactorBudget {
    /// When the attempts of the last 30 days were charged, oldest first; never more than ten.
    pub charged_at: Vec<WallTime>,
}

impl ResetFactorBudget {
    /// TP-10a.
    pub const FAILURES_MAX: usize = 10;
    /// TP-10a: 30 days.
    pub const WINDOW_SECONDS: i64 = 30 * 86_400;
    /// Nothing failed yet.
    pub const FRESH: ResetFactorBudget = ResetFactorBudget { charged_at: Vec::new() };

    /// Charges one attempt. When it waits, only a passkey, a recovery code or destructive recovery is left.
    pub fn admit(&self, now: WallTime) -> Result<Self, Wait> {
        let since = now.plus_seconds(-Self::WINDOW_SECONDS);
        let mut charged_at: Vec<WallTime> = self.charged_at.iter().copied().filter(|at| *at > since).collect();
        match charged_at.len().checked_sub(Self::FAILURES_MAX).and_then(|over| charged_at.get(over)) {
            Some(at) => Err(Wait { until: at.plus_seconds(Self::WINDOW_SECONDS) }),
            None => {
                charged_at.push(now);
                Ok(Self { charged_at })
            }
        }
    }
    /// The attempt was right, or our own fault kept it from being evaluated: takes back this one charge and no other, since
    /// nothing that the mailbox can do restores the budget.
    #[must_use]
    pub fn refunded(&self) -> Self {
        let mut charged_at = self.charged_at.clone();
        charged_at.pop();
        Self { charged_at }
    }
    /// The same as `refunded`: a right factor in the reset flow is no failure, and restores nothing.
    #[must_use]
    pub fn succeeded(&self) -> Self {
        self.refunded()
    }
    /// After a login with all factors: the only thing that restores it.
    #[must_use]
    pub fn restored_by_full_login(&self) -> Self {
        Self::FRESH
    }
}
