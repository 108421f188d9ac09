//! Counters that only security events raise.
//!
//! Each is its own type: an epoch is never taken for a session generation.
//! ```
//! assert!(account::Epoch::FIRST == account::Epoch::from_stored(1));
//! ```
//! ```compile_fail,E0308
//! assert!(account::Epoch::FIRST == account::SessionGeneration::FIRST);
//! ```

use serde::{Deserialize, Serialize};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);
        impl $name {
            /// What a new account starts with.
            pub const FIRST: $name = $name(1);
            /// As stored; from a consistent read only.
            pub const fn from_stored(value: u64) -> Self { Self(value) }
            /// As stored.
            pub const fn value(self) -> u64 { self.0 }
            /// The next one; its only arithmetic.
            #[must_use]
            pub const fn next(self) -> Self { Self(self.0.saturating_add(1)) }
        }
    };
}

counter!(
    /// Counts fences: a key, bot or token of an older epoch is dead (RF-40: it never falls).
    Epoch);
counter!(
    /// Counts changes of password or factors; mailed tokens and challenges are bound to it (EV-2, LG-2).
    CredentialVersion);
counter!(
    /// Counts the times all sessions were ended; every session carries the one it was made under (SS-1).
    SessionGeneration);
counter!(
    /// Counts attached and detached connections, so that a reset never misses one (RF-21).
    ConnectionSetVersion);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rf_40_an_epoch_only_rises() {
        assert_eq!(Epoch::FIRST.next().value(), 2);
        assert_eq!(Epoch::from_stored(7).next(), Epoch::from_stored(8));
        assert_eq!(Epoch::from_stored(u64::MAX).next(), Epoch::from_stored(u64::MAX), "never back to zero");
    }

    #[test]
    fn the_stored_form_is_a_number() {
        assert_eq!(serde_json::to_string(&SessionGeneration::from_stored(3)).unwrap(), "3");
        assert!(serde_json::from_str::<CredentialVersion>("-1").is_err());
    }
}
