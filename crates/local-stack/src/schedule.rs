//! What moves by itself: market minutes, the sweep of the wall minute, and the jobs that HTTP calls leave behind. Each
//! loop ends at a clean point when told to stop.

use std::time::Duration;

use host::Clock;
use strategy::market::{Pair, SymbolStatus};
use tokio::sync::watch;

use crate::clock::LocalClock;
use crate::feed::{Feed, Minute};
use crate::machine::Machine;
use crate::market::live::Live;
use crate::progress::Teller;
use crate::remembered::Done;

/// A message that becomes visible late is noticed within this time.
const LOOK: Duration = Duration::from_millis(100);
/// How often an exchange is asked for a closed candle.
const ASK_LIVE: Duration = Duration::from_secs(5);
/// Pauses between tries of a failed minute: from, to.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The market of this run.
pub(crate) enum Market {
    /// From files or a simulation.
    Recorded(Feed),
    /// From an exchange.
    Live(Live),
}

/// What every loop needs.
#[derive(Clone)]
pub(crate) struct Loops {
    pub(crate) machine: std::sync::Arc<Machine>,
    pub(crate) teller: Teller,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Loops {
    /// Pauses; `false` when it is time to stop.
    async fn pause(&mut self, until: tokio::time::Instant) -> bool {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep_until(until) => true,
        }
    }
    async fn pause_for(&mut self, time: Duration) -> bool {
        self.pause(tokio::time::Instant::now() + time).await
    }

    /// Works what HTTP calls leave behind: wakes with every write, and looks for messages that became visible.
    pub(crate) async fn work(mut self) {
        let mut written = self.machine.emulators().writes();
        loop {
            match self.machine.drain().await {
                Ok(()) => self.teller.works("jobs"),
                Err(error) => {
                    self.teller.trouble("jobs", &error);
                    if !self.pause_for(Duration::from_secs(1)).await {
                        return;
                    }
                }
            }
            tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stop| *stop) => return,
                changed = written.changed() => if changed.is_err() { return },
                () = something_waits(&self.machine) => {}
            }
        }
    }
    /// Once per minute of the local wall clock, whatever the market does.
    pub(crate) async fn sweep(mut self, clock: std::sync::Arc<LocalClock>) {
        let mut swept = clock.now().seconds().div_euclid(60);
        while self.pause_for(Duration::from_secs(1)).await {
            let minute = clock.now().seconds().div_euclid(60);
            if minute == swept {
                continue;
            }
            swept = minute;
            match self.machine.sweep().await {
                Ok(()) => self.teller.works("sweep"),
                Err(error) => self.teller.trouble("sweep", &error),
            }
        }
    }

    /// Market minute after market minute, each wholly done and recorded before the next.
    pub(crate) async fn run_market(mut self, mut market: Market, mut done: Done, speed: u32) {
        let pace = match &market {
            Market::Recorded(_) => Duration::from_secs(60) / speed.max(1),
            Market::Live(_) => ASK_LIVE,
        };
        let mut closed = Vec::new();
        loop {
            let started = tokio::time::Instant::now();
            for minute in self.minutes(&mut market).await {
                if !self.finish(&minute, &mut done).await {
                    return;
                }
            }
            let (ended, at_end) = match &market {
                Market::Recorded(feed) => (feed.ended(), feed.is_at_end()),
                Market::Live(_) => (Vec::new(), false),
            };
            self.close_trading(&mut closed, ended).await;
            if at_end {
                self.teller.ended();
                let _stopped = self.stopping.wait_for(|stop| *stop).await;
                return;
            }
            if !self.pause(started + pace).await {
                return;
            }
        }
    }
    async fn minutes(&self, market: &mut Market) -> Vec<Minute> {
        match market {
            Market::Recorded(feed) => feed.next_minute().into_iter().collect(),
            Market::Live(live) => match live.closed_minutes(self.machine.now().ms()).await {
                Ok(minutes) => {
                    self.teller.works("live market");
                    minutes
                }
                Err(error) => {
                    self.teller.trouble("live market", &error);
                    Vec::new()
                }
            },
        }
    }
    /// Repeats a minute until it is done and recorded: every step is idempotent. `false` when it is time to stop.
    async fn finish(&mut self, minute: &Minute, done: &mut Done) -> bool {
        let mut pause = RETRY.0;
        loop {
            let outcome = self.machine.market_minute(minute).await.map_err(|error| error.to_string());
            let outcome = outcome.and_then(|()| done.record(minute.open).map_err(|error| error.to_string()));
            match outcome {
                Ok(()) => break,
                Err(why) => self.teller.trouble("market", &why),
            }
            if !self.pause_for(pause).await {
                return false;
            }
            pause = (pause * 2).min(RETRY.1);
        }
        self.teller.works("market");
        self.teller.minute_done(minute.close);
        !*self.stopping.borrow()
    }
    /// A pair without candles is in BREAK; the tick sees it and tells the bots.
    async fn close_trading(&self, closed: &mut Vec<Pair>, ended: Vec<Pair>) {
        let fresh: Vec<_> = ended.into_iter().filter(|pair| !closed.contains(pair)).collect();
        if fresh.is_empty() {
            return;
        }
        for pair in &fresh {
            if let Err(error) = self.machine.set_status(pair, SymbolStatus::Break).await {
                self.teller.trouble("market", &error);
                return;
            }
        }
        if let Err(error) = self.machine.tick("market").await {
            self.teller.trouble("market", &error);
        }
        closed.extend(fresh);
    }
}

/// Ends when a message is visible or a retry is due: neither comes with a write.
async fn something_waits(machine: &Machine) {
    loop {
        tokio::time::sleep(LOOK).await;
        if machine.something_waits().await {
            return;
        }
    }
}
