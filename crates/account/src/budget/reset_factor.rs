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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: WallTime = WallTime::from_ms(1_800_057_600_000);
    const DAY: i64 = 86_400;

    #[test]
    fn tp_10a_ten_failures_in_thirty_days_and_then_none() {
        let budget = after_failures(10);
        let until = T0.plus_seconds(30 * DAY);
        assert_eq!(budget.admit(until.plus_ms(-1)), Err(Wait { until }));
        let again = budget.admit(until).unwrap();
        assert_eq!(again.charged_at.len(), 10, "the eleventh takes the place of the first, which is 30 days old");
        assert!(after_failures(9).admit(T0.plus_seconds(9)).is_ok());
    }

    #[test]
    fn tp_10a_only_a_login_with_all_factors_restores_it() {
        let charged = after_failures(9).admit(T0.plus_seconds(9)).unwrap();
        assert_eq!(
            charged.succeeded(),
            after_failures(9),
            "a right factor in the reset is no failure and restores nothing"
        );
        assert_eq!(charged.refunded(), after_failures(9));
        assert_eq!(charged.restored_by_full_login(), ResetFactorBudget::FRESH);
        assert_eq!(ResetFactorBudget::FRESH.succeeded(), ResetFactorBudget::FRESH);
    }

    #[test]
    fn the_stored_form_is_a_list_of_times() {
        let json = serde_json::to_string(&after_failures(2)).unwrap();
        assert_eq!(json, "[1800057600000,1800057601000]");
        assert_eq!(serde_json::from_str::<ResetFactorBudget>(&json).unwrap(), after_failures(2));
    }

    proptest! {
        #[test]
        fn tp_10a_no_thirty_days_hold_more_than_ten(gaps in proptest::collection::vec(0_i64..(6 * DAY), 1..80)) {
            let (mut budget, mut now) = (ResetFactorBudget::FRESH, T0);
            let mut evaluated: Vec<WallTime> = Vec::new();
            for gap in gaps {
                now = now.plus_seconds(gap);
                if let Ok(charged) = budget.admit(now) {
                    budget = charged;
                    evaluated.push(now);
                }
                prop_assert!(budget.charged_at.len() <= 10);
            }
            for window in evaluated.windows(11) {
                prop_assert!(window[10].ms_since(window[0]) >= 30 * DAY * 1000);
            }
        }
    }

    fn after_failures(count: i64) -> ResetFactorBudget {
        (0..count).fold(ResetFactorBudget::FRESH, |budget, second| budget.admit(T0.plus_seconds(second)).unwrap())
    }
}
