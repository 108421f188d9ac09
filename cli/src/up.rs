//! `shearpin up`: runs everything here until it is stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use local_stack::market::Choice;
use local_stack::{Happening, MachineRefused, Options, Up, UpRefused};

use crate::exit::{Exit, Failed};
use crate::{rules_file, show};

/// Options of `up`.
#[derive(Args)]
pub struct Arguments {
    /// sim, sim:SEED, file:[PAIR=]CANDLES.csv[.gz] (repeatable) or live:binance
    #[arg(long = "market", value_name = "MARKET", default_value = "sim:1")]
    markets: Vec<Choice>,
    /// Market minutes per minute, at most
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,
    /// Data folder; it survives restarts
    #[arg(long, default_value = ".shearpin")]
    data: PathBuf,
    /// Port of the API; without it the next free one from 8080
    #[arg(long)]
    port: Option<u16>,
    /// Symbol rules of the paper exchange, as JSON
    #[arg(long, value_name = "FILE")]
    filters: Option<PathBuf>,
    /// One JSON line per event instead of text
    #[arg(long)]
    json: bool,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> Result<(), Failed> {
    let rules = arguments.filters.as_deref().map(rules_file::read).transpose()?.unwrap_or_default();
    start_logging(&arguments.data)?;
    let options = Options {
        data_dir: Some(arguments.data.clone()),
        markets: arguments.markets,
        speed: arguments.speed,
        port: arguments.port,
        rules,
        extra: BTreeMap::new(),
    };
    let up = Up::start(options).await.map_err(refused)?;
    if arguments.json {
        println!("{}", serde_json::json!({ "event": "ready", "endpoints": up.endpoints() }));
    } else {
        let e = up.endpoints();
        if let Some(port) = up.moved_from {
            println!("Port {port} is taken; the next free one is used.");
        }
        println!(
            "Shearpin is up (local mode, paper trading).\n  API       {}\n  Mailbox   {}\n  Exchange  {}\n  AWS       {}",
            e.api, e.mail, e.exchange, e.aws["dynamodb"]
        );
        println!(
            "  Data      {} (endpoints.json, log.json)\nStop with Ctrl-C; data survives.",
            arguments.data.display()
        );
    }
    let mut happenings = up.happenings();
    let started = tokio::time::Instant::now();
    loop {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => break,
            changed = happenings.changed() => {
                if changed.is_err() { break; }
                let happening = happenings.borrow_and_update().clone();
                if let Some(happening) = happening { tell(&happening, arguments.json, started.elapsed().as_secs_f64()); }
            }
        }
    }
    show::progress_done();
    println!("{}", if arguments.json { "{\"event\":\"stopped\"}" } else { "Stopped." });
    Ok(())
}

fn tell(happening: &Happening, json: bool, seconds: f64) {
    match happening {
        Happening::Minute { close, done } => {
            let at = account::WallTime::from_ms(close.ms());
            if !json {
                show::progress(&format!(
                    "market {at}   {done} minutes   {:.0} per minute",
                    *done as f64 / seconds.max(0.001) * 60.0
                ));
            }
        }
        Happening::MarketEnded { done } => {
            if json {
                println!("{}", serde_json::json!({ "event": "market_ended", "minutes": done }));
            } else {
                show::progress_done();
                println!(
                    "The candles are at their end after {done} minutes: trading is closed (BREAK), everything else goes on."
                );
            }
        }
        Happening::Trouble { what } => {
            if json {
                println!("{}", serde_json::json!({ "event": "trouble", "what": what }));
            } else {
                show::progress_done();
                eprintln!("Trouble, will be tried again: {what}");
            }
        }
    }
}

/// Logs go to a file in the data folder: the terminal is for the owner.
pub fn start_logging(data: &std::path::Path) -> Result<(), Failed> {
    std::fs::create_dir_all(data)
        .map_err(|e| Failed::new(Exit::Usage, format!("the data folder {} cannot be used: {e}", data.display())))?;
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.join("log.json"))
        .map_err(|e| Failed::new(Exit::Usage, format!("the log cannot be written: {e}")))?;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,aws=warn,hyper=warn"));
    let _already =
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::sync::Mutex::new(file)).try_init();
    Ok(())
}

/// Which exit code a refusal is.
pub fn refused(refused: UpRefused) -> Failed {
    let exit = match &refused {
        UpRefused::PortTaken { .. } => Exit::Conflict,
        UpRefused::Machine(MachineRefused::Folder(_) | MachineRefused::Tables(_)) => Exit::Conflict,
        UpRefused::File(_) | UpRefused::Markets(_) => Exit::Usage,
        UpRefused::NoPort(_)
        | UpRefused::Machine(_)
        | UpRefused::NotListed { .. }
        | UpRefused::Transport(_)
        | UpRefused::Endpoints(_) => Exit::Failed,
    };
    Failed::new(exit, refused)
}
