//! The budget of passwords: strangers can slow a bucket down and close it, never lock the owner out (RL-1).

use serde::{Deserialize, Serialize};

use super::{Wait, blocked_until, refunded};
use crate::wall_time::WallTime;

/// RL-2: password attempts of one bucket. Strangers share one per account; a known device or passkey has its own (RL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginBudget {
    /// Consecutive attempts that have not (yet) succeeded.
    pub failures: u32,
    /// No attempt before this moment.
    pub blocked_until: WallTime,
}

/// Why a password is not even looked at. To the caller outside all of it is a wrong password (RL-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefused {
    /// The delay of the last failure runs.
    #[error(transparent)]
    Wait(#[from] Wait),
    /// 100 consecutive failures: this bucket opens only when the mailbox's owner confirms.
    #[error("closed until confirmed by mail")]
    MailboxConfirmation,
}

impl LoginBudget {
    /// RL-2: the hard cap of consecutive failures (NIST SP 800-63B).
    pub const FAILURES_MAX: u32 = 100;
    /// Nothing failed yet.
    pub const FRESH: LoginBudget = LoginBudget { failures: 0, blocked_until: WallTime::from_ms(0) };

    /// Charges one attempt, to be taken back by `succeeded` or `refunded`.
    pub fn admit(self, now: WallTime) -> Result<Self, LoginRefused> {
        if self.failures >= Self::FAILURES_MAX {
            return Err(LoginRefused::MailboxConfirmation);
        }
        if now < self.blocked_until {
            return Err(Wait { until: self.blocked_until }.into());
        }
        let failures = self.failures.saturating_add(1);
        Ok(Self { failures, blocked_until: blocked_until(failures, now) })
    }
    /// After **all** factors were right, never after the password alone.
    #[must_use]
    pub const fn succeeded(self) -> Self {
        Self::FRESH
    }
    /// After an attempt that our own fault kept from being evaluated (RF-31: no failure is counted).
    #[must_use]
    pub fn refunded(self, now: WallTime) -> Self {
        let (failures, blocked_until) = refunded(self.failures, self.blocked_until, now);
        Self { failures, blocked_until }
    }
    /// The mailbox's owner has confirmed.
    #[must_use]
    pub const fn confirmed_by_mail(self) -> Self {
        Self::FRESH
    }
}
