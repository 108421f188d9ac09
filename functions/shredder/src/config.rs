//! What `shredder` works with. Its settings are `TABLE_OUTBOX` and `TABLE_VAULT`, which the store reads.

use std::fmt;

use store::Store;
use vault::Eraser;

/// The outbox and the ledger, the right to erase secrets, the clock.
#[derive(Clone)]
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) eraser: Eraser,
    pub(crate) host: host::Host,
}

impl Deps {
    /// From the host.
    pub fn of(host: &host::Host) -> Self {
        Self { store: Store::of(host), eraser: Eraser::of(host), host: host.clone() }
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
