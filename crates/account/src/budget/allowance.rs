//! Budgets without success or failure: so many at once, then one per period.

use serde::{Deserialize, Serialize};

use super::Wait;
use crate::wall_time::WallTime;

/// So many at once, then one per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    burst: i64,
    period_seconds: i64,
}

/// What an allowance stores: one moment (the generic cell rate algorithm), so that one condition guards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowanceUsed {
    /// When the whole burst will be there again.
    pub full_at: WallTime,
}

impl AllowanceUsed {
    /// Nothing used yet.
    pub const FRESH: AllowanceUsed = AllowanceUsed { full_at: WallTime::from_ms(0) };
}

/// PR-3: reset mails of one address. One per ten minutes is the link's life, so a live link is in the mailbox however many
/// ask. A request beyond it makes no token and voids none.
pub const RESET_MAILS: Allowance = Allowance { burst: 3, period_seconds: 600 };

impl Allowance {
    /// An allowance of `burst` at once (at least one) and then one per `period_seconds` (at least one second).
    pub const fn new(burst: u16, period_seconds: u32) -> Self {
        let burst = if burst == 0 { 1 } else { burst };
        let period_seconds = if period_seconds == 0 { 1 } else { period_seconds };
        Self { burst: burst as i64, period_seconds: period_seconds as i64 }
    }
    /// Takes one.
    pub fn admit(self, used: AllowanceUsed, now: WallTime) -> Result<AllowanceUsed, Wait> {
        let spare_seconds = self.burst.saturating_sub(1).saturating_mul(self.period_seconds);
        let from = used.full_at.plus_seconds(-spare_seconds);
        if now < from {
            return Err(Wait { until: from });
        }
        Ok(AllowanceUsed { full_at: used.full_at.max(now).plus_seconds(self.period_seconds) })
    }
}
