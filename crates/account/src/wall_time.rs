//! The wall clock: sessions, tokens, fences, receive windows. Never compared with market time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment of the wall clock in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

impl WallTime {
    /// 9999-12-31T00:00:00Z: later than anything that is compared with it.
    pub const FAR_FUTURE: WallTime = WallTime(253_402_214_400_000);
    /// From Unix milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }
    /// Unix milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }
    /// Unix seconds, rounded down; the unit of DynamoDB's TTL and of TOTP.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// This many seconds later (earlier when negative).
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
    /// This many milliseconds later (earlier when negative).
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    pub const fn ms_since(self, earlier: WallTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
impl fmt::Display for WallTime {
    /// RFC 3339 in UTC with milliseconds, as the HTTP contract demands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Civil time and not `jiff::Timestamp`, which ends two hours before `FAR_FUTURE`.
        let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        match epoch.checked_add(jiff::SignedDuration::from_millis(self.0)) {
            Ok(moment) => write!(f, "{moment:.3}Z"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_rfc_3339_with_milliseconds() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9223372036854775807 ms"),
        ] {
            assert_eq!(WallTime::from_ms(ms).to_string(), expected);
        }
        assert_eq!(WallTime::FAR_FUTURE.to_string(), "9999-12-31T00:00:00.000Z");
    }

    #[test]
    fn arithmetic_neither_wraps_nor_rounds_up() {
        assert_eq!(WallTime::from_ms(1_999).seconds(), 1);
        assert_eq!(WallTime::from_ms(-1).seconds(), -1);
        assert_eq!(WallTime::from_ms(5).plus_seconds(-1).ms(), -995);
        assert_eq!(WallTime::from_ms(i64::MAX).plus_seconds(i64::MAX).ms(), i64::MAX);
        assert_eq!(WallTime::from_ms(i64::MIN).ms_since(WallTime::from_ms(i64::MAX)), i64::MIN);
        assert_eq!(WallTime::from_ms(7).ms_since(WallTime::from_ms(9)), -2);
    }
}
