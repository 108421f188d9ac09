//! The paper exchange: a simulated exchange that speaks Binance's spot REST protocol.
//!
//! To everything that trades here it is one more exchange: keys with permissions, signatures over the bytes received,
//! receive windows, filters, balances and fees. It matches with the crate `paper`, and keeps its state in the table
//! `paper`, whose layout stands in [`item`]. It never touches keys of real exchanges, and never calls one.
//!
//! Two clocks meet here. Requests live on the wall clock: server time, receive windows, and an order's `time`,
//! `updateTime` and `transactTime`. Candles and fills live on the market clock: `klines`, and a trade's `time`.

mod apply_candle;
mod authorise;
mod commit;
mod decimal;
mod endpoint;
pub mod item;
mod make_key;
mod orders_accepted;
mod parameters;
mod refusal;
mod router;
mod signature;
mod symbols;

use std::sync::Arc;

pub use apply_candle::{Applied, ApplyFailed, apply_candle};
pub use make_key::{MakeKey, MakeKeyRefused, NewKey, PermissionsWanted, make_key};
pub use orders_accepted::{AcceptedOrder, orders_accepted};
pub use router::{operations, own_routes, router, with_own_routes};
pub use symbols::{ListRefused, list_symbol, set_status};

/// What the exchange needs from its host.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The tables; only `paper` is used here.
    pub store: store::Store,
    /// The wall clock.
    pub clock: Arc<dyn host::Clock>,
    /// Makes keys and transaction tokens.
    pub entropy: Arc<dyn host::Entropy>,
    /// Under which assumptions orders fill.
    pub profile: paper::profile::Profile,
}

impl Deps {
    /// From the function's host; `TABLE_PAPER` names the table.
    pub fn of(host: &host::Host) -> Self {
        Self {
            store: store::Store::of(host),
            clock: host.clock.clone(),
            entropy: host.entropy.clone(),
            profile: paper::profile::Profile::standard(),
        }
    }
    /// A token that makes one transaction safe to repeat.
    pub(crate) fn token(&self) -> String {
        self.entropy.ulid(self.clock.now()).to_string()
    }
}
