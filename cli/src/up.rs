//! `shearpin up`: runs everything here until it is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use account::WallTime;
use clap::Args;
use local_stack::market::Choice;
use local_stack::{MachineRefused, NoListener, Options, Progress, Up, UpRefused};
use serde_json::json;
use tokio::time::Instant;

use crate::exit::{Exit, Failed};
use crate::log_file::LogFile;
use crate::{rules_file, show};

/// Options of `up`.
#[derive(Args)]
pub struct Arguments {
    /// sim, sim:SEED, file:[PAIR=]CANDLES.csv[.gz] (repeatable) or live:binance
    #[arg(long = "market", value_name = "MARKET", default_value = "sim:1")]
    markets: Vec<Choice>,
    /// Market minutes per minute, at most; the reached speed is shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,
    /// Data folder; it survives restarts, also after kill -9. Delete it to start over
    #[arg(long, value_name = "FOLDER", default_value = ".shearpin")]
    data: PathBuf,
    /// Port of the API; without it the next free one from 8080
    #[arg(long)]
    port: Option<u16>,
    /// Symbol rules of the paper exchange, as JSON: {"BTC-USDT": {"tick": "0.01", "lot": "0.00001", "notional_min": "5"}}
    #[arg(long, value_name = "FILE")]
    filters: Option<PathBuf>,
    /// One JSON line per event instead of text
    #[arg(long)]
    pub json: bool,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> Result<(), Failed> {
    let rules = arguments.filters.as_deref().map(rules_file::read).transpose()?.unwrap_or_default();
    let log = LogFile::start();
    let options = Options {
        data_dir: Some(arguments.data.clone()),
        markets: arguments.markets.clone(),
        speed: arguments.speed,
        port: arguments.port,
        rules,
        extra: BTreeMap::new(),
    };
    let mut interrupted = Interrupted::listen().map_err(|e| Failed::new(Exit::Failed, e))?;
    let mut up = Up::start(options).await.map_err(refused)?;
    log.open(&arguments.data).map_err(|e| Failed::new(Exit::Failed, format!("the log cannot be written: {e}")))?;
    greet(&up, &arguments);
    let mut told = Told::since_now(arguments.json);
    let mut progress = up.progress();
    let outcome = loop {
        tokio::select! {
            biased;
            () = interrupted.comes() => break Ok(()),
            () = up.broken() => break Err(Failed::new(Exit::Failed, "a part of it stopped by itself; log.json says why")),
            changed = progress.changed() => match changed {
                Ok(()) => told.tell(&progress.borrow_and_update().clone()),
                Err(_) => break Err(Failed::new(Exit::Failed, "the market stopped by itself; log.json says why")),
            },
        }
    };
    told.stopping();
    tokio::select! {
        () = up.stop() => {}
        // Asked twice: at once. Nothing is lost by that either.
        () = interrupted.comes() => {}
    }
    told.stopped(&progress.borrow().clone());
    outcome
}

/// Ctrl-C, and the signal with which service managers stop a program.
struct Interrupted {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupted {
    /// From here on a signal no longer ends the process by itself, so one that comes during the start is not missed.
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }
    async fn comes(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _pressed = tokio::signal::ctrl_c().await;
    }
}

fn greet(up: &Up, arguments: &Arguments) {
    let at = up.endpoints();
    if arguments.json {
        println!("{}", json!({ "event": "ready", "endpoints": at, "notices": up.notices() }));
        return;
    }
    for notice in up.notices() {
        println!("{notice}");
    }
    println!("Shearpin is up (local mode, paper trading).");
    println!(
        "  Open      {}\n  Mailbox   {}\n  Exchange  {}\n  AWS       {}",
        at.api, at.mail, at.exchange, at.aws["dynamodb"]
    );
    println!("  Data      {} (delete to start over; endpoints.json and log.json lie in it)", arguments.data.display());
    println!("Ctrl-C stops; data survives.");
}

/// What was told so far: a trouble is told when it begins and when it ends, not at every try.
struct Told {
    json: bool,
    started: Instant,
    troubles: BTreeSet<(&'static str, String)>,
    ended: bool,
    minutes_at: Instant,
}

/// With `--json`, a market line is written this often at most.
const MARKET_LINE: std::time::Duration = std::time::Duration::from_secs(10);

impl Told {
    fn since_now(json: bool) -> Self {
        let now = Instant::now();
        Self { json, started: now, troubles: BTreeSet::new(), ended: false, minutes_at: now }
    }
    /// Market minutes per wall minute, on average since the start.
    fn speed(&self, minutes: u64) -> u64 {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        minutes.saturating_mul(60_000) / ms
    }
    fn tell(&mut self, progress: &Progress) {
        let now: BTreeSet<_> = progress.troubles.iter().map(|(part, why)| (*part, why.clone())).collect();
        for (part, why) in now.difference(&self.troubles) {
            self.line(
                &json!({ "event": "trouble", "part": part, "why": why }),
                &format!("Trouble ({part}), tried again until it works: {why}"),
            );
        }
        for part in self.troubles.iter().map(|(part, _)| *part).filter(|part| !progress.troubles.contains_key(part)) {
            self.line(&json!({ "event": "works_again", "part": part }), &format!("The {part} works again."));
        }
        self.troubles = now;
        if progress.ended && !self.ended {
            self.ended = true;
            let (minutes, speed) = (progress.minutes, self.speed(progress.minutes));
            self.line(
                &json!({ "event": "market_ended", "minutes": minutes, "per_minute": speed }),
                &format!(
                    "The candles are at their end after {minutes} minutes ({speed} per minute): trading is closed \
                     (BREAK), everything else goes on."
                ),
            );
        } else if let Some(close) = progress.close.filter(|_| progress.minutes > 0 && !self.ended) {
            self.market(WallTime::from_ms(close.ms()), progress.minutes);
        }
    }
    fn market(&mut self, at: WallTime, minutes: u64) {
        let speed = self.speed(minutes);
        if !self.json {
            show::progress(&format!("market {at}   {minutes} minutes   {speed} per minute"));
        } else if minutes == 1 || self.minutes_at.elapsed() >= MARKET_LINE {
            self.minutes_at = Instant::now();
            println!("{}", json!({ "event": "market", "at": at.to_string(), "minutes": minutes, "per_minute": speed }));
        }
    }
    fn line(&self, event: &serde_json::Value, text: &str) {
        if self.json {
            println!("{event}");
        } else {
            show::progress_done();
            eprintln!("{text}");
        }
    }
    fn stopping(&self) {
        if !self.json {
            show::progress_done();
            eprintln!("Stopping; once more stops at once.");
        }
    }
    fn stopped(&self, progress: &Progress) {
        let (minutes, speed) = (progress.minutes, self.speed(progress.minutes));
        if self.json {
            println!("{}", json!({ "event": "stopped", "minutes": minutes, "per_minute": speed }));
        } else {
            println!("Stopped after {minutes} market minutes ({speed} per minute). Data survives.");
        }
    }
}

/// Which exit code a refusal is.
pub fn refused(refused: UpRefused) -> Failed {
    let exit = match &refused {
        UpRefused::Listener(NoListener::Taken { .. }) | UpRefused::MarketBehind { .. } => Exit::Conflict,
        UpRefused::Machine(MachineRefused::Folder(_) | MachineRefused::Tables(_)) => Exit::Conflict,
        UpRefused::Market(_) | UpRefused::Folder { .. } | UpRefused::Listener(NoListener::Refused { .. }) => {
            Exit::Usage
        }
        UpRefused::Listener(NoListener::NoPort(_))
        | UpRefused::Forgotten(_)
        | UpRefused::Machine(
            MachineRefused::Service(_)
            | MachineRefused::Template(_)
            | MachineRefused::Stream(_)
            | MachineRefused::Function { .. },
        )
        | UpRefused::NotListed { .. }
        | UpRefused::Transport(_)
        | UpRefused::NotWritten(_) => Exit::Failed,
    };
    Failed::new(exit, refused)
}
