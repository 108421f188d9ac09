//! The last look before a send: is it still early enough, by both clocks (RF-3, RF-4)?
//!
//! A frozen machine may wake with a monotonic clock that stood still, a set clock may have gone back; either alone is
//! deceived, so both must agree that less than the receive window has passed.

use account::WallTime;
use exchange::ReceiveWindowMs;
use host::{Clock, Monotonic};

use crate::exchange_clock::spans;

/// When the request was authorised, on both clocks. The monotonic moment is taken before the transaction, so that the
/// span it gives is rather too long.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    pub monotonic: Monotonic,
    pub authorised_at: WallTime,
}

/// The window has passed, or a clock was set back: nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not sent: {by_wall_ms} ms by the wall clock and {by_monotonic_ms} ms by the monotonic one after authorisation"
)]
pub struct TooLate {
    pub by_wall_ms: i64,
    pub by_monotonic_ms: i64,
}

/// Refuses what the exchange would have to refuse.
pub fn check_deadline(started: Started, window: ReceiveWindowMs, clock: &dyn Clock) -> Result<(), TooLate> {
    let (by_wall_ms, by_monotonic_ms) = spans(clock, started.authorised_at, started.monotonic);
    let early = (0..window.ms()).contains(&by_wall_ms) && by_monotonic_ms < window.ms();
    if early { Ok(()) } else { Err(TooLate { by_wall_ms, by_monotonic_ms }) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    struct At {
        wall: i64,
        monotonic: u64,
    }
    #[async_trait::async_trait]
    impl Clock for At {
        fn now(&self) -> WallTime {
            WallTime::from_ms(self.wall)
        }
        fn monotonic(&self) -> Monotonic {
            Monotonic::from_ms(self.monotonic)
        }
        async fn wait(&self, _: Duration) {}
    }
    fn check(wall: i64, monotonic: u64, in_time: bool) {
        let started = Started { monotonic: Monotonic::from_ms(100), authorised_at: WallTime::from_ms(10_000) };
        let outcome =
            check_deadline(started, ReceiveWindowMs::MAX, &At { wall: 10_000 + wall, monotonic: 100 + monotonic });
        assert_eq!(outcome.is_ok(), in_time, "{wall} {monotonic}");
    }

    #[test]
    fn both_clocks_must_agree_that_it_is_early() {
        check(0, 0, true);
        check(2_999, 2_999, true);
        check(3_000, 2_999, false);
        check(2_999, 3_000, false);
        // RF-3: frozen for ten minutes.
        check(600_000, 600_000, false);
        // RF-4: the monotonic clock stood still.
        check(600_000, 0, false);
        // The wall clock was set back.
        check(-1, 600_000, false);
        check(-1, 0, false);
    }
}
