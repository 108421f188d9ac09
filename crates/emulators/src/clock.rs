//! The local wall clock, moved by the host.
//!
//! Never read from the system here: expiry, visibility and token windows follow what the host says.

/// The local wall clock. Must never go backwards.
pub trait WallClock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}
