//! `shearpin demo`: the owner's story on a fresh data folder, then the thief's, each step with what was proven and how.

mod browser;
mod owner;
mod report;
mod thief;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use local_stack::market::Choice;
use local_stack::{Options, Up};

use crate::exit::{Exit, Failed};
use crate::log_file::LogFile;
use crate::up::refused;
use report::Report;

/// Options of `demo`.
#[derive(Args)]
pub struct Arguments {
    /// sim, sim:SEED or file:[PAIR=]CANDLES.csv[.gz] (repeatable)
    #[arg(long = "market", value_name = "MARKET", default_value = "sim:1")]
    markets: Vec<Choice>,
    /// Market minutes per minute, at most
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,
    /// A folder to keep the demo's data in; it must be empty or absent. Without it a temporary one is used and removed
    #[arg(long)]
    data: Option<PathBuf>,
    /// One JSON line per step
    #[arg(long)]
    pub json: bool,
}

/// Tells the stories; fails when a promise did not hold.
pub async fn run(arguments: Arguments) -> Result<(), Failed> {
    if arguments.markets.contains(&Choice::LiveBinance) {
        return Err(Failed::new(
            Exit::Usage,
            "the demo moves the clock, which a live market does not allow: use sim or file:",
        ));
    }
    let temporary = tempfile::tempdir().map_err(|e| Failed::new(Exit::Failed, e))?;
    let data = arguments.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    if data.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failed::new(
            Exit::Conflict,
            format!("{} is not empty: the demo starts from nothing", data.display()),
        ));
    }
    let log = LogFile::start();
    let options = Options {
        data_dir: Some(data.clone()),
        markets: arguments.markets,
        speed: arguments.speed,
        port: None,
        rules: BTreeMap::new(),
        extra: BTreeMap::new(),
    };
    let up = Up::start(options).await.map_err(refused)?;
    log.open(&data).map_err(|e| Failed::new(Exit::Failed, format!("the log cannot be written: {e}")))?;
    let mut report = Report::new(arguments.json);
    report.chapter("The owner");
    let told = owner::tell(&up, &mut report).await;
    let told = match told {
        Ok(()) => {
            report.chapter("The thief, who has the mailbox");
            thief::tell(&up, &mut report).await
        }
        Err(stopped) => Err(stopped),
    };
    up.stop().await;
    report.finish(told)
}
