//! Where candles come from on this machine: files, a seeded simulation, or live public data.

pub mod file;
pub mod live;
pub mod open;
pub mod sim;

use std::path::PathBuf;
use std::str::FromStr;

use strategy::market::{Candle, Pair};

/// What the owner asked for with `--market`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `file:[PAIR=]PATH`.
    File {
        /// The pair, when the file's name does not say it.
        pair: Option<Pair>,
        /// The CSV file, plain or gzip.
        path: PathBuf,
    },
    /// `sim:SEED`.
    Sim {
        /// The same seed gives the same candles.
        seed: u64,
    },
    /// `live:binance`.
    LiveBinance,
}

/// Why a `--market` text is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMarket {
    /// None of the known forms.
    #[error(
        "--market {0} is not understood: use sim, sim:SEED, file:CANDLES.csv, file:BTC-USDT=CANDLES.csv or live:binance"
    )]
    Unknown(String),
    /// The seed is not a number.
    #[error("the seed of --market sim:SEED is a whole number, not {0}")]
    Seed(String),
    /// What stands before `=` is no pair.
    #[error("--market file:{0}=... does not name a pair: write it like file:BTC-USDT=CANDLES.csv")]
    Pair(String),
}

impl FromStr for Choice {
    type Err = NotAMarket;
    fn from_str(text: &str) -> Result<Self, NotAMarket> {
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::Sim { seed: 1 }),
            Some(("sim", seed)) => {
                seed.parse().map(|seed| Self::Sim { seed }).map_err(|_| NotAMarket::Seed(seed.to_owned()))
            }
            Some(("live", "binance")) => Ok(Self::LiveBinance),
            Some(("file", rest)) if !rest.is_empty() => match rest.split_once('=') {
                Some((pair, path)) if pair.parse::<Pair>().is_ok() => {
                    Ok(Self::File { pair: pair.parse().ok(), path: path.into() })
                }
                // A path may hold `=` too, but then in a folder or behind a dot.
                Some((pair, _)) if !pair.contains(['/', '.', '\\']) => Err(NotAMarket::Pair(pair.to_owned())),
                Some(_) | None => Ok(Self::File { pair: None, path: rest.into() }),
            },
            _ => Err(NotAMarket::Unknown(text.to_owned())),
        }
    }
}

/// A pair's candles, one after another.
pub trait Source: Send {
    /// Which pair.
    fn pair(&self) -> &Pair;
    /// Length of its candles, in ms.
    fn interval_ms(&self) -> i64;
    /// The next candle, or none at the end.
    fn next_candle(&mut self) -> Option<Candle>;
    /// Skips to the first candle that opens at or after this market time in ms.
    fn skip_to(&mut self, open_ms: i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match text.parse::<Choice>() {
            Ok(choice) => format!("{choice:?}"),
            Err(refused) => refused.to_string(),
        };
        assert!(shown.contains(expected), "{text}: {shown} should contain {expected}");
    }

    #[test]
    fn a_market_is_understood_or_the_forms_are_named() {
        check("sim", "seed: 1");
        check("sim:42", "seed: 42");
        check("sim:x", "whole number, not x");
        check("live:binance", "LiveBinance");
        check("live:kraken", "use sim, sim:SEED");
        check("file:", "use sim, sim:SEED");
        check("file:a-BTCUSDT-1m-.csv", "pair: None");
        check("file:BTC-USDT=a.csv", "path: \"a.csv\"");
        check("file:BTCUSDT=a.csv", "does not name a pair");
        check("file:data/x=1/a-BTCUSDT-1m-.csv", "pair: None, path: \"data/x=1/a-BTCUSDT-1m-.csv\"");
    }
}
