//! Where candles come from on this machine: files, a seeded simulation, or live public data.

pub mod file;
pub mod live;
pub mod sim;

use std::path::PathBuf;
use std::str::FromStr;

use strategy::market::{Candle, Pair};

/// What the owner asked for with `--market`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `file:[PAIR=]PATH`.
    File { pair: Option<Pair>, path: PathBuf },
    /// `sim:SEED`.
    Sim { seed: u64 },
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
                _ => Ok(Self::File { pair: None, path: rest.into() }),
            },
            _ => Err(NotAMarket::Unknown(text.to_owned())),
        }
    }
}

/// A pair's candles, one after another.
pub trait Source: Send {
    /// Which pair.
    fn pair(&self) -> &Pair;
    /// The next candle, or none at the end.
    fn next_candle(&mut self) -> Option<Candle>;
    /// Skips to the first candle that opens at or after this market time in ms.
    fn skip_to(&mut self, open_ms: i64);
}
