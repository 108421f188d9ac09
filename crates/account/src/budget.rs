//! How often something may be tried: pure state machines over counters that the store keeps (TP-9, TP-10, RL-2, PR-3).
//!
//! Every attempt is charged *before* it is evaluated (RL-3): `admit` gives the state to write, the store writes it only if
//! the state is still the one that was read, and only then is anything hashed or compared. So a burst of parallel guesses
//! is evaluated at most as often as the budget says. Never decides from a state that was not committed.

use serde::{Deserialize, Serialize};

use crate::wall_time::WallTime;

const DAY_MS: i64 = 86_400_000;

/// Not yet: nothing was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not before {until}")]
pub struct Wait {
    /// From when on it is admitted again.
    pub until: WallTime,
}

/// RL-2's growing delay after so many consecutive failures, as kanidm's soft lock has it.
fn blocked_until(failures: u32, now: WallTime) -> WallTime {
    match failures {
        0..3 => now.plus_seconds(1),
        3..9 => now.plus_seconds(3),
        9..25 => now.plus_seconds(5),
        25..100 => now.plus_seconds(10),
        100.. => end_of_day(now),
    }
}

fn end_of_day(now: WallTime) -> WallTime {
    WallTime::from_ms(now.ms().div_euclid(DAY_MS).saturating_add(1).saturating_mul(DAY_MS))
}

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
    pub const fn refunded(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), blocked_until: self.blocked_until }
    }
    /// The mailbox's owner has confirmed.
    #[must_use]
    pub const fn confirmed_by_mail(self) -> Self {
        Self::FRESH
    }
}

/// TP-9, TP-10, RC-4: second-factor attempts of one account over all challenges, factors and paths but the reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorBudget {
    /// Consecutive attempts that have not (yet) succeeded. A new challenge does not reset it.
    pub failures: u32,
    /// No attempt before this moment.
    pub blocked_until: WallTime,
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
    /// Nothing failed yet.
    pub const FRESH: FactorBudget = FactorBudget { failures: 0, blocked_until: WallTime::from_ms(0) };

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
        let charged = Self { failures, blocked_until: blocked_until(failures, now) };
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
    pub const fn refunded(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), blocked_until: self.blocked_until }
    }
    /// The mailbox's owner has reacted.
    #[must_use]
    pub const fn confirmed_by_mail(self) -> Self {
        Self::FRESH
    }
}

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
