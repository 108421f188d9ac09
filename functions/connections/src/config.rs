//! The settings of `connections`: tables, `KEY_VAULT`, `KEY_VAULT_MAC`, `ALLOWED_ORIGIN`, `PAPER_BASE_URL`.

use std::fmt;
use std::sync::Arc;

use host::{Host, Missing};
use store::Store;
use vault::Sealer;
use wire::{BaseUrls, CannotStart, NotABaseUrl, Transport, Wire};

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// An exchange's address is not one that keys may be sent to.
    #[error(transparent)]
    BaseUrl(#[from] NotABaseUrl),
    /// There is no way to the network.
    #[error(transparent)]
    Network(#[from] CannotStart),
}

/// What the endpoints work with. The way to the exchanges leads to their permission endpoints alone (KX-3).
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    pub(crate) wire: Wire,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host.
    pub fn of(host: &Host, transport: Arc<dyn Transport>) -> Result<Self, StartRefused> {
        Ok(Self {
            store: Store::of(host),
            sealer: Sealer::of(host)?,
            wire: Wire::for_permissions(BaseUrls::of(&host.environment)?, transport),
            host: host.clone(),
        })
    }
    /// A name for one transaction.
    pub(crate) fn token(&self) -> String {
        self.host.entropy.ulid(self.host.clock.now()).to_string()
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
