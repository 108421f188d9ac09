//! The settings of `second-factor`.

use std::fmt;

use host::{Host, Missing};
use passkey::{OriginRefused, RelyingParty};

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Passkeys need an origin that they can be bound to.
    #[error("ALLOWED_ORIGIN: {0}")]
    Origin(#[from] OriginRefused),
}

/// What the endpoints work with.
pub struct Deps {
    pub(crate) store: store::Store,
    pub(crate) key: identity_key::IdentityKey,
    /// PR-5: the site is a constant of the deployment; no header of a request says where a passkey belongs.
    pub(crate) passkeys: RelyingParty,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host. Without the key for seeds nothing can be enrolled, so it is demanded at the start.
    pub fn of(host: &Host) -> Result<Self, StartRefused> {
        host.environment.text("KEY_IDENTITY")?;
        Ok(Self {
            store: store::Store::of(host),
            key: identity_key::IdentityKey::of(host)?,
            passkeys: RelyingParty::at(&host.environment.text("ALLOWED_ORIGIN")?)?,
            host: host.clone(),
        })
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
