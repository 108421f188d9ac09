//! Turns what was asked for with `--market` into candles, checked whole. Touches no data folder: a bad file must leave no
//! trace.

use std::collections::BTreeMap;

use strategy::market::{Pair, SymbolRules};

use super::file::{CandleFile, FileRefused};
use super::sim::Simulation;
use super::{Choice, Source};

/// The seed of a market that nobody chose.
const SEED_DEFAULT: u64 = 1;
/// What is traded on a live market.
const LIVE_PAIRS: [&str; 2] = ["BTC-USDT", "ETH-USDT"];

/// Why these markets are not used.
#[derive(Debug, thiserror::Error)]
pub enum MarketRefused {
    /// A candle file.
    #[error(transparent)]
    File(#[from] FileRefused),
    /// Two files of one pair.
    #[error("{0} is given twice: give each pair one file")]
    Twice(Pair),
    /// A simulation or a live market beside another market.
    #[error("sim and live stand alone: only --market file: may be given several times")]
    NotAlone,
    /// Candles of different lengths have no common market minute.
    #[error("{pair} has candles of {its_s} s and {other} of {others_s} s: give files of one candle length")]
    Lengths {
        /// One pair.
        pair: Pair,
        /// Seconds of its candles.
        its_s: i64,
        /// The other pair.
        other: Pair,
        /// Seconds of the other's candles.
        others_s: i64,
    },
    /// Rules for a pair that is not traded.
    #[error("--filters names {0}, which no --market has: remove it there, or add its candles")]
    RulesForNothing(Pair),
}

/// Where the candles of this run come from.
pub enum Candles {
    /// Files or a simulation.
    Recorded(Vec<Box<dyn Source>>),
    /// Asked for while they happen.
    Live(Vec<Pair>),
}

impl std::fmt::Debug for Candles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Candles::Recorded(sources) => write!(f, "Recorded({} pairs)", sources.len()),
            Candles::Live(pairs) => write!(f, "Live({pairs:?})"),
        }
    }
}

/// A checked market.
pub struct Opened {
    /// Its candles.
    pub candles: Candles,
    /// Which market it is, for the data folder to remember: files by pair and name.
    pub name: String,
    /// What its owner should know about it.
    pub notices: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({})", self.name)
    }
}

impl Opened {
    /// Reads and checks everything. Without a choice it is the simulation.
    pub fn check(choices: &[Choice], rules: &BTreeMap<Pair, SymbolRules>) -> Result<Self, MarketRefused> {
        let opened = match choices {
            [] => simulated(SEED_DEFAULT),
            [Choice::Sim { seed }] => simulated(*seed),
            [Choice::LiveBinance] => Self {
                candles: Candles::Live(LIVE_PAIRS.iter().filter_map(|p| p.parse().ok()).collect()),
                name: "live:binance".to_owned(),
                notices: Vec::new(),
            },
            files => recorded(files)?,
        };
        let pairs = opened.pairs();
        match rules.keys().find(|pair| !pairs.contains(pair)) {
            Some(pair) => Err(MarketRefused::RulesForNothing(pair.clone())),
            None => Ok(opened),
        }
    }
    /// The pairs it has.
    pub fn pairs(&self) -> Vec<Pair> {
        match &self.candles {
            Candles::Recorded(sources) => sources.iter().map(|source| source.pair().clone()).collect(),
            Candles::Live(pairs) => pairs.clone(),
        }
    }
}

fn simulated(seed: u64) -> Opened {
    let sources = Simulation::pairs(seed).into_iter().map(|s| Box::new(s) as Box<dyn Source>).collect();
    Opened { candles: Candles::Recorded(sources), name: format!("sim:{seed}"), notices: Vec::new() }
}

fn recorded(choices: &[Choice]) -> Result<Opened, MarketRefused> {
    let (mut sources, mut names, mut notices) = (Vec::<Box<dyn Source>>::new(), Vec::new(), Vec::new());
    for choice in choices {
        let Choice::File { pair, path } = choice else { return Err(MarketRefused::NotAlone) };
        let file = CandleFile::open(path, pair.clone())?;
        if sources.iter().any(|s| s.pair() == file.pair()) {
            return Err(MarketRefused::Twice(file.pair().clone()));
        }
        if let Some(first) = sources.first().filter(|first| first.interval_ms() != file.interval_ms()) {
            return Err(MarketRefused::Lengths {
                pair: first.pair().clone(),
                its_s: first.interval_ms() / 1000,
                other: file.pair().clone(),
                others_s: file.interval_ms() / 1000,
            });
        }
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if file.gaps() > 0 {
            notices.push(format!(
                "{name} has no candles in {} places: the market is silent there, and nothing is made up. Give a complete file to trade through them.",
                file.gaps()
            ));
        }
        names.push(format!("file:{}={name}", file.pair()));
        sources.push(Box::new(file));
    }
    names.sort_unstable();
    Ok(Opened { candles: Candles::Recorded(sources), name: names.join(" "), notices })
}
