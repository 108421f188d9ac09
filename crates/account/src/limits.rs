//! What an owner allows an exchange key, and whether a change allows more (ST-2, ST-3).
//!
//! Pure. Never lets a change count as tightening that allows anything which was not allowed before: what cannot be
//! compared is a loosening. A new limit is a field of [`Limits`]; [`Limits::change_to`] does not compile until it is judged.

use std::collections::BTreeSet;

use crate::wall_time::WallTime;

/// ST-3: how long a loosening waits at least, in hours. An owner may lengthen it, never shorten it below this.
pub const LOOSENING_WAIT_H_MIN: u32 = 24;
/// The longest wait, in hours: 30 days. Longer would lock an owner into a mistake.
pub const LOOSENING_WAIT_H_MAX: u32 = 720;

/// How one set of limits stands to another. Ordered by how much it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The same is allowed.
    Neutral,
    /// Less is allowed, and nothing more: holds at once, with a session alone.
    Tightening,
    /// Something more is allowed, or nobody can say: takes a proof, waits, and is announced.
    Loosening,
}

impl Change {
    /// Of two changes at once: a mixed change is a loosening as a whole.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
    /// Of a bound that a value may reach: the smaller is the tighter. Without an order there is no saying.
    pub fn of_ceiling<T: PartialOrd>(before: &T, after: &T) -> Self {
        match after.partial_cmp(before) {
            Some(std::cmp::Ordering::Equal) => Change::Neutral,
            Some(std::cmp::Ordering::Less) => Change::Tightening,
            Some(std::cmp::Ordering::Greater) | None => Change::Loosening,
        }
    }
    /// Of a bound that a value must reach: the larger is the tighter.
    pub fn of_floor<T: PartialOrd>(before: &T, after: &T) -> Self {
        Self::of_ceiling(after, before)
    }
    /// Of a list of what is allowed: the smaller set is the tighter; sets of which neither holds the other are not
    /// comparable.
    pub fn of_allowed<T: Ord>(before: &BTreeSet<T>, after: &BTreeSet<T>) -> Self {
        if before == after {
            Change::Neutral
        } else if after.is_subset(before) {
            Change::Tightening
        } else {
            Change::Loosening
        }
    }
}

/// The limits of one exchange key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The pairs that the key may trade (GU-1), as texts.
    pub allowed_pairs: BTreeSet<String>,
    /// How long a loosening waits, in hours: itself a limit, whose shortening is a loosening.
    pub loosening_wait_h: u32,
}

impl Limits {
    /// Total: every field is named, so that a new one asks for its line.
    pub fn change_to(&self, after: &Limits) -> Change {
        let Limits { allowed_pairs, loosening_wait_h } = self;
        Change::of_allowed(allowed_pairs, &after.allowed_pairs)
            .and(Change::of_floor(loosening_wait_h, &after.loosening_wait_h))
    }
    /// `waiting` after these limits were tightened to `after`: it loses what they lost, and keeps what it alone would add.
    #[must_use]
    pub fn tighten_waiting(&self, after: &Limits, waiting: &Limits) -> Limits {
        let lost: BTreeSet<_> = self.allowed_pairs.difference(&after.allowed_pairs).collect();
        Limits {
            allowed_pairs: waiting.allowed_pairs.iter().filter(|pair| !lost.contains(pair)).cloned().collect(),
            // A longer wait just asked for is not undone by an older wish for a shorter one.
            loosening_wait_h: if after.loosening_wait_h > self.loosening_wait_h {
                waiting.loosening_wait_h.max(after.loosening_wait_h)
            } else {
                waiting.loosening_wait_h
            },
        }
    }
    /// When a loosening that is asked for now takes effect: after the wait that holds now, and not while the account cools
    /// off.
    pub fn loosened_at(&self, now: WallTime, cooling_off_until: Option<WallTime>) -> WallTime {
        let waited = now.plus_seconds(i64::from(self.loosening_wait_h.max(LOOSENING_WAIT_H_MIN)) * 3_600);
        cooling_off_until.map_or(waited, |until| until.max(waited))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn st_3_a_longer_wait_is_not_undone_by_an_older_wish_for_a_shorter_one() {
        let waits = |hours| Limits { allowed_pairs: BTreeSet::new(), loosening_wait_h: hours };
        for (before, after, waiting, expected) in [(24, 48, 30, 48), (24, 48, 50, 50), (48, 48, 24, 24)] {
            let left = waits(before).tighten_waiting(&waits(after), &waits(waiting));
            assert_eq!(left.loosening_wait_h, expected, "{before} to {after}, waiting {waiting}");
        }
    }

    fn limits() -> impl Strategy<Value = Limits> {
        let pairs = proptest::collection::btree_set("[A-D]", 0..4);
        (pairs, 24_u32..30).prop_map(|(pairs, loosening_wait_h)| Limits {
            allowed_pairs: pairs.into_iter().map(|base| format!("{base}-USDT")).collect(),
            loosening_wait_h,
        })
    }
    /// What both allow.
    fn meet(a: &Limits, b: &Limits) -> Limits {
        Limits {
            allowed_pairs: a.allowed_pairs.intersection(&b.allowed_pairs).cloned().collect(),
            loosening_wait_h: a.loosening_wait_h.max(b.loosening_wait_h),
        }
    }
    /// Everything that these limits allow, said without the classifier: each pair, and each hour at which something may
    /// have become loose.
    fn allowed(limits: &Limits) -> BTreeSet<String> {
        let hours = (limits.loosening_wait_h..40).map(|hour| format!("loose after {hour}"));
        limits.allowed_pairs.iter().cloned().chain(hours).collect()
    }

    proptest! {
        #[test]
        fn st_2_a_change_is_a_tightening_exactly_when_nothing_new_is_allowed(before in limits(), after in limits()) {
            let (was, is) = (allowed(&before), allowed(&after));
            let expected = if was == is {
                Change::Neutral
            } else if is.is_subset(&was) {
                Change::Tightening
            } else {
                Change::Loosening
            };
            prop_assert_eq!(before.change_to(&after), expected);
        }
        #[test]
        fn st_2_the_reverse_of_a_tightening_is_a_loosening(before in limits(), after in limits()) {
            match before.change_to(&after) {
                Change::Neutral => prop_assert_eq!(after.change_to(&before), Change::Neutral),
                Change::Tightening => prop_assert_eq!(after.change_to(&before), Change::Loosening),
                // Incomparable both ways, or the reverse of a tightening.
                Change::Loosening => prop_assert_ne!(after.change_to(&before), Change::Neutral),
            }
        }
        #[test]
        fn st_2_tightenings_one_after_the_other_are_one(a in limits(), b in limits(), c in limits()) {
            if a.change_to(&b) <= Change::Tightening && b.change_to(&c) <= Change::Tightening {
                prop_assert!(a.change_to(&c) <= Change::Tightening);
            }
        }
        #[test]
        fn st_2_what_both_allow_is_never_looser_than_either(a in limits(), b in limits()) {
            let meet = meet(&a, &b);
            prop_assert!(a.change_to(&meet) <= Change::Tightening && b.change_to(&meet) <= Change::Tightening);
        }
        #[test]
        fn st_3_a_tightening_takes_from_what_waits_and_adds_nothing_to_it(
            now in limits(), asked in limits(), waiting in limits(),
        ) {
            let after = meet(&now, &asked);
            let left = now.tighten_waiting(&after, &waiting);
            prop_assert!(waiting.change_to(&left) <= Change::Tightening);
            for lost in now.allowed_pairs.difference(&after.allowed_pairs) {
                prop_assert!(!left.allowed_pairs.contains(lost));
            }
            for added in waiting.allowed_pairs.difference(&now.allowed_pairs) {
                prop_assert!(left.allowed_pairs.contains(added));
            }
        }
        #[test]
        fn st_3_nothing_is_loose_before_24_hours_nor_before_the_cooling_off_ends(
            limits in limits(), hours in 0_u32..100, cooling in proptest::option::of(0_i64..1_000_000),
        ) {
            let now = WallTime::from_ms(1_000);
            let limits = Limits { loosening_wait_h: hours, ..limits };
            let at = limits.loosened_at(now, cooling.map(WallTime::from_ms));
            prop_assert!(at.ms_since(now) >= 24 * 3_600_000 && at.ms_since(now) >= i64::from(hours) * 3_600_000);
            prop_assert!(cooling.is_none_or(|until| at.ms() >= until));
        }
    }

    #[test]
    fn st_2_what_cannot_be_compared_is_a_loosening() {
        struct Never;
        impl PartialEq for Never {
            fn eq(&self, _: &Self) -> bool {
                false
            }
        }
        impl PartialOrd for Never {
            fn partial_cmp(&self, _: &Self) -> Option<std::cmp::Ordering> {
                None
            }
        }
        assert_eq!(Change::of_ceiling(&Never, &Never), Change::Loosening);
        assert_eq!(Change::of_floor(&Never, &Never), Change::Loosening);
        assert_eq!(Change::of_ceiling(&2, &1), Change::Tightening);
        assert_eq!(Change::of_floor(&1, &2), Change::Tightening);
        assert_eq!(Change::of_ceiling(&1, &1), Change::Neutral);
    }
}
