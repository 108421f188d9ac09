//! The random source, and the ids made from it.

use std::fmt;

use account::WallTime;
use ulid::Ulid;

/// Gives unpredictable bytes. Tests bring a seeded one.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}
impl dyn Entropy {
    /// `N` unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = [0; N];
        self.fill(&mut buffer);
        buffer
    }
    /// A new id: sorts by time, unpredictable within a millisecond.
    pub fn ulid(&self, now: WallTime) -> Ulid {
        let ms = u64::try_from(now.ms()).unwrap_or(0);
        Ulid::from_parts(ms, u128::from_be_bytes(self.bytes()))
    }
}

/// The operating system's random source.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "a machine without randomness must not make keys: stopping is the only safe answer"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}
