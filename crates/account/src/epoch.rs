//! Counters that only security events raise.

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
