//! The settings of `trader`.

use std::fmt;

use decision_queue::DecisionQueue;
use host::{Host, Missing};
use store::Store;

/// What the trader works with: no secret, no exchange.
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) queue: DecisionQueue,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host: `TABLE_TRADING`, `TABLE_MARKET`, `TABLE_VAULT` and `QUEUE_DECISIONS_URL`.
    pub fn of(host: &Host) -> Result<Self, Missing> {
        Ok(Self { store: Store::of(host), queue: DecisionQueue::of(host)?, host: host.clone() })
    }
    /// A new name for a wake, a row or a try.
    pub(crate) fn fresh(&self) -> ulid::Ulid {
        self.host.entropy.ulid(self.host.clock.now())
    }
    /// Tells the trader of a wake that is due. What is not sent is sent by the sweep.
    pub(crate) async fn tell(&self, hint: &store::entity::wake::Hint) {
        if let Err(error) = self.queue.send(hint).await {
            tracing::warn!(bot = %hint.bot, %error, "a hint waits for the sweep");
        }
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
