//! How far the market is and what does not work at present, for whoever shows it.

use std::collections::BTreeMap;
use std::fmt::Display;

use strategy::market::MarketTime;
use tokio::sync::watch;

/// The state of a running installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The market clock: close of the last minute done, also before a restart.
    pub close: Option<MarketTime>,
    /// Market minutes done since the start.
    pub minutes: u64,
    /// The candles are at their end: trading is closed, everything else goes on.
    pub ended: bool,
    /// What fails at present and is tried again, by part. An entry goes when the part works again.
    pub troubles: BTreeMap<&'static str, String>,
}

/// Where the parts of the installation tell it.
#[derive(Debug, Clone)]
pub(crate) struct Teller(watch::Sender<Progress>);

impl Teller {
    /// Starts at the market time that the data folder remembers.
    pub(crate) fn starting_at(close: Option<MarketTime>) -> Self {
        Self(watch::Sender::new(Progress { close, ..Progress::default() }))
    }
    /// For those who look.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.0.subscribe()
    }
    /// A minute is done and recorded.
    pub(crate) fn minute_done(&self, close: MarketTime) {
        self.0.send_modify(|progress| {
            progress.close = Some(close);
            progress.minutes += 1;
        });
    }
    /// No candle is left.
    pub(crate) fn ended(&self) {
        self.0.send_modify(|progress| progress.ended = true);
    }
    /// A part failed and will try again. Logged and shown once, however often it happens.
    pub(crate) fn trouble(&self, part: &'static str, why: &dyn Display) {
        let why = why.to_string();
        self.0.send_if_modified(|progress| {
            if progress.troubles.get(part) == Some(&why) {
                return false;
            }
            tracing::warn!(part, %why, "it will be tried again");
            progress.troubles.insert(part, why);
            true
        });
    }
    /// A part works.
    pub(crate) fn works(&self, part: &'static str) {
        self.0.send_if_modified(|progress| progress.troubles.remove(part).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_goes_when_the_part_works() {
        let teller = Teller::starting_at(None);
        let mut seen = teller.watch();
        seen.mark_unchanged();
        teller.trouble("market", &"no answer");
        assert!(seen.has_changed().expect("open"));
        seen.mark_unchanged();
        teller.trouble("market", &"no answer");
        assert!(!seen.has_changed().expect("open"), "the same words again are no news");
        teller.trouble("jobs", &"no answer");
        assert_eq!(seen.borrow_and_update().troubles.len(), 2);
        teller.works("market");
        assert_eq!(seen.borrow_and_update().troubles.keys().copied().collect::<Vec<_>>(), ["jobs"]);
    }
}
