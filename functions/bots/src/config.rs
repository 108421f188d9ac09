//! The settings of `bots`.

use std::fmt;

use decision_queue::DecisionQueue;
use host::{Host, Missing};
use store::Store;
use strategy::market::Pair;

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The list of pairs.
    #[error("MARKET_PAIRS: {entry} is not a pair such as BTC-USDT or paper:BTC-USDT")]
    Pairs {
        /// What was found.
        entry: String,
    },
}

/// What the endpoints work with.
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) queue: DecisionQueue,
    pub(crate) host: Host,
    /// Pairs whose market is kept, with the name of their exchange.
    pub(crate) pairs: Vec<(String, Pair)>,
}

impl Deps {
    /// From the host: the tables, `QUEUE_DECISIONS_URL` and `MARKET_PAIRS`.
    pub fn of(host: &Host) -> Result<Self, StartRefused> {
        Ok(Self {
            store: Store::of(host),
            queue: DecisionQueue::of(host)?,
            host: host.clone(),
            pairs: pairs(&host.environment.text("MARKET_PAIRS")?)?,
        })
    }
    /// A new name.
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

/// The same text as the tick reads: `paper:BTC-USDT,ETH-USDT`.
fn pairs(text: &str) -> Result<Vec<(String, Pair)>, StartRefused> {
    let mut exchange = "paper".to_owned();
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let pair = match entry.split_once(':') {
                Some((name, pair)) => {
                    exchange = name.to_owned();
                    pair
                }
                None => entry,
            };
            let pair = pair.parse().map_err(|_| StartRefused::Pairs { entry: entry.to_owned() })?;
            Ok((exchange.clone(), pair))
        })
        .collect()
}
