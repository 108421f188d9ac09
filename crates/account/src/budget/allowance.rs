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

/// What an allowance stores (the generic cell rate algorithm), and when it was last taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct AllowanceUsed {
    /// When the whole burst will be there again.
    pub full_at: WallTime,
    /// When one was last taken.
    pub taken_at: WallTime,
}

/// As stored; older versions stored `full_at` alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Moment(WallTime),
    Both { full_at: WallTime, taken_at: WallTime },
}
impl From<Form> for AllowanceUsed {
    fn from(form: Form) -> Self {
        match form {
            Form::Moment(full_at) => Self { full_at, taken_at: WallTime::from_ms(0) },
            Form::Both { full_at, taken_at } => Self { full_at, taken_at },
        }
    }
}

impl AllowanceUsed {
    /// Nothing used yet.
    pub const FRESH: AllowanceUsed = AllowanceUsed { full_at: WallTime::from_ms(0), taken_at: WallTime::from_ms(0) };
}

/// How much of an allowance there is at this moment, by what else is going on (PR-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// All of it.
    Burst,
    /// One per period and no burst: everybody together asks for too much. An owner's link is never refused for that, since
    /// strangers could bring it about (RL-1).
    Steady,
    /// None: this source has asked for too much.
    None,
}

/// PR-3: mails that one address can be sent for the asking, of each kind: reset, verification, unlock. One per ten minutes is the link's life, so a live link is in the mailbox however many
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
        Ok(AllowanceUsed { full_at: used.full_at.max(now).plus_seconds(self.period_seconds), taken_at: now })
    }
    /// Takes one as far as there is room; `None` when there is none to be had.
    pub fn admit_in(self, room: Room, used: AllowanceUsed, now: WallTime) -> Option<AllowanceUsed> {
        match room {
            Room::Burst => self.admit(used, now).ok(),
            Room::Steady if now < used.taken_at.plus_seconds(self.period_seconds) => None,
            Room::Steady => self.admit(used, now).ok(),
            Room::None => None,
        }
    }
    /// So many at once.
    pub const fn burst(self) -> i64 {
        self.burst
    }
    /// In seconds.
    pub const fn period_seconds(self) -> i64 {
        self.period_seconds
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: WallTime = WallTime::from_ms(1_800_057_600_000);

    #[test]
    fn pr_3_three_mails_at_once_then_one_per_ten_minutes() {
        let used = (0..3).fold(AllowanceUsed::FRESH, |used, _| RESET_MAILS.admit(used, T0).unwrap());
        let next = T0.plus_seconds(600);
        assert_eq!(RESET_MAILS.admit(used, T0), Err(Wait { until: next }));
        assert_eq!(RESET_MAILS.admit(used, next.plus_ms(-1)), Err(Wait { until: next }));
        let used = RESET_MAILS.admit(used, next).unwrap();
        assert_eq!(RESET_MAILS.admit(used, next), Err(Wait { until: T0.plus_seconds(1200) }));
    }

    #[test]
    fn pr_3_the_burst_is_there_again_after_half_an_hour_and_never_more() {
        let used = (0..3).fold(AllowanceUsed::FRESH, |used, _| RESET_MAILS.admit(used, T0).unwrap());
        for later in [T0.plus_seconds(1800), T0.plus_seconds(1_000_000)] {
            let used = (0..3).fold(used, |used, _| RESET_MAILS.admit(used, later).unwrap());
            assert!(RESET_MAILS.admit(used, later).is_err());
        }
    }

    #[test]
    fn pr_3_an_allowance_says_what_it_allows() {
        assert_eq!((RESET_MAILS.burst(), RESET_MAILS.period_seconds()), (3, 600));
    }

    #[test]
    fn a_zero_is_read_as_the_smallest_allowance() {
        let smallest = Allowance::new(0, 0);
        let used = smallest.admit(AllowanceUsed::FRESH, T0).unwrap();
        assert_eq!(smallest.admit(used, T0), Err(Wait { until: T0.plus_seconds(1) }));
    }

    #[test]
    fn pr_3_without_a_burst_one_mail_per_period_is_always_left() {
        let steady = |used, now| RESET_MAILS.admit_in(Room::Steady, used, now);
        let used = steady(AllowanceUsed::FRESH, T0).unwrap();
        assert_eq!(steady(used, T0), None);
        // Also right after a burst: the link of before is ten minutes old by then, and a new one comes.
        let burst = (0..3).fold(AllowanceUsed::FRESH, |used, _| RESET_MAILS.admit(used, T0).unwrap());
        for used in [used, burst] {
            assert_eq!(steady(used, T0.plus_seconds(600).plus_ms(-1)), None);
            assert!(steady(used, T0.plus_seconds(600)).is_some());
        }
        assert_eq!(RESET_MAILS.admit_in(Room::None, AllowanceUsed::FRESH, T0), None);
        assert!(RESET_MAILS.admit_in(Room::Burst, used, T0).is_some());
    }

    #[test]
    fn what_an_older_version_stored_is_read() {
        let old: AllowanceUsed = serde_json::from_str("1800057600000").unwrap();
        assert_eq!(old, AllowanceUsed { full_at: T0, taken_at: WallTime::from_ms(0) });
        let kept: AllowanceUsed = serde_json::from_str(&serde_json::to_string(&old).unwrap()).unwrap();
        assert_eq!(kept, old);
    }

    proptest! {
        #[test]
        fn pr_3_no_window_holds_more_than_burst_and_refill(gaps in proptest::collection::vec(0_i64..1_200, 1..100)) {
            let (mut used, mut now) = (AllowanceUsed::FRESH, T0);
            let mut taken: Vec<WallTime> = Vec::new();
            for gap in gaps {
                now = now.plus_seconds(gap);
                match RESET_MAILS.admit(used, now) {
                    Ok(next) => { used = next; taken.push(now); }
                    Err(wait) => prop_assert!(wait.until > now && RESET_MAILS.admit(used, wait.until).is_ok()),
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let most = 3 + to.ms_since(*from) / 600_000;
                    prop_assert!(i64::try_from(last - first + 1).unwrap() <= most);
                }
            }
        }
    }
}
