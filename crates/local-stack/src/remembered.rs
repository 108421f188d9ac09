//! Small values that the data folder remembers beside its databases: each in a file of its own, written whole or not at
//! all. Never guesses: a value that cannot be read stops the start, since zero would move a clock or the market back.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use strategy::market::MarketTime;

/// A remembered value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Forgotten {
    /// The file holds something else than a whole number.
    #[error(
        "{file} is damaged: it should hold a whole number; put it back from a copy, or start with another --data folder"
    )]
    NotANumber {
        /// The file.
        file: PathBuf,
    },
    /// The system refuses to read it.
    #[error("cannot read {file}: {cause}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
}

/// The whole number in a file; none when there is no such file.
pub(crate) fn read_number(file: &Path) -> Result<Option<i64>, Forgotten> {
    let Some(text) = read_text(file)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| Forgotten::NotANumber { file: file.to_owned() })
}

fn read_text(file: &Path) -> Result<Option<String>, Forgotten> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Forgotten::Unreadable { file: file.to_owned(), cause }),
    }
}

/// Replaces a file by a rename: after `kill -9` it holds the old text or the new one.
pub(crate) fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    fs::File::create(&fresh)?.write_all(text.as_bytes())?;
    fs::rename(&fresh, file)
}

/// How far the market of a data folder is, and which market it was. Survives `kill -9`.
#[derive(Debug)]
pub struct Done {
    folder: Option<PathBuf>,
    last: Option<MarketTime>,
    market: Option<String>,
}

impl Done {
    /// Reads what was remembered in the data folder; in memory nothing is.
    pub fn open(folder: Option<&Path>) -> Result<Self, Forgotten> {
        let Some(folder) = folder else { return Ok(Self { folder: None, last: None, market: None }) };
        let last = read_number(&folder.join("market-done-ms"))?.map(MarketTime::from_ms);
        let market = read_text(&folder.join("market"))?.map(|text| text.trim().to_owned());
        Ok(Self { folder: Some(folder.to_owned()), last, market })
    }
    /// The open time of the last minute done.
    pub const fn last(&self) -> Option<MarketTime> {
        self.last
    }
    /// The market that made those minutes, when it was another one than this.
    pub fn other_market(&self, present: &str) -> Option<&str> {
        self.market.as_deref().filter(|before| self.last.is_some() && *before != present)
    }
    /// Remembers which market goes on from here.
    pub fn record_market(&mut self, present: &str) -> std::io::Result<()> {
        if let Some(folder) = &self.folder {
            write_whole(&folder.join("market"), present)?;
        }
        self.market = Some(present.to_owned());
        Ok(())
    }
    /// Remembers a minute as done. It comes after everything the minute wrote, so a crash in between repeats it.
    pub fn record(&mut self, open: MarketTime) -> std::io::Result<()> {
        if let Some(folder) = &self.folder {
            write_whole(&folder.join("market-done-ms"), &open.ms().to_string())?;
        }
        self.last = Some(open);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_number_stops_the_start_instead_of_moving_the_market_back() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(Done::open(Some(folder.path())).expect("fresh").last(), None);
        fs::write(folder.path().join("market-done-ms"), "12x").expect("written");
        let refused = Done::open(Some(folder.path())).expect_err("damaged").to_string();
        assert!(refused.contains("market-done-ms is damaged"), "{refused}");
    }
    #[test]
    fn another_market_is_noticed_once_there_are_minutes() {
        let folder = tempfile::tempdir().expect("folder");
        let mut done = Done::open(Some(folder.path())).expect("fresh");
        done.record_market("sim:1").expect("recorded");
        assert_eq!(done.other_market("sim:2"), None, "nothing was traded on it yet");
        done.record(MarketTime::from_ms(60_000)).expect("recorded");
        let again = Done::open(Some(folder.path())).expect("again");
        assert_eq!((again.last(), again.other_market("sim:2")), (Some(MarketTime::from_ms(60_000)), Some("sim:1")));
        assert_eq!(again.other_market("sim:1"), None);
    }
}
