//! How far an exchange's clock is ahead of ours, measured by the signer itself (RF-5).
//!
//! A measurement is reused for at most a minute, and never across a gap between the wall and the monotonic clock: a machine
//! that was frozen, or whose clock was set, measures anew.

use std::sync::{Mutex, PoisonError};

use account::WallTime;
use exchange::{PublicQuestion, PublicRequest, Venue};
use host::{Clock, Monotonic};
use wire::{Sent, Wire};

/// A round trip longer than this says too little about the moment in its middle; ms.
const ROUND_TRIP_MS_MAX: u64 = 500;
/// A measurement older than this is not used; ms.
const REUSED_MS_MAX: i64 = 60_000;
/// Wall and monotonic time may differ by this much over the same span; ms.
const GAP_MS_MAX: i64 = 500;
/// Beyond this one of the clocks is wrong, and nothing is traded; ms.
const OFFSET_MS_MAX: i64 = 10_000;
/// Tries until a round trip is short enough.
const TRIES: u32 = 3;

#[derive(Debug, Clone, Copy)]
struct Reading {
    venue: Venue,
    offset_ms: i64,
    wall: WallTime,
    monotonic: Monotonic,
}

/// The measurements of this process.
#[derive(Debug, Default)]
pub struct ExchangeClock {
    readings: Mutex<Vec<Reading>>,
}

/// Why there is no usable measurement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoExchangeTime {
    /// The clocks differ by more than ten seconds: no trading, and an alarm.
    #[error("our clock and the exchange's differ by {offset_ms} ms: nothing is traded")]
    TooFar {
        /// Exchange minus ours.
        offset_ms: i64,
    },
    /// Every round trip took too long, or the clocks disagreed during it.
    #[error("the exchange's clock could not be read fast enough")]
    TooSlow,
    /// The exchange does not answer, or not sensibly.
    #[error("the exchange's clock cannot be read: {why}")]
    Unreachable {
        /// For logs.
        why: String,
    },
}

/// A span of time on both clocks. They differ when the machine was frozen or a clock was set.
pub(crate) fn spans(clock: &dyn Clock, wall: WallTime, monotonic: Monotonic) -> (i64, i64) {
    let by_wall = clock.now().ms_since(wall);
    (by_wall, i64::try_from(clock.monotonic().ms_since(monotonic)).unwrap_or(i64::MAX))
}

impl ExchangeClock {
    /// Exchange minus ours in ms, from a measurement of the last minute or a new one.
    pub async fn offset_ms(&self, venue: Venue, wire: &Wire, clock: &dyn Clock) -> Result<i64, NoExchangeTime> {
        if let Some(reading) = self.find(venue) {
            let (wall, monotonic) = spans(clock, reading.wall, reading.monotonic);
            let fresh = (0..=REUSED_MS_MAX).contains(&wall) && (wall - monotonic).abs() <= GAP_MS_MAX;
            if fresh {
                return Ok(reading.offset_ms);
            }
        }
        self.forget(venue);
        let reading = measure(venue, wire, clock).await?;
        if reading.offset_ms.abs() > OFFSET_MS_MAX {
            tracing::error!(%venue, offset_ms = reading.offset_ms, alarm = "clock", "clocks too far apart: nothing is traded");
            return Err(NoExchangeTime::TooFar { offset_ms: reading.offset_ms });
        }
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
        Ok(reading.offset_ms)
    }
    /// Makes the next order measure anew: the exchange found our timestamp wrong, or was not there.
    pub fn forget(&self, venue: Venue) {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).retain(|r| r.venue != venue);
    }

    fn find(&self, venue: Venue) -> Option<Reading> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|r| r.venue == venue).copied()
    }
}

async fn measure(venue: Venue, wire: &Wire, clock: &dyn Clock) -> Result<Reading, NoExchangeTime> {
    for _ in 0..TRIES {
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let sent = wire.send(PublicRequest::build(venue, &PublicQuestion::ServerTime)).await;
        let (by_wall, by_monotonic) = spans(clock, wall, monotonic);
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::NotSent { why } | Sent::Unknown { why } => return Err(NoExchangeTime::Unreachable { why }),
        };
        let said = match venue {
            Venue::Paper => exchange::binance::server_time(answer.received()),
        };
        let theirs = said.map_err(|failure| NoExchangeTime::Unreachable { why: failure.to_string() })?;
        if by_monotonic.unsigned_abs() > ROUND_TRIP_MS_MAX || (by_wall - by_monotonic).abs() > GAP_MS_MAX {
            continue;
        }
        return Ok(Reading {
            venue,
            offset_ms: theirs.ms() - wall.plus_ms(by_monotonic / 2).ms(),
            wall: clock.now(),
            monotonic: clock.monotonic(),
        });
    }
    Err(NoExchangeTime::TooSlow)
}
