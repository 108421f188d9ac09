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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: WallTime = WallTime::from_ms(1_800_000_000_000);
    const HOUR: i64 = 3_600;
    const HELD: TradingState = TradingState::Held { reason: HeldReason::ResetDisowned, since: T0 };

    #[test]
    fn cooling_counts_as_active_once_its_time_has_come() {
        let cooling = TradingState::Cooling { until: T0 };
        for (state, now, active) in [
            (TradingState::Active, T0, true),
            (cooling, T0.plus_ms(-1), false),
            (cooling, T0, true),
            (HELD, WallTime::FAR_FUTURE, false),
        ] {
            assert_eq!(state.counts_as_active(now), active, "{state:?}");
            assert_eq!(state.may_attach_real_key(now), active, "G7: {state:?}");
        }
        assert_eq!(cooling.cooling_off_until(T0.plus_ms(-1)), Some(T0));
        assert_eq!(cooling.cooling_off_until(T0), None);
        assert!(
            cooling.may_attach_paper_key()
                && TradingState::Active.may_attach_paper_key()
                && !HELD.may_attach_paper_key()
        );
    }

    #[test]
    fn each_event_leaves_its_cooling_off() {
        check(TradingState::Active, SecurityEvent::PasswordReset, cooling(24));
        check(TradingState::Active, SecurityEvent::RecoveryStarted, cooling(96));
        check(TradingState::Active, SecurityEvent::RecoveryCompleted, cooling(24));
        check(TradingState::Active, SecurityEvent::FactorRemoved, cooling(24));
        check(TradingState::Active, SecurityEvent::EmailChanged, cooling(72));
        check(TradingState::Active, SecurityEvent::ResetDisowned, HELD);
        for event in [
            SecurityEvent::RecoveryCodeUsed,
            SecurityEvent::PasswordChanged,
            SecurityEvent::FactorAdded,
            SecurityEvent::AccountDeleted,
            SecurityEvent::Suspended,
        ] {
            check(TradingState::Active, event, TradingState::Active);
        }
    }

    #[test]
    fn rf_35_a_reset_does_not_end_a_held_younger_than_72_hours() {
        let held_at = |hours: i64, ms| TradingState::Held {
            reason: HeldReason::ResetDisowned,
            since: T0.plus_seconds(-hours * HOUR).plus_ms(ms),
        };
        check(held_at(72, 1), SecurityEvent::PasswordReset, held_at(72, 1));
        check(held_at(72, 0), SecurityEvent::PasswordReset, cooling(24));
        check(held_at(72, 0), SecurityEvent::RecoveryCompleted, cooling(24));
        for event in SecurityEvent::ALL {
            if !matches!(event, SecurityEvent::PasswordReset | SecurityEvent::RecoveryCompleted) {
                check(held_at(1000, 0), event, held_at(1000, 0));
            }
        }
    }

    #[test]
    fn a_held_is_released_by_an_older_factor_only() {
        assert!(HELD.may_be_released_by_factor(T0.plus_ms(-1)));
        assert!(!HELD.may_be_released_by_factor(T0));
        assert!(!TradingState::Active.may_be_released_by_factor(T0));
        assert_eq!(HELD.released(), TradingState::Active);
        assert_eq!(cooling(24).released(), cooling(24), "a release does not end cooling");
    }

    #[test]
    fn freezes_last_as_long_as_the_table_says() {
        let later = Frozen::Until { at: T0.plus_seconds(72 * HOUR) };
        check_freeze(Frozen::No, SecurityEvent::EmailChanged, later);
        check_freeze(Frozen::No, SecurityEvent::RecoveryCodeUsed, Frozen::UntilNewFactor);
        check_freeze(Frozen::No, SecurityEvent::Suspended, Frozen::UntilAdministrator);
        for event in [SecurityEvent::PasswordReset, SecurityEvent::PasswordChanged, SecurityEvent::FactorAdded] {
            check_freeze(Frozen::No, event, Frozen::No);
            check_freeze(later, event, later);
        }
        assert_eq!(Frozen::UntilNewFactor.frozen_until(), WallTime::FAR_FUTURE);
        assert_eq!(Frozen::UntilAdministrator.frozen_until(), WallTime::FAR_FUTURE);
        assert!(later.refuses_entries(T0.plus_seconds(72 * HOUR).plus_ms(-1)));
        assert!(!later.refuses_entries(T0.plus_seconds(72 * HOUR)));
        assert!(!Frozen::No.refuses_entries(T0));
    }

    #[test]
    fn rc_5_a_new_factor_lifts_the_freeze_of_a_recovery_code_and_no_other() {
        let a_day = Frozen::Until { at: T0.plus_seconds(24 * HOUR) };
        check_freeze(Frozen::UntilNewFactor, SecurityEvent::FactorAdded, a_day);
        check_freeze(Frozen::UntilAdministrator, SecurityEvent::FactorAdded, Frozen::UntilAdministrator);
        check_freeze(Frozen::UntilAdministrator, SecurityEvent::RecoveryCodeUsed, Frozen::UntilAdministrator);
        check_freeze(Frozen::UntilNewFactor, SecurityEvent::Suspended, Frozen::UntilAdministrator);
        check_freeze(Frozen::UntilNewFactor, SecurityEvent::EmailChanged, Frozen::UntilNewFactor);
        assert_eq!(Frozen::UntilAdministrator.cleared_by_administrator(), Frozen::No);
        assert_eq!(Frozen::UntilNewFactor.cleared_by_administrator(), Frozen::UntilNewFactor);
    }

    #[test]
    fn the_stored_form_is_plain() {
        let check = |state: TradingState, json: &str| {
            assert_eq!(serde_json::to_string(&state).unwrap(), json);
            assert_eq!(serde_json::from_str::<TradingState>(json).unwrap(), state);
        };
        check(TradingState::Active, r#"{"state":"active"}"#);
        check(TradingState::Cooling { until: T0 }, r#"{"state":"cooling","until":1800000000000}"#);
        check(HELD, r#"{"state":"held","reason":"reset_disowned","since":1800000000000}"#);
        assert_eq!(serde_json::to_string(&Frozen::UntilNewFactor).unwrap(), r#"{"frozen":"until_new_factor"}"#);
    }

    proptest! {
        /// No sequence of events makes an account that may not attach a key able to, before the time of the last one is up.
        #[test]
        fn no_event_ever_shortens_a_wait(events in proptest::collection::vec((0_usize..11, 0_i64..50), 0..12)) {
            let (mut state, mut frozen, mut now) = (TradingState::Active, Frozen::No, T0);
            for (index, hours) in events {
                now = now.plus_seconds(hours * HOUR);
                let event = SecurityEvent::ALL[index];
                let (before, frozen_before) = (state, frozen);
                state = before.after(event, now);
                frozen = frozen_before.after(event, now);
                match (before, state) {
                    (TradingState::Held { since, .. }, TradingState::Held { since: still, .. }) => prop_assert_eq!(since, still),
                    (TradingState::Held { since, .. }, _) => prop_assert!(now.ms_since(since) >= 72 * HOUR * 1000),
                    (TradingState::Cooling { until }, TradingState::Cooling { until: later }) => prop_assert!(later >= until),
                    (TradingState::Cooling { .. }, TradingState::Active) => prop_assert!(false, "no event ends cooling"),
                    (TradingState::Active | TradingState::Cooling { .. }, _) => {}
                }
                let lifted = event == SecurityEvent::FactorAdded && frozen_before == Frozen::UntilNewFactor;
                prop_assert!(lifted || frozen.frozen_until() >= frozen_before.frozen_until());
            }
        }
    }

    fn cooling(hours: i64) -> TradingState {
        TradingState::Cooling { until: T0.plus_seconds(hours * HOUR) }
    }
    fn check(before: TradingState, event: SecurityEvent, expected: TradingState) {
        assert_eq!(before.after(event, T0), expected, "{event:?} after {before:?}");
    }
    fn check_freeze(before: Frozen, event: SecurityEvent, expected: Frozen) {
        assert_eq!(before.after(event, T0), expected, "{event:?} after {before:?}");
    }
}
