//! Whether an account may trade and attach real keys, and until when not (reset-fence B.4).
//!
//! Never ends by a job: COOLING is compared with the time at every use.

use serde::{Deserialize, Serialize};

use crate::security_event::{CoolingOff, Fence, SecurityEvent, consequences};
use crate::wall_time::WallTime;

/// How long a HELD withstands a completed reset, in seconds: 72 h, the life of the "not me" link.
pub const HELD_SECONDS_MIN: i64 = 72 * 3_600;

/// Why an account is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldReason {
    /// The owner said "this was not me" of a reset.
    ResetDisowned,
}

/// What security events have left of the right to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TradingState {
    /// Nothing is held back.
    Active,
    /// Counts as active from `until` on; before that paper only.
    Cooling {
        /// The first moment that counts as active.
        until: WallTime,
    },
    /// Ends only by release or, after 72 h, by a completed reset.
    Held {
        /// Why.
        reason: HeldReason,
        /// Since when: a factor must be older to release it, and a reset 72 h younger.
        since: WallTime,
    },
}

impl TradingState {
    /// Whether this counts as ACTIVE: it is, or it is COOLING and the time has come.
    pub fn counts_as_active(self, now: WallTime) -> bool {
        match self {
            TradingState::Active => true,
            TradingState::Cooling { until } => until <= now,
            TradingState::Held { .. } => false,
        }
    }
    /// Whether the key of a real exchange may be attached; otherwise 409 `cooling_off`.
    pub fn may_attach_real_key(self, now: WallTime) -> bool {
        self.counts_as_active(now)
    }
    /// Whether a paper key may be attached and traded: also while cooling, never while held.
    pub const fn may_attach_paper_key(self) -> bool {
        match self {
            TradingState::Active | TradingState::Cooling { .. } => true,
            TradingState::Held { .. } => false,
        }
    }
    /// What `cooling_off_until` tells the owner: when cooling ends by itself, if it runs.
    pub fn cooling_off_until(self, now: WallTime) -> Option<WallTime> {
        match self {
            TradingState::Cooling { until } if until > now => Some(until),
            TradingState::Active | TradingState::Cooling { .. } | TradingState::Held { .. } => None,
        }
    }
    /// Whether a second factor enrolled at `enrolled_at` may release this (never one that the thief could have added).
    pub fn may_be_released_by_factor(self, enrolled_at: WallTime) -> bool {
        match self {
            TradingState::Held { since, .. } => enrolled_at < since,
            TradingState::Active | TradingState::Cooling { .. } => false,
        }
    }
    /// The state after `event`. Cooling is never shortened; a HELD ends by no event but a reset (or the end of a destructive
    /// recovery) after 72 h.
    #[must_use]
    pub fn after(self, event: SecurityEvent, now: WallTime) -> Self {
        let next = match consequences(event).cooling_off {
            CoolingOff::Seconds(seconds) => TradingState::Cooling { until: now.plus_seconds(seconds) },
            CoolingOff::Held => TradingState::Held { reason: HeldReason::ResetDisowned, since: now },
            // These show in `Frozen` or in the limits' own waits.
            CoolingOff::SecondsAfterNewFactor(_)
            | CoolingOff::LooseningOnly
            | CoolingOff::UntilAdministrator
            | CoolingOff::Nothing => self,
        };
        match (self, next) {
            (TradingState::Held { since, .. }, TradingState::Cooling { .. }) => {
                let is_old = now.ms_since(since) >= HELD_SECONDS_MIN.saturating_mul(1000);
                if ends_held(event) && is_old { next } else { self }
            }
            // held_at stays: saying it twice must not let a later factor count as older.
            (TradingState::Held { .. }, TradingState::Held { .. }) => self,
            (TradingState::Cooling { until }, TradingState::Cooling { until: later }) => {
                TradingState::Cooling { until: until.max(later) }
            }
            (TradingState::Active | TradingState::Cooling { .. }, _)
            | (TradingState::Held { .. }, TradingState::Active) => next,
        }
    }
    /// The state after a release with a second factor enrolled before `since`; check that first.
    #[must_use]
    pub const fn released(self) -> Self {
        match self {
            TradingState::Held { .. } | TradingState::Active => TradingState::Active,
            TradingState::Cooling { until } => TradingState::Cooling { until },
        }
    }
}

const fn ends_held(event: SecurityEvent) -> bool {
    match event {
        SecurityEvent::PasswordReset | SecurityEvent::RecoveryCompleted => true,
        SecurityEvent::RecoveryStarted
        | SecurityEvent::RecoveryCodeUsed
        | SecurityEvent::PasswordChanged
        | SecurityEvent::FactorAdded
        | SecurityEvent::FactorRemoved
        | SecurityEvent::EmailChanged
        | SecurityEvent::ResetDisowned
        | SecurityEvent::AccountDeleted
        | SecurityEvent::Suspended => false,
    }
}

/// Why and until when entries are refused. What conditions compare is `frozen_until`; the reason says who may lift it, since
/// two of them last "for ever" and a new factor must not lift an administrator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frozen", rename_all = "snake_case")]
pub enum Frozen {
    /// It is not.
    No,
    /// Until a moment.
    Until {
        /// The first moment that is not frozen.
        at: WallTime,
    },
    /// Until a new second factor is enrolled, and 24 h more (RC-5).
    UntilNewFactor,
    /// Until the administrator clears it.
    UntilAdministrator,
}

impl Frozen {
    /// The number that is stored and compared with `:now` in conditions.
    pub const fn frozen_until(self) -> WallTime {
        match self {
            Frozen::No => WallTime::from_ms(0),
            Frozen::Until { at } => at,
            Frozen::UntilNewFactor | Frozen::UntilAdministrator => WallTime::FAR_FUTURE,
        }
    }
    /// Whether entries are refused.
    pub fn refuses_entries(self, now: WallTime) -> bool {
        self.frozen_until() > now
    }
    /// The freeze after `event`; never shortened, except by the new factor that `UntilNewFactor` waits for.
    #[must_use]
    pub fn after(self, event: SecurityEvent, now: WallTime) -> Self {
        if let (SecurityEvent::FactorAdded, Frozen::UntilNewFactor) = (event, self) {
            return match consequences(SecurityEvent::RecoveryCodeUsed).cooling_off {
                CoolingOff::SecondsAfterNewFactor(seconds) => Frozen::Until { at: now.plus_seconds(seconds) },
                CoolingOff::Seconds(_)
                | CoolingOff::LooseningOnly
                | CoolingOff::Held
                | CoolingOff::UntilAdministrator
                | CoolingOff::Nothing => self,
            };
        }
        let effects = consequences(event);
        let next = match effects.fence {
            Fence::Raised | Fence::Untouched => return self,
            Fence::Freeze => match effects.cooling_off {
                CoolingOff::Seconds(seconds) => Frozen::Until { at: now.plus_seconds(seconds) },
                CoolingOff::SecondsAfterNewFactor(_) => Frozen::UntilNewFactor,
                CoolingOff::UntilAdministrator => Frozen::UntilAdministrator,
                CoolingOff::LooseningOnly | CoolingOff::Held | CoolingOff::Nothing => return self,
            },
        };
        if next.rank() > self.rank() { next } else { self }
    }
    /// What the administrator leaves.
    #[must_use]
    pub const fn cleared_by_administrator(self) -> Self {
        match self {
            Frozen::UntilAdministrator | Frozen::No => Frozen::No,
            Frozen::Until { at } => Frozen::Until { at },
            Frozen::UntilNewFactor => Frozen::UntilNewFactor,
        }
    }
    const fn rank(self) -> (u8, i64) {
        match self {
            Frozen::No => (0, 0),
            Frozen::Until { at } => (1, at.ms()),
            Frozen::UntilNewFactor => (2, 0),
            Frozen::UntilAdministrator => (3, 0),
        }
    }
}
