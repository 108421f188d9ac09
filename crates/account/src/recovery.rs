//! Destructive recovery: the way back for an owner who has lost every second factor (PR-14). The keys are removed when the
//! wait begins, so that there is nothing left to steal; the wait gives the owner three days to say no.
//!
//! Never decides from a state that was not committed.

use serde::{Deserialize, Serialize};

use crate::epoch::CredentialVersion;
use crate::wall_time::WallTime;

/// PR-14: how long it waits, in seconds: 72 h.
pub const WAIT_S: i64 = 72 * 3_600;
/// How long it can be completed after the wait, in seconds: the 24 h by which the cooling-off of its start outlasts the wait,
/// so that no real key is attached before it was completed or has lapsed.
pub const WINDOW_S: i64 = 24 * 3_600;
/// PR-14: whoever cancels with a second factor has shown that none is lost: no new start for so many seconds (14 days).
pub const BLOCKED_S: i64 = 14 * 86_400;
/// PR-14: when the owner is reminded, in seconds after the start; the last one says that it is ready.
pub const REMINDERS_S: [i64; 3] = [24 * 3_600, 48 * 3_600, WAIT_S];

/// What became of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Not yet.
    No,
    /// Somebody said no.
    Cancelled,
    /// It led to a new password without second factors.
    Completed,
}

/// The latest recovery of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// When it was started.
    pub started_at: WallTime,
    /// The credential version it was started under: whoever changes a credential meanwhile has ended it.
    pub cred_version: CredentialVersion,
    /// Whether and how it ended.
    pub ended: Ended,
    /// No new start before this moment.
    pub blocked_until: WallTime,
}

/// Where a recovery is at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The wait runs.
    Waiting,
    /// It can be completed.
    Ready,
    /// It was cancelled, completed, overtaken by a change of credentials, or its window has passed.
    Over,
}

/// Who cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledBy {
    /// The link of a mail, or a session that was started without a second factor.
    LinkOrPassword,
    /// A session that was started with a second factor, or such a sign-in itself.
    SecondFactor,
}

/// Why none may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartRefused {
    /// One is under way.
    #[error("a recovery is under way")]
    UnderWay,
    /// One was cancelled with a second factor.
    #[error("no start before {until}")]
    Blocked {
        /// From when on one may be started.
        until: WallTime,
    },
}

impl Recovery {
    /// One that starts now.
    pub const fn starting(cred_version: CredentialVersion, now: WallTime) -> Self {
        Self { started_at: now, cred_version, ended: Ended::No, blocked_until: WallTime::from_ms(0) }
    }
    /// The first moment at which it can be completed.
    pub const fn ready_at(&self) -> WallTime {
        self.started_at.plus_seconds(WAIT_S)
    }
    /// The first moment at which it cannot any more.
    pub const fn lapses_at(&self) -> WallTime {
        self.started_at.plus_seconds(WAIT_S + WINDOW_S)
    }
    /// Where it is, given the account's credential version.
    pub fn stage(&self, cred_version: CredentialVersion, now: WallTime) -> Stage {
        if self.ended != Ended::No || self.cred_version != cred_version || now >= self.lapses_at() {
            Stage::Over
        } else if now < self.ready_at() {
            Stage::Waiting
        } else {
            Stage::Ready
        }
    }
    /// Whether a new one may be started.
    pub fn allows_start(&self, cred_version: CredentialVersion, now: WallTime) -> Result<(), StartRefused> {
        if self.stage(cred_version, now) != Stage::Over {
            return Err(StartRefused::UnderWay);
        }
        if now < self.blocked_until {
            return Err(StartRefused::Blocked { until: self.blocked_until });
        }
        Ok(())
    }
    /// After a cancel; check before that it is not over.
    #[must_use]
    pub fn cancelled(self, by: CancelledBy, now: WallTime) -> Self {
        let blocked_until = match by {
            CancelledBy::LinkOrPassword => self.blocked_until,
            CancelledBy::SecondFactor => now.plus_seconds(BLOCKED_S),
        };
        Self { ended: Ended::Cancelled, blocked_until, ..self }
    }
    /// After its completion.
    #[must_use]
    pub const fn completed(self) -> Self {
        Self { ended: Ended::Completed, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security_event::{CoolingOff, SecurityEvent, consequences};

    const T0: WallTime = WallTime::from_ms(1_800_000_000_000);
    const V: CredentialVersion = CredentialVersion::FIRST;

    #[test]
    fn pr_14_it_waits_72_hours_and_can_be_completed_for_24_more() {
        let recovery = Recovery::starting(V, T0);
        for (after_ms, stage) in [
            (0, Stage::Waiting),
            (WAIT_S * 1000 - 1, Stage::Waiting),
            (WAIT_S * 1000, Stage::Ready),
            ((WAIT_S + WINDOW_S) * 1000 - 1, Stage::Ready),
            ((WAIT_S + WINDOW_S) * 1000, Stage::Over),
        ] {
            assert_eq!(recovery.stage(V, T0.plus_ms(after_ms)), stage, "{after_ms}");
        }
    }

    #[test]
    fn pr_14_no_real_key_is_attached_before_it_is_over() {
        let cooling = consequences(SecurityEvent::RecoveryStarted).cooling_off;
        assert_eq!(cooling, CoolingOff::Seconds(WAIT_S + WINDOW_S));
    }

    #[test]
    fn pr_14_a_change_of_credentials_ends_it() {
        let recovery = Recovery::starting(V, T0);
        assert_eq!(recovery.stage(V.next(), T0.plus_seconds(WAIT_S)), Stage::Over);
    }

    #[test]
    fn pr_14_a_cancel_with_a_second_factor_blocks_new_starts_for_14_days() {
        let now = T0.plus_seconds(60);
        let cancelled = Recovery::starting(V, T0).cancelled(CancelledBy::SecondFactor, now);
        let until = now.plus_seconds(14 * 86_400);
        assert_eq!(cancelled.stage(V, now), Stage::Over);
        assert_eq!(cancelled.allows_start(V, until.plus_ms(-1)), Err(StartRefused::Blocked { until }));
        assert_eq!(cancelled.allows_start(V, until), Ok(()));
    }

    #[test]
    fn pr_14_a_cancel_by_link_blocks_nothing() {
        let cancelled = Recovery::starting(V, T0).cancelled(CancelledBy::LinkOrPassword, T0);
        assert_eq!(cancelled.allows_start(V, T0), Ok(()));
    }

    #[test]
    fn pr_14_one_at_a_time() {
        let recovery = Recovery::starting(V, T0);
        assert_eq!(recovery.allows_start(V, T0), Err(StartRefused::UnderWay));
        assert_eq!(recovery.allows_start(V, recovery.ready_at()), Err(StartRefused::UnderWay));
        assert_eq!(recovery.allows_start(V, recovery.lapses_at()), Ok(()));
        assert_eq!(recovery.completed().allows_start(V.next(), T0), Ok(()));
    }
}
