//! Candles from a CSV file, plain or gzip. The whole file is checked before anything starts.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use strategy::market::{Candle, MarketTime, Pair};
use strategy::money::{Price, Quantity};

use super::Source;

/// Why a candle file cannot be used. Nothing of it is used then.
#[derive(Debug, thiserror::Error)]
pub enum FileRefused {
    /// Not there or not readable.
    #[error("cannot open {path}: {why}; check the path behind --market file:")]
    NotOpened {
        /// The file as asked for.
        path: String,
        /// The system's reason.
        why: String,
    },
    /// Its bytes are not what they should be: a broken gzip stream, not UTF-8, lines of different length.
    #[error("{path} is damaged or cut off: {why}; fetch or write the file again")]
    Damaged {
        /// The file as asked for.
        path: String,
        /// What the reader saw.
        why: String,
    },
    /// The header lacks a column.
    #[error(
        "{path} has no column {column}: the first line must name open_time, open_time_ms or ts_ms, and open, high, low, close, volume"
    )]
    NoColumn {
        /// The file as asked for.
        path: String,
        /// The column's name.
        column: &'static str,
    },
    /// A line is not a candle.
    #[error("{path} line {line}: {why}")]
    BadLine {
        /// The file as asked for.
        path: String,
        /// Counted from 1, the header.
        line: u64,
        /// What is wrong and what to do.
        why: String,
    },
    /// Nothing in it.
    #[error("{path} is empty: it needs the header open_time_ms,open,high,low,close,volume and candles below it")]
    Empty {
        /// The file as asked for.
        path: String,
    },
    /// No candle at all, or only one, so that the interval is unknown.
    #[error("{path} has fewer than two candles, so the length of a candle is unknown: give a file with more")]
    TooShort {
        /// The file as asked for.
        path: String,
    },
    /// The name does not say which pair.
    #[error("cannot tell the pair from the name {path}: write --market file:BTC-USDT={path}")]
    NoPair {
        /// The file as asked for.
        path: String,
    },
}

/// A checked candle file.
#[derive(Debug)]
pub struct CandleFile {
    pair: Pair,
    candles: Vec<Candle>,
    next: usize,
    gaps: usize,
}

impl CandleFile {
    /// Reads and checks a file. The pair comes from a part of the name such as `-BTCUSDT-1m-` unless given.
    pub fn open(path: &Path, pair: Option<Pair>) -> Result<Self, FileRefused> {
        let name = path.display().to_string();
        let pair = pair.or_else(|| pair_of_name(path)).ok_or_else(|| FileRefused::NoPair { path: name.clone() })?;
        let unreadable = |e: std::io::Error| FileRefused::NotOpened { path: name.clone(), why: e.to_string() };
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut magic = [0; 2];
        let read = file.read(&mut magic).map_err(unreadable)?;
        let start = std::io::Cursor::new(magic[..read].to_vec()).chain(file);
        let input: Box<dyn Read> =
            if magic == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(start)) } else { Box::new(start) };
        let candles = read_candles(&name, input)?;
        let interval = candles[0].close_time.ms() - candles[0].open_time.ms();
        let gaps = candles.windows(2).filter(|w| w[1].open_time.ms() - w[0].open_time.ms() != interval).count();
        Ok(Self { pair, candles, next: 0, gaps })
    }
    /// How many candles.
    pub const fn len(&self) -> usize {
        self.candles.len()
    }
    /// Whether there are none; a checked file has at least two.
    pub const fn is_empty(&self) -> bool {
        self.candles.is_empty()
    }
    /// How often time jumps by more than the interval. A gap is honest market silence and is not filled.
    pub const fn gaps(&self) -> usize {
        self.gaps
    }
    /// The candles.
    pub fn candles(&self) -> &[Candle] {
        &self.candles
    }
}

impl Source for CandleFile {
    fn pair(&self) -> &Pair {
        &self.pair
    }
    fn interval_ms(&self) -> i64 {
        self.candles[0].close_time.ms() - self.candles[0].open_time.ms()
    }
    fn next_candle(&mut self) -> Option<Candle> {
        let candle = self.candles.get(self.next).copied();
        self.next += usize::from(candle.is_some());
        candle
    }
    fn skip_to(&mut self, open_ms: i64) {
        self.next = self.candles.partition_point(|c| c.open_time.ms() < open_ms);
    }
}

fn read_candles(name: &str, input: Box<dyn Read>) -> Result<Vec<Candle>, FileRefused> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let headers =
        reader.headers().map_err(|e| FileRefused::Damaged { path: name.to_owned(), why: e.to_string() })?.clone();
    if headers.is_empty() {
        return Err(FileRefused::Empty { path: name.to_owned() });
    }
    let column = |wanted: &[&str], column: &'static str| {
        headers
            .iter()
            .position(|h| wanted.iter().any(|w| h.eq_ignore_ascii_case(w)))
            .ok_or(FileRefused::NoColumn { path: name.to_owned(), column })
    };
    let time = column(&["open_time_ms", "open_time", "ts_ms"], "open_time_ms")?;
    let columns = [
        column(&["open"], "open")?,
        column(&["high"], "high")?,
        column(&["low"], "low")?,
        column(&["close"], "close")?,
    ];
    let volume = column(&["volume"], "volume")?;
    let mut rows: Vec<(i64, [Price; 4], Quantity, u64)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| FileRefused::Damaged { path: name.to_owned(), why: e.to_string() })?;
        let line = record.position().map_or(0, csv::Position::line);
        let bad = |why: String| FileRefused::BadLine { path: name.to_owned(), line, why };
        let cell = |i: usize| record.get(i).unwrap_or("");
        let opened = open_ms(cell(time))
            .ok_or_else(|| bad(format!("{:?} is neither Unix milliseconds nor an RFC 3339 time", cell(time))))?;
        let price = |i: usize| {
            decimal(cell(i))
                .and_then(|d| Price::admit(d).ok())
                .ok_or_else(|| bad(format!("{:?} is not a price", cell(i))))
        };
        let [open, high, low, close] = [price(columns[0])?, price(columns[1])?, price(columns[2])?, price(columns[3])?];
        let traded = decimal(cell(volume))
            .and_then(|d| Quantity::admit(d).ok())
            .ok_or_else(|| bad(format!("{:?} is not a volume", cell(volume))))?;
        if high < open.max(close) || low > open.min(close) {
            return Err(bad("high and low do not enclose open and close".into()));
        }
        if let Some((before, ..)) = rows.last() {
            if opened == *before {
                return Err(bad("the same open time twice: remove the duplicate".into()));
            }
            if opened < *before {
                return Err(bad("time goes back: sort the file by open time".into()));
            }
        }
        rows.push((opened, [open, high, low, close], traded, line));
    }
    // The interval is the smallest step: a gap can only be longer.
    let interval =
        rows.windows(2).map(|w| w[1].0 - w[0].0).min().ok_or(FileRefused::TooShort { path: name.to_owned() })?;
    rows.iter()
        .map(|(opened, [open, high, low, close], volume, line)| {
            if (opened - rows[0].0) % interval != 0 {
                let why = format!("the open time is off the interval of {} s", interval / 1000);
                return Err(FileRefused::BadLine { path: name.to_owned(), line: *line, why });
            }
            Ok(Candle {
                open_time: MarketTime::from_ms(*opened),
                close_time: MarketTime::from_ms(opened + interval),
                open: *open,
                high: *high,
                low: *low,
                close: *close,
                volume: *volume,
            })
        })
        .collect()
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).ok().map(|d| d.normalize())
}

fn open_ms(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// `…-BTCUSDT-1m-…` names BTC-USDT; the quote is one of the usual ones.
fn pair_of_name(path: &Path) -> Option<Pair> {
    let name = path.file_name()?.to_str()?;
    name.split(['-', '_', '.']).find_map(|part| {
        ["USDT", "USDC", "BTC", "ETH", "EUR", "USD"].iter().find_map(|quote| {
            let base = part.strip_suffix(quote).filter(|b| b.len() >= 2)?;
            format!("{base}-{quote}").parse().ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(content: &str, expected: &str) {
        let mut file = tempfile::Builder::new().prefix("t-BTCUSDT-1m-").suffix(".csv").tempfile().expect("file");
        file.write_all(content.as_bytes()).expect("written");
        let outcome = CandleFile::open(file.path(), None)
            .map(|f| format!("{} candles, {} gaps", f.len(), f.gaps()))
            .unwrap_or_else(|e| e.to_string());
        assert!(outcome.contains(expected), "{outcome} should say {expected}");
    }
    const HEAD: &str = "open_time_ms,open,high,low,close,volume\n";

    #[test]
    fn a_file_is_read_or_refused_with_the_line_and_what_to_do() {
        let line = |m: i64| format!("{},1.5,2,1,1.7,10\n", m * 60_000);
        check(&format!("{HEAD}{}{}{}", line(1), line(2), line(5)), "3 candles, 1 gaps");
        check(&format!("{HEAD}{}{}", line(1), line(1)), "line 3: the same open time twice");
        check(&format!("{HEAD}{}{}", line(2), line(1)), "line 3: time goes back");
        check("open_time_ms,open,high,low,close\n1,1,1,1,1\n", "no column volume");
        check(&format!("{HEAD}{}", line(1)), "fewer than two candles");
        check("", "is empty");
        check(&format!("{HEAD}60000,1,2,1\n"), "is damaged or cut off");
        check(&format!("{HEAD}60000,1,2,x,1,1\n"), "line 2: \"x\" is not a price");
        check(&format!("{HEAD}60000,1,0.5,0.4,1,1\n"), "do not enclose");
        check(&format!("{HEAD}yesterday,1,2,1,1,1\n"), "neither Unix milliseconds");
        check(&format!("{HEAD}2025-05-20T00:00:00Z,1,2,1,1,1\n2025-05-20T00:01:00Z,1,2,1,1,1\n"), "2 candles, 0 gaps");
    }
    #[test]
    fn the_pair_is_read_off_the_name() {
        assert_eq!(
            pair_of_name(Path::new("binance-spot-BTCUSDT-1m-20250520.csv.gz")).map(|p| p.to_string()).as_deref(),
            Some("BTC-USDT")
        );
        assert_eq!(pair_of_name(Path::new("candles.csv")), None);
    }
}
