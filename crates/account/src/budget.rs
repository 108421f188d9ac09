//! How often something may be tried: pure state machines over counters that the store keeps (TP-9, TP-10, RL-2, PR-3).
//!
//! Every attempt is charged *before* it is evaluated (RL-3): `admit` gives the state to write, the store writes it only if
//! the state is still the one that was read, and only then is anything hashed or compared. So a burst of parallel guesses
//! is evaluated at most as often as the budget says. Never decides from a state that was not committed.

mod allowance;
mod factor;
mod login;
mod reset_factor;

pub use allowance::{Allowance, AllowanceUsed, RESET_MAILS, Room};
pub use factor::{ChallengeAttempts, FactorBudget, FactorRefused};
pub use login::{LoginBudget, LoginRefused};
pub use reset_factor::ResetFactorBudget;

use crate::wall_time::WallTime;

/// A day of UTC, the kind that "until the day ends" means.
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

/// Takes one charge back; the wait shrinks to that of the failures before it, and never grows.
fn refunded(failures: u32, blocked: WallTime, now: WallTime) -> (u32, WallTime) {
    let failures = failures.saturating_sub(1);
    let before = if failures == 0 { now } else { blocked_until(failures, now) };
    (failures, blocked.min(before))
}
