//! The local wall clock: the system's, plus an offset that the owner may move forward and that survives a restart.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use account::WallTime;
use async_trait::async_trait;
use host::{Clock, Monotonic, SystemClock};

use crate::remembered::{Forgotten, read_number, write_whole};

/// The wall clock of all local functions and services together.
#[derive(Debug)]
pub struct LocalClock {
    system: SystemClock,
    offset_ms: AtomicI64,
    file: Option<PathBuf>,
    moving: Mutex<()>,
}

/// Why the clock was not moved.
#[derive(Debug, thiserror::Error)]
pub enum ClockRefused {
    /// It never goes back.
    #[error("the clock only moves forward: advance_s must be 1 to 31536000")]
    NotForward,
    /// The new offset could not be stored, so nothing was moved.
    #[error("the clock's offset cannot be stored: {0}")]
    NotStored(#[from] std::io::Error),
}

impl LocalClock {
    /// Reads the stored offset; in memory it starts at zero.
    pub fn open(folder: Option<&Path>) -> Result<Self, Forgotten> {
        let file = folder.map(|f| f.join("clock-offset-ms"));
        let offset = file.as_deref().map(read_number).transpose()?.flatten().unwrap_or(0);
        Ok(Self { system: SystemClock::new(), offset_ms: AtomicI64::new(offset), file, moving: Mutex::new(()) })
    }
    /// Moves the clock forward, stored before it takes effect.
    pub fn advance(&self, seconds: i64) -> Result<WallTime, ClockRefused> {
        if !(1..=31_536_000).contains(&seconds) {
            return Err(ClockRefused::NotForward);
        }
        let _one_at_a_time = self.moving.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let offset = self.offset_ms.load(Ordering::SeqCst).saturating_add(seconds.saturating_mul(1000));
        if let Some(file) = &self.file {
            write_whole(file, &offset.to_string())?;
        }
        self.offset_ms.store(offset, Ordering::SeqCst);
        Ok(self.now())
    }
    /// Seconds ahead of the system's clock.
    pub fn offset_s(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst) / 1000
    }
}

#[async_trait]
impl Clock for LocalClock {
    fn now(&self) -> WallTime {
        self.system.now().plus_ms(self.offset_ms.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Monotonic {
        // Moves with the wall clock: an advance is time that passed for all, not a frozen machine.
        let ahead = u64::try_from(self.offset_ms.load(Ordering::SeqCst)).unwrap_or(0);
        Monotonic::from_ms(self.system.monotonic().ms_since(Monotonic::from_ms(0)).saturating_add(ahead))
    }
    async fn wait(&self, time: Duration) {
        self.system.wait(time).await
    }
}
impl emulators::WallClock for LocalClock {
    fn now_ms(&self) -> i64 {
        self.now().ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advance_survives_a_restart_and_never_goes_back() {
        let folder = tempfile::tempdir().expect("folder");
        let clock = LocalClock::open(Some(folder.path())).expect("opened");
        assert!(matches!(clock.advance(0), Err(ClockRefused::NotForward)));
        assert!(matches!(clock.advance(-5), Err(ClockRefused::NotForward)));
        let moved = clock.advance(90).expect("moved");
        let again = LocalClock::open(Some(folder.path())).expect("opened");
        assert!(again.now() >= moved);
        assert_eq!(again.offset_s(), 90);
        std::fs::write(folder.path().join("clock-offset-ms"), "ninety").expect("written");
        assert!(LocalClock::open(Some(folder.path())).is_err(), "zero would move the clock back");
    }
}
