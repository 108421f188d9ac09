//! What `signer` works with, and its settings.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use account::WallTime;
use decision_queue::DecisionQueue;
use exchange::{ReceiveWindowMs, Venue};
use host::{Host, Missing};
use store::Store;
use wire::{BaseUrls, NotABaseUrl, Transport, Wire};

use crate::exchange_clock::ExchangeClock;

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// An exchange's address cannot be used.
    #[error(transparent)]
    BaseUrl(#[from] NotABaseUrl),
    /// `SEND_WINDOW_MS_MAX` is not 1 to 3000 (G2).
    #[error("SEND_WINDOW_MS_MAX must be 1 to 3000 milliseconds")]
    Window,
}

/// After a failure that the next order would meet too, nothing is authorised for this long; ms of the wall clock.
pub(crate) const PAUSE_MS: i64 = 10_000;

/// The tables, the one handle that opens keys, the one way to private exchange paths.
#[derive(Clone)]
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) signer: vault::Signer,
    pub(crate) wire: Wire,
    pub(crate) queue: DecisionQueue,
    pub(crate) host: Host,
    pub(crate) clock: Arc<ExchangeClock>,
    /// Receive window of orders and cancels.
    pub(crate) window: ReceiveWindowMs,
    paused: Arc<Mutex<Vec<(Venue, WallTime)>>>,
}

impl Deps {
    /// From the host: `TABLE_IDENTITY`, `TABLE_VAULT`, `TABLE_TRADING`, `TABLE_MARKET`, `KEY_VAULT`, `QUEUE_DECISIONS_URL`,
    /// `PAPER_BASE_URL` and `SEND_WINDOW_MS_MAX`; and the transport, which tests and the local stack bring.
    pub fn of(host: &Host, transport: Arc<dyn Transport>) -> Result<Self, StartRefused> {
        let window_ms = host.environment.number_or("SEND_WINDOW_MS_MAX", 3_000)?;
        Ok(Self {
            store: Store::of(host),
            signer: vault::Signer::of(host)?,
            wire: Wire::for_orders(BaseUrls::of(&host.environment)?, transport),
            queue: DecisionQueue::of(host)?,
            host: host.clone(),
            clock: Arc::default(),
            paused: Arc::default(),
            window: i64::try_from(window_ms).ok().and_then(ReceiveWindowMs::of).ok_or(StartRefused::Window)?,
        })
    }

    /// Authorises nothing for this venue for so many ms: it limits us, or cannot be reached.
    pub(crate) fn pause(&self, venue: Venue, ms: i64) {
        let until = self.host.clock.now().plus_ms(ms);
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.retain(|(v, _)| *v != venue);
        paused.push((venue, until));
    }
    /// Whether nothing is authorised for this venue now.
    pub(crate) fn is_paused(&self, venue: Venue) -> bool {
        let now = self.host.clock.now();
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.iter().any(|(v, until)| *v == venue && *until > now)
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}
