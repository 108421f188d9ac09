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

    /// Whether it opens only when the mailbox's owner confirms.
    pub const fn is_closed(self) -> bool {
        self.failures >= Self::FAILURES_MAX
    }
    /// Charges one attempt, to be taken back by `succeeded` or `refunded`.
    pub fn admit(self, now: WallTime) -> Result<Self, LoginRefused> {
        if self.is_closed() {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: WallTime = WallTime::from_ms(1_800_057_600_000);
    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn rl_2_the_delay_grows_as_the_table_says() {
        let mut now = NOON;
        let mut budget = LoginBudget::FRESH;
        for failure in 1..=99 {
            budget = budget.admit(now).unwrap();
            let seconds = match failure {
                1 | 2 => 1,
                3..=8 => 3,
                9..=24 => 5,
                _ => 10,
            };
            assert_eq!(budget.blocked_until, now.plus_seconds(seconds), "failure {failure}");
            let just_before = budget.blocked_until.plus_ms(-1);
            assert_eq!(budget.admit(just_before), Err(Wait { until: budget.blocked_until }.into()));
            now = budget.blocked_until;
        }
        budget = budget.admit(now).unwrap();
        let day_ends = WallTime::from_ms((now.ms() / DAY_MS + 1) * DAY_MS);
        assert_eq!((budget.failures, budget.blocked_until), (100, day_ends));
    }

    #[test]
    fn rl_2_after_a_hundred_failures_only_the_mailbox_opens() {
        let closed = LoginBudget { failures: 100, blocked_until: NOON };
        for now in [NOON, NOON.plus_seconds(86_400), WallTime::FAR_FUTURE] {
            assert_eq!(closed.admit(now), Err(LoginRefused::MailboxConfirmation));
        }
        assert!(closed.confirmed_by_mail().admit(NOON).is_ok());
        assert!(LoginBudget { failures: 99, blocked_until: NOON }.admit(NOON).is_ok());
    }

    #[test]
    fn rl_3_of_500_parallel_guesses_one_is_evaluated() {
        let mut stored = LoginBudget::FRESH;
        // All have read the same state; the conditional write lets those through whose state is still the stored one.
        let read = stored;
        let mut evaluated = 0;
        for _ in 0..500 {
            if let Ok(charged) = read.admit(NOON)
                && read == stored
            {
                stored = charged;
                evaluated += 1;
            }
        }
        assert_eq!(evaluated, 1);
        // And those that read again afterwards wait.
        assert!((0..500).all(|_| stored.admit(NOON).is_err()));
    }

    #[test]
    fn success_clears_everything() {
        let tired = LoginBudget { failures: 50, blocked_until: NOON };
        assert_eq!(tired.succeeded(), LoginBudget::FRESH);
        assert!(tired.succeeded().admit(NOON.plus_ms(-1)).is_ok());
    }

    #[test]
    fn rf_31_our_own_fault_counts_no_failure_and_gives_no_extra_try() {
        let charged = LoginBudget { failures: 30, blocked_until: NOON }.admit(NOON).unwrap();
        assert_eq!(charged.refunded(NOON), LoginBudget { failures: 30, blocked_until: NOON.plus_seconds(10) });
        let first = LoginBudget::FRESH.admit(NOON).unwrap().refunded(NOON);
        assert_eq!(first, LoginBudget { failures: 0, blocked_until: NOON });
        // Nor does a late refund make anyone wait longer.
        let late = charged.refunded(NOON.plus_seconds(9));
        assert_eq!(late.blocked_until, NOON.plus_seconds(10));
        // The hundredth does not leave the day's wait behind.
        let hundredth = LoginBudget { failures: 99, blocked_until: NOON }.admit(NOON).unwrap();
        assert_eq!(hundredth.refunded(NOON), LoginBudget { failures: 99, blocked_until: NOON.plus_seconds(10) });
    }

    proptest! {
        /// Interleaved guessing sessions at any pace never get more than the ladder allows, and never more than a hundred.
        #[test]
        fn rl_2_no_pace_beats_the_ladder(gaps in proptest::collection::vec(0_i64..20_000, 1..400)) {
            let (mut budget, mut now) = (LoginBudget::FRESH, NOON);
            let mut admitted: Vec<WallTime> = Vec::new();
            for gap in gaps {
                now = now.plus_ms(gap);
                if let Ok(charged) = budget.admit(now) {
                    budget = charged;
                    admitted.push(now);
                }
            }
            prop_assert!(admitted.len() <= 100);
            for (index, pair) in admitted.windows(2).enumerate() {
                let least = match index + 1 { 0..3 => 1000, 3..9 => 3000, 9..25 => 5000, _ => 10_000 };
                prop_assert!(pair[1].ms_since(pair[0]) >= least);
            }
        }
    }
}
