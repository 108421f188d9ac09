//! The budget of second factors outside the reset flow. Nobody gets here without the password.

use serde::{Deserialize, Serialize};

use super::{Wait, blocked_until, refunded};
use crate::wall_time::WallTime;

/// TP-9, TP-10, RC-4: second-factor attempts of one account over all challenges, factors and paths but the reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorBudget {
    /// Consecutive attempts that have not (yet) succeeded. A new challenge does not reset it.
    pub failures: u32,
    /// No attempt before this moment.
    pub blocked_until: WallTime,
    /// When the mailbox last opened it; the oldest gives way. Forgotten only with a success of all factors.
    #[serde(default = "never_confirmed")]
    pub confirmed_at: [WallTime; FactorBudget::CONFIRMATIONS_MAX],
}

const fn never_confirmed() -> [WallTime; FactorBudget::CONFIRMATIONS_MAX] {
    [WallTime::from_ms(0); FactorBudget::CONFIRMATIONS_MAX]
}

/// TP-9: attempts within one challenge or step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChallengeAttempts(pub u32);

/// Why a second factor is not even looked at; in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactorRefused {
    /// 10 consecutive failures: password login is off until the mailbox's owner reacts (TP-10).
    #[error("closed until confirmed by mail")]
    MailboxConfirmation,
    /// This challenge had its 5 attempts and is dead.
    #[error("this challenge is used up")]
    ChallengeSpent,
    /// The delay of the last failure runs.
    #[error(transparent)]
    Wait(#[from] Wait),
}

impl ChallengeAttempts {
    /// TP-9.
    pub const MAX: u32 = 5;
    /// A new challenge.
    pub const FRESH: ChallengeAttempts = ChallengeAttempts(0);
}

impl FactorBudget {
    /// TP-10: with two valid codes in 10^6, ten tries guess with 2 in 10^5.
    pub const FAILURES_MAX: u32 = 10;
    /// TP-10: how often the mailbox opens it again in [`Self::CONFIRMATION_WINDOW_SECONDS`] without a success in between.
    /// Who has password and mailbox still lacks the factor: without an end to it he had ten more tries with every link, six
    /// links an hour, and a code within a year. Afterwards a reset is left, which counts on its own (TP-10a).
    pub const CONFIRMATIONS_MAX: usize = 3;
    /// 30 days, as in the reset flow.
    pub const CONFIRMATION_WINDOW_SECONDS: i64 = 30 * 86_400;
    /// Nothing failed yet.
    pub const FRESH: FactorBudget =
        FactorBudget { failures: 0, blocked_until: WallTime::from_ms(0), confirmed_at: never_confirmed() };

    /// Charges one attempt to the account and to the challenge; both are written or neither.
    pub fn admit(
        self,
        challenge: ChallengeAttempts,
        now: WallTime,
    ) -> Result<(Self, ChallengeAttempts), FactorRefused> {
        if !self.allows_password_login() {
            return Err(FactorRefused::MailboxConfirmation);
        }
        if challenge.0 >= ChallengeAttempts::MAX {
            return Err(FactorRefused::ChallengeSpent);
        }
        if now < self.blocked_until {
            return Err(Wait { until: self.blocked_until }.into());
        }
        let failures = self.failures.saturating_add(1);
        let charged = Self { failures, blocked_until: blocked_until(failures, now), ..self };
        Ok((charged, ChallengeAttempts(challenge.0.saturating_add(1))))
    }
    /// Whether a right password still leads to a challenge (TP-10). The guesser has the password, so no stranger gets here.
    pub const fn allows_password_login(self) -> bool {
        self.failures < Self::FAILURES_MAX
    }
    /// After a right factor.
    #[must_use]
    pub const fn succeeded(self) -> Self {
        Self::FRESH
    }
    /// After an attempt that our own fault kept from being evaluated; the challenge keeps its charge.
    #[must_use]
    pub fn refunded(self, now: WallTime) -> Self {
        let (failures, blocked_until) = refunded(self.failures, self.blocked_until, now);
        Self { failures, blocked_until, ..self }
    }
    /// The mailbox's owner has reacted: ten tries more, or a wait when it has reacted too often.
    pub fn confirmed_by_mail(self, now: WallTime) -> Result<Self, Wait> {
        let mut confirmed_at = self.confirmed_at;
        confirmed_at.sort_unstable();
        let [oldest, ..] = &mut confirmed_at;
        let until = oldest.plus_seconds(Self::CONFIRMATION_WINDOW_SECONDS);
        if *oldest != WallTime::from_ms(0) && now < until {
            return Err(Wait { until });
        }
        *oldest = now;
        Ok(Self { confirmed_at, ..Self::FRESH })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: WallTime = WallTime::from_ms(1_800_057_600_000);

    #[test]
    fn tp_9_five_attempts_and_the_challenge_is_dead() {
        let (mut budget, mut challenge, mut now) = (FactorBudget::FRESH, ChallengeAttempts::FRESH, NOON);
        for _ in 0..5 {
            (budget, challenge) = budget.admit(challenge, now).unwrap();
            now = now.plus_seconds(60);
        }
        assert_eq!(budget.admit(challenge, now), Err(FactorRefused::ChallengeSpent));
        assert!(budget.admit(ChallengeAttempts::FRESH, now).is_ok(), "the account has five left");
    }

    #[test]
    fn tp_9_a_new_challenge_resets_neither_count_nor_delay() {
        let (budget, _) = FactorBudget::FRESH.admit(ChallengeAttempts::FRESH, NOON).unwrap();
        let until = NOON.plus_seconds(1);
        assert_eq!(budget.admit(ChallengeAttempts::FRESH, NOON), Err(Wait { until }.into()));
        assert_eq!(budget.admit(ChallengeAttempts::FRESH, until).unwrap().0.failures, 2);
    }

    #[test]
    fn tp_10_of_200_wrong_codes_over_any_challenges_ten_are_evaluated() {
        let (mut budget, mut evaluated) = (FactorBudget::FRESH, 0);
        for hour in 0..200 {
            if let Ok((charged, _)) = budget.admit(ChallengeAttempts::FRESH, NOON.plus_seconds(hour * 3_600)) {
                budget = charged;
                evaluated += 1;
            }
        }
        assert_eq!(evaluated, 10);
        assert_eq!(
            budget.admit(ChallengeAttempts::FRESH, WallTime::FAR_FUTURE),
            Err(FactorRefused::MailboxConfirmation)
        );
        assert!(!budget.allows_password_login());
        assert!(budget.confirmed_by_mail(NOON).unwrap().allows_password_login());
        assert!(FactorBudget { failures: 9, ..budget }.allows_password_login());
    }

    #[test]
    fn tp_9_a_burst_is_evaluated_once() {
        let (stored, _) = FactorBudget::FRESH.admit(ChallengeAttempts::FRESH, NOON).unwrap();
        assert!((0..200).all(|_| stored.admit(ChallengeAttempts::FRESH, NOON).is_err()));
    }

    #[test]
    fn success_clears_and_our_own_fault_is_not_counted() {
        let (charged, challenge) = FactorBudget { failures: 8, blocked_until: NOON, ..FactorBudget::FRESH }
            .admit(ChallengeAttempts(2), NOON)
            .unwrap();
        assert_eq!((charged.failures, challenge), (9, ChallengeAttempts(3)));
        assert_eq!(charged.succeeded(), FactorBudget::FRESH);
        let refunded = FactorBudget { failures: 8, blocked_until: NOON.plus_seconds(3), ..FactorBudget::FRESH };
        assert_eq!(charged.refunded(NOON), refunded);
    }

    #[test]
    fn tp_10_the_mailbox_opens_it_three_times_in_thirty_days_and_no_more() {
        let days = |count: i64| NOON.plus_seconds(count * 86_400);
        let mut budget = closed(FactorBudget::FRESH, NOON);
        for day in 0..3 {
            budget = closed(budget.confirmed_by_mail(days(day)).unwrap(), days(day));
        }
        assert_eq!(budget.confirmed_by_mail(days(30).plus_ms(-1)), Err(Wait { until: days(30) }));
        let reopened = budget.confirmed_by_mail(days(30)).unwrap();
        assert!(reopened.allows_password_login());
        assert_eq!(closed(reopened, days(30)).confirmed_by_mail(days(30)), Err(Wait { until: days(31) }));
        assert!(budget.succeeded().confirmed_by_mail(days(4)).is_ok(), "all factors at once forget it");
    }

    #[test]
    fn tp_10_a_thief_of_password_and_mailbox_has_a_thousandth_in_a_year() {
        let (mut budget, mut evaluated) = (FactorBudget::FRESH, 0);
        for minute in 0..(365 * 24 * 60) {
            let now = NOON.plus_seconds(minute * 60);
            match budget.admit(ChallengeAttempts::FRESH, now) {
                Ok((charged, _)) => {
                    budget = charged;
                    evaluated += 1;
                }
                Err(_) => budget = budget.confirmed_by_mail(now).unwrap_or(budget),
            }
        }
        // Two valid codes in 10^6: below 0.1 % (and the owner has had forty notices).
        assert!(evaluated <= 13 * 30 + 10, "{evaluated}");
    }

    #[test]
    fn a_budget_of_before_is_read_as_never_confirmed() {
        let read: FactorBudget = serde_json::from_str(r#"{"failures":10,"blocked_until":5}"#).unwrap();
        assert_eq!(read, FactorBudget { failures: 10, blocked_until: WallTime::from_ms(5), ..FactorBudget::FRESH });
        let kept: FactorBudget = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(kept, read);
    }

    fn closed(budget: FactorBudget, now: WallTime) -> FactorBudget {
        FactorBudget { failures: FactorBudget::FAILURES_MAX, blocked_until: now, ..budget }
    }
}
