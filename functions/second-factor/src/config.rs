//! The settings of `second-factor`.

use std::fmt;

use host::{Host, Missing};

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
}

/// What the endpoints work with.
pub struct Deps {
    pub(crate) store: store::Store,
    pub(crate) key: identity_key::IdentityKey,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host. Without the key for seeds nothing can be enrolled, so it is demanded at the start.
    pub fn of(host: &Host) -> Result<Self, StartRefused> {
        host.environment.text("KEY_IDENTITY")?;
        Ok(Self { store: store::Store::of(host), key: identity_key::IdentityKey::of(host)?, host: host.clone() })
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
