//! The wall clock, the monotonic clock and waiting.

use std::fmt;
use std::time::Duration;

use account::WallTime;
use async_trait::async_trait;

/// Milliseconds since an arbitrary start; never set back, but it may stand still while a machine is frozen (RF-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(u64);

impl Monotonic {
    /// From milliseconds since the start of the clock.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }
    /// Milliseconds since `earlier`, zero when it is later.
    pub const fn ms_since(self, earlier: Monotonic) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Tells the time. Tests and the local stack bring their own.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, by the wall clock.
    fn now(&self) -> WallTime;
    /// Now, by the monotonic clock.
    fn monotonic(&self) -> Monotonic;
    /// Waits; a fake clock may return at once after moving.
    async fn wait(&self, time: Duration);
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// Starts the monotonic clock.
    #[expect(clippy::disallowed_methods, reason = "this is where the system clock enters")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}
impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}
#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is where the system clock enters")]
    fn now(&self) -> WallTime {
        // Before 1970 the machine has no clock worth the name; 0 makes every token expired, which fails closed.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        WallTime::from_ms(i64::try_from(since.as_millis()).unwrap_or(0))
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await
    }
}
