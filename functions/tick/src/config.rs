//! The settings of `tick`.

use std::fmt;
use std::sync::Arc;

use decision_queue::DecisionQueue;
use exchange::Venue;
use host::{Host, Missing};
use store::Store;
use strategy::market::Pair;
use wire::{BaseUrls, CannotStart, HttpTransport, NotABaseUrl, Transport, Wire};

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The exchange's address.
    #[error(transparent)]
    BaseUrl(#[from] NotABaseUrl),
    /// The network.
    #[error(transparent)]
    Network(#[from] CannotStart),
    /// The list of pairs.
    #[error("MARKET_PAIRS: {entry} is not a pair such as BTC-USDT or paper:BTC-USDT")]
    Pairs {
        /// What was found.
        entry: String,
    },
}

/// What the tick works with: public market data, wakes, intents; no secret.
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) queue: DecisionQueue,
    pub(crate) market: Wire,
    pub(crate) pairs: Vec<(Venue, Pair)>,
    pub(crate) host: Host,
}

impl Deps {
    /// From the host: `MARKET_PAIRS`, `PAPER_BASE_URL`, `QUEUE_DECISIONS_URL` and the tables.
    pub fn of(host: &Host) -> Result<Self, StartRefused> {
        Self::with_transport(host, Arc::new(HttpTransport::new()?))
    }
    /// The same over another transport.
    pub fn with_transport(host: &Host, transport: Arc<dyn Transport>) -> Result<Self, StartRefused> {
        Ok(Self {
            store: Store::of(host),
            queue: DecisionQueue::of(host)?,
            market: Wire::for_market(BaseUrls::of(&host.environment)?, transport),
            pairs: pairs(&host.environment.text("MARKET_PAIRS")?)?,
            host: host.clone(),
        })
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

/// Reads `paper:BTC-USDT,ETH-USDT`; without a name before the colon a pair is the paper exchange's.
fn pairs(text: &str) -> Result<Vec<(Venue, Pair)>, StartRefused> {
    let not = |entry: &str| StartRefused::Pairs { entry: entry.to_owned() };
    let mut venue = Venue::Paper;
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let pair = match entry.split_once(':') {
                Some((name, pair)) => {
                    venue = name.parse().map_err(|_| not(entry))?;
                    pair
                }
                None => entry,
            };
            Ok((venue, pair.parse().map_err(|_| not(entry))?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_may_name_their_exchange() {
        let read = |text: &str| {
            pairs(text).map(|all| all.iter().map(|(v, p)| format!("{v}:{p}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read("paper:BTC-USDT,ETH-USDT").expect("pairs"), "paper:BTC-USDT paper:ETH-USDT");
        assert_eq!(read("BTC-USDT, ").expect("pairs"), "paper:BTC-USDT");
        for bad in ["binance:BTC-USDT", "btc-usdt", "BTCUSDT"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
