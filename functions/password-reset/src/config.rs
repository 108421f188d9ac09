//! The settings of `password-reset`.

use std::fmt;

use account::password_hash::{CostRefused, HashParameters};
use host::{Host, Missing};
use passkey::{OriginRefused, RelyingParty};

/// Why the function does not start (PW-4).
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The password hash is configured too weak or too costly.
    #[error("HASH_COST: {0}")]
    Cost(#[from] CostRefused),
    /// The list of stolen passwords is at no address that may be asked.
    #[error(transparent)]
    Breached(#[from] breached_passwords::NotARangeUrl),
    /// Passkeys need an origin that they can be bound to.
    #[error("ALLOWED_ORIGIN: {0}")]
    Origin(#[from] OriginRefused),
}

/// What new hashes cost: `HASH_COST` as `m/t/p`, the deployment target by default.
fn hash_parameters(host: &Host) -> Result<HashParameters, StartRefused> {
    match host.environment.optional("HASH_COST") {
        Some(text) => Ok(text.parse::<HashParameters>()?),
        None => Ok(HashParameters::TARGET),
    }
}

/// What the endpoints work with.
pub struct Deps {
    pub(crate) store: store::Store,
    pub(crate) key: identity_key::IdentityKey,
    pub(crate) parameters: HashParameters,
    pub(crate) breached: breached_passwords::BreachedPasswords,
    /// PR-5: the site is a constant of the deployment; no header of a request says where a passkey belongs.
    pub(crate) passkeys: RelyingParty,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host.
    pub fn of(host: &Host) -> Result<Self, StartRefused> {
        // Without the key for seeds no account with a second factor could be reset.
        host.environment.text("KEY_IDENTITY")?;
        Ok(Self {
            store: store::Store::of(host),
            key: identity_key::IdentityKey::of(host)?,
            parameters: hash_parameters(host)?,
            breached: breached_passwords::BreachedPasswords::of(&host.environment)?,
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
