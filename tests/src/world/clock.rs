//! A clock that stands until the story moves it; waiting moves it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use account::WallTime;
use async_trait::async_trait;
use host::{Clock, Monotonic};

/// Wall and monotonic time, which a story may move apart (RF-4).
#[derive(Debug)]
pub struct FakeClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl FakeClock {
    /// 2026-11-24T12:00:00Z.
    pub fn at_noon() -> Self {
        Self::at(WallTime::from_ms(1_795_521_600_000))
    }
    /// At a moment.
    pub fn at(now: WallTime) -> Self {
        Self { wall_ms: AtomicI64::new(now.ms()), monotonic_ms: AtomicU64::new(1_000_000) }
    }
    /// Both clocks go on.
    pub fn advance(&self, seconds: i64) {
        self.advance_ms(seconds * 1000);
    }
    /// Both clocks go on, in ms.
    pub fn advance_ms(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(u64::try_from(ms).unwrap(), Ordering::SeqCst);
    }
    /// The machine was frozen and its monotonic clock stood still.
    pub fn advance_wall_only(&self, seconds: i64) {
        self.wall_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.wall_ms.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ms(self.monotonic_ms.load(Ordering::SeqCst))
    }
    async fn wait(&self, time: Duration) {
        self.advance_ms(i64::try_from(time.as_millis()).unwrap());
        tokio::task::yield_now().await;
    }
}
impl emulators::WallClock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }
}
