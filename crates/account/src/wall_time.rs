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
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
