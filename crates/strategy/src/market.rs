//! The market as a decision sees it: closed candles, the last price, the symbol's rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::money::{Amount, Lot, Percent, Price, Quantity, Tick};

/// A moment of the market clock in Unix milliseconds. Not comparable with wall time: there is no conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarketTime(i64);

impl MarketTime {
    /// Before every candle.
    pub const START: MarketTime = MarketTime(0);
    /// From Unix milliseconds of the market clock.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }
    /// Unix milliseconds of the market clock.
    pub const fn ms(self) -> i64 {
        self.0
    }
    /// This many market seconds later; stops at the end of time instead of wrapping.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add((seconds as i64).saturating_mul(1000)))
    }
}

/// Why a text is not a pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pair is written BASE-QUOTE with letters and digits, such as BTC-USDT")]
pub struct NotAPair;

/// What is traded against what, written `BASE-QUOTE`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    base: String,
    quote: String,
}

impl Pair {
    /// The asset that is bought and sold.
    pub fn base(&self) -> &str {
        &self.base
    }
    /// The asset it is paid in.
    pub fn quote(&self) -> &str {
        &self.quote
    }
    /// The venue's joined name, such as `BTCUSDT`.
    pub fn symbol(&self) -> String {
        format!("{}{}", self.base, self.quote)
    }
}
impl FromStr for Pair {
    type Err = NotAPair;
    fn from_str(text: &str) -> Result<Self, NotAPair> {
        let (base, quote) = text.split_once('-').ok_or(NotAPair)?;
        let asset =
            |a: &str| (2..=12).contains(&a.len()) && a.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if asset(base) && asset(quote) && base != quote {
            Ok(Self { base: base.into(), quote: quote.into() })
        } else {
            Err(NotAPair)
        }
    }
}
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.base, self.quote)
    }
}
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One closed candle. `open_time` and `close_time` are market time; `close_time` is the open time of the next candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candle {
    /// When the candle begins.
    pub open_time: MarketTime,
    /// When the next candle begins; this one holds `open_time <= t < close_time`.
    pub close_time: MarketTime,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Base units traded.
    pub volume: Quantity,
}

/// Whether the symbol trades. `Break` at the end of a file, in maintenance or when halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SymbolStatus {
    /// Orders are matched.
    Trading,
    /// Orders are not matched; nothing is placed.
    Break,
}

/// The exchange's rules for a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolRules {
    /// Price step.
    pub tick: Tick,
    /// Quantity step.
    pub lot: Lot,
    /// The least price times quantity an order may have, in quote.
    pub notional_min: Amount,
}

/// Fee rates of the account and the asset in which fees are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// Rate of orders that rested, in percent of the value.
    pub maker: Percent,
    /// Rate of orders that traded at once, in percent of the value.
    pub taker: Percent,
    /// In which asset the fee is taken.
    pub asset: FeeAsset,
}

/// In which asset the venue takes its fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeAsset {
    /// The asset received: base when buying, quote when selling (Binance's default).
    Received,
    /// Always quote.
    Quote,
}

/// What `decide` may know of the market.
#[derive(Debug, Clone)]
pub struct MarketView<'a> {
    /// All closed candles after the deal's `decided_until`, oldest first.
    pub candles: &'a [Candle],
    /// Close of the latest closed candle.
    pub last: Price,
    /// Market time now: the close of the latest closed candle.
    pub now: MarketTime,
    /// Whether orders are matched.
    pub status: SymbolStatus,
}
