//! The running installation: a machine with sockets around it, a market that moves, and a sweep every wall minute.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use host::{Clock, SystemEntropy};
use serde::Serialize;
use strategy::market::{MarketTime, Pair, SymbolRules, SymbolStatus};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wire::HttpTransport;

use crate::clock::LocalClock;
use crate::dev::{self, Dev};
use crate::feed::{Done, Feed, Minute};
use crate::machine::{Machine, MachineRefused, Parts};
use crate::market::file::{CandleFile, FileRefused};
use crate::market::live::{BINANCE, Live};
use crate::market::sim::Simulation;
use crate::market::{Choice, Source};
use crate::template::Local;

/// Ports that are taken when none is asked for: the API, then the exchange.
const PORT_DEFAULT: u16 = 8080;
/// How many ports after the default are tried.
const PORTS_TRIED: u16 = 50;

/// What the owner asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; `None` for memory.
    pub data_dir: Option<PathBuf>,
    /// Where candles come from; all files, or one simulation, or live.
    pub markets: Vec<Choice>,
    /// Market minutes per wall minute, at most.
    pub speed: u32,
    /// A port that must be free, or the next free one from the default.
    pub port: Option<u16>,
    /// Symbol rules that differ from the defaults.
    pub rules: BTreeMap<Pair, SymbolRules>,
    /// Settings beyond the template's.
    pub extra: BTreeMap<String, String>,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum UpRefused {
    /// A port that was asked for is taken.
    #[error("port {port} is taken: choose another with --port, or leave --port out to take the next free one")]
    PortTaken { port: u16 },
    /// No port could be opened.
    #[error("no port could be opened on this machine: {0}")]
    NoPort(std::io::Error),
    /// A candle file.
    #[error(transparent)]
    File(#[from] FileRefused),
    /// Markets that do not go together.
    #[error("{0}")]
    Markets(String),
    /// The machine.
    #[error(transparent)]
    Machine(#[from] MachineRefused),
    /// The paper exchange does not list a pair.
    #[error("the paper exchange does not list {pair}: {why}")]
    NotListed { pair: Pair, why: String },
    /// The way to exchanges.
    #[error(transparent)]
    Transport(#[from] wire::CannotStart),
    /// `endpoints.json`.
    #[error("cannot write endpoints.json: {0}")]
    Endpoints(std::io::Error),
}

/// Where everything is reached; written to `endpoints.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoints {
    pub api: String,
    pub mail: String,
    pub exchange: String,
    pub aws: BTreeMap<&'static str, String>,
    pub region: &'static str,
    pub tables: BTreeMap<String, String>,
}

/// What happens while it runs, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A market minute was done; `done` counts them since the start.
    Minute { close: MarketTime, done: u64 },
    /// The files are at their end; trading is closed, everything else goes on.
    MarketEnded { done: u64 },
    /// Something failed and will be tried again.
    Trouble { what: String },
}

/// A running installation. Stops when dropped.
pub struct Up {
    machine: Arc<Machine>,
    clock: Arc<LocalClock>,
    endpoints: Endpoints,
    /// Says that the preferred port was taken.
    pub moved_from: Option<u16>,
    happenings: watch::Receiver<Option<Happening>>,
    market: watch::Receiver<Option<MarketTime>>,
    _tasks: JoinSet<()>,
}
impl fmt::Debug for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Up({})", self.endpoints.api)
    }
}

enum Market {
    Recorded(Feed),
    Live(Live),
}

impl Up {
    /// Opens ports and data, checks every candle file, and starts.
    pub async fn start(options: Options) -> Result<Self, UpRefused> {
        // Files first: a bad one must leave no trace.
        let sources = sources(&options.markets)?;
        let (api, moved_from) = listen(options.port, PORT_DEFAULT).await?;
        let (exchange, _) = listen(None, port_of(&api).saturating_add(1)).await?;
        let (aws, _) = listen(None, port_of(&exchange).saturating_add(1)).await?;
        let (api_url, exchange_url, aws_url) =
            (url_of("localhost", &api), url_of("127.0.0.1", &exchange), url_of("127.0.0.1", &aws));
        if let Some(folder) = &options.data_dir {
            std::fs::create_dir_all(folder).map_err(UpRefused::Endpoints)?;
        }
        let clock = Arc::new(LocalClock::open(options.data_dir.as_deref()));
        let transport = Arc::new(HttpTransport::new()?);
        let done = Done::open(options.data_dir.as_deref());
        let live = sources.is_none();
        let market = match sources {
            Some(sources) => Market::Recorded(Feed::new(sources, done.last())),
            None => Market::Live(Live::new(transport.clone(), BINANCE, default_pairs(), done.last())),
        };
        let pairs = match &market {
            Market::Recorded(feed) => feed.pairs(),
            Market::Live(live) => live.pairs(),
        };
        let local = local(&api_url, &exchange_url, &aws_url, &pairs);
        let machine = Arc::new(Machine::start(Parts {
            data_dir: options.data_dir.clone(),
            clock: clock.clone(),
            wall: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            transport,
            local,
            extra: options.extra,
        })?);
        for pair in &pairs {
            let not_listed = |why: String| UpRefused::NotListed { pair: pair.clone(), why };
            if let Some(rules) = options.rules.get(pair) {
                machine.list_pair(pair, *rules).await.map_err(|e| not_listed(e.to_string()))?;
            }
            machine.set_status(pair, SymbolStatus::Trading).await.map_err(|e| not_listed(e.to_string()))?;
        }
        let endpoints = endpoints(&machine, &api_url, &exchange_url, &aws_url);
        if let Some(folder) = &options.data_dir {
            write_endpoints(folder, &endpoints)?;
        }
        let (tell, happenings) = watch::channel(None);
        let (tell_market, market_now) = watch::channel(done.last());
        let dev = dev::routes(Dev { machine: machine.clone(), clock: clock.clone(), market: market_now.clone(), live });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(api, front(machine.api()?, dev)));
        tasks.spawn(serve(exchange, machine.exchange()));
        tasks.spawn(serve(aws, machine.emulators().router()));
        tasks.spawn(work(machine.clone(), tell.clone()));
        tasks.spawn(sweep(machine.clone(), clock.clone(), tell.clone()));
        tasks.spawn(run_market(machine.clone(), market, done, options.speed.max(1), tell, tell_market));
        Ok(Self { machine, clock, endpoints, moved_from, happenings, market: market_now, _tasks: tasks })
    }
    /// Where everything is.
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
    /// The machine inside.
    pub const fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }
    /// Its wall clock.
    pub const fn clock(&self) -> &Arc<LocalClock> {
        &self.clock
    }
    /// What happens; the latest is kept.
    pub fn happenings(&self) -> watch::Receiver<Option<Happening>> {
        self.happenings.clone()
    }
    /// The market clock: close of the last minute done.
    pub fn market(&self) -> watch::Receiver<Option<MarketTime>> {
        self.market.clone()
    }
}

fn default_pairs() -> Vec<Pair> {
    ["BTC-USDT", "ETH-USDT"].iter().filter_map(|p| p.parse().ok()).collect()
}

/// Recorded sources, or none for live.
fn sources(markets: &[Choice]) -> Result<Option<Vec<Box<dyn Source>>>, UpRefused> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for market in markets {
        match market {
            Choice::LiveBinance if markets.len() == 1 => return Ok(None),
            Choice::Sim { seed } if markets.len() == 1 => {
                sources.extend(Simulation::pairs(*seed).into_iter().map(|s| Box::new(s) as Box<dyn Source>));
            }
            Choice::File { pair, path } => {
                let file = CandleFile::open(path, pair.clone())?;
                if sources.iter().any(|s| s.pair() == file.pair()) {
                    return Err(UpRefused::Markets(format!("{} is given twice", file.pair())));
                }
                sources.push(Box::new(file));
            }
            Choice::LiveBinance | Choice::Sim { .. } => {
                return Err(UpRefused::Markets(
                    "sim and live stand alone: only file: may be given several times".into(),
                ));
            }
        }
    }
    if sources.is_empty() {
        sources.extend(Simulation::pairs(1).into_iter().map(|s| Box::new(s) as Box<dyn Source>));
    }
    Ok(Some(sources))
}

async fn listen(wanted: Option<u16>, from: u16) -> Result<(TcpListener, Option<u16>), UpRefused> {
    if let Some(port) = wanted {
        return TcpListener::bind(("127.0.0.1", port))
            .await
            .map(|l| (l, None))
            .map_err(|_| UpRefused::PortTaken { port });
    }
    for port in from..from.saturating_add(PORTS_TRIED) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok((listener, (port != from).then_some(from)));
        }
    }
    TcpListener::bind(("127.0.0.1", 0)).await.map(|l| (l, Some(from))).map_err(UpRefused::NoPort)
}
fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |a| a.port())
}
fn url_of(host: &str, listener: &TcpListener) -> String {
    format!("http://{host}:{}", port_of(listener))
}

fn local(api: &str, exchange: &str, aws: &str, pairs: &[Pair]) -> Local {
    let pairs = pairs.iter().map(Pair::to_string).collect::<Vec<_>>().join(",");
    let sender = "no-reply@shearpin.localhost";
    Local {
        parameters: [
            ("WebOrigin", api),
            ("MarketPairs", &pairs),
            ("MailIdentity", sender),
            ("MailFrom", sender),
            ("PaperMarket", "host"),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect(),
        key_arns: BTreeMap::new(),
        queue_base: format!("{aws}/{}", crate::template::ACCOUNT),
        api_urls: [("ExchangeApi".to_owned(), exchange.to_owned()), ("Api".to_owned(), api.to_owned())].into(),
    }
}

fn endpoints(machine: &Machine, api: &str, exchange: &str, aws: &str) -> Endpoints {
    let services = ["dynamodb", "secretsmanager", "kms", "sqs", "ses"];
    let tables = machine
        .template()
        .tables
        .iter()
        .map(|t| (t.name.trim_start_matches("shearpin-").to_owned(), t.name.clone()))
        .collect();
    Endpoints {
        api: api.to_owned(),
        mail: format!("{api}/dev/mail"),
        exchange: exchange.to_owned(),
        aws: services.into_iter().map(|s| (s, aws.to_owned())).collect(),
        region: crate::template::REGION,
        tables,
    }
}
fn write_endpoints(folder: &std::path::Path, endpoints: &Endpoints) -> Result<(), UpRefused> {
    let text = serde_json::to_string_pretty(endpoints).map_err(|e| UpRefused::Endpoints(e.into()))?;
    std::fs::write(folder.join("endpoints.json"), text).map_err(UpRefused::Endpoints)
}

#[expect(
    clippy::disallowed_methods,
    reason = "joins finished routers; the API's own fallback answers what neither has"
)]
fn front(api: Router, dev: Router) -> Router {
    dev.merge(api)
}

async fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "a listener stopped");
    }
}

/// Works what HTTP calls leave behind: wakes with every write, and looks once in a while for messages that became visible.
async fn work(machine: Arc<Machine>, tell: watch::Sender<Option<Happening>>) {
    let mut written = machine.emulators().writes();
    loop {
        if let Err(error) = machine.drain().await {
            tell.send_replace(Some(Happening::Trouble { what: error.to_string() }));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::select! {
            biased;
            changed = written.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
}

/// Once per minute of the local wall clock, whatever the market does.
async fn sweep(machine: Arc<Machine>, clock: Arc<LocalClock>, tell: watch::Sender<Option<Happening>>) {
    let mut swept = clock.now().seconds().div_euclid(60);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let minute = clock.now().seconds().div_euclid(60);
        if minute == swept {
            continue;
        }
        swept = minute;
        if let Err(error) = machine.sweep().await {
            tell.send_replace(Some(Happening::Trouble { what: error.to_string() }));
        }
    }
}

/// Market minute after market minute, each wholly done before the next.
async fn run_market(
    machine: Arc<Machine>,
    mut market: Market,
    mut done: Done,
    speed: u32,
    tell: watch::Sender<Option<Happening>>,
    tell_market: watch::Sender<Option<MarketTime>>,
) {
    let pace = Duration::from_secs(60) / speed;
    let mut count = 0;
    loop {
        let started = tokio::time::Instant::now();
        let minutes = match &mut market {
            Market::Recorded(feed) => match feed.next_minute() {
                Some(minute) => vec![minute],
                None => {
                    for pair in feed.pairs() {
                        if let Err(error) = machine.set_status(&pair, SymbolStatus::Break).await {
                            tracing::error!(%error, "trading was not closed");
                        }
                    }
                    // The tick sees the status and tells the bots.
                    if let Err(error) = machine.tick("market").await {
                        tracing::warn!(%error, "the last tick failed");
                    }
                    tell.send_replace(Some(Happening::MarketEnded { done: count }));
                    return;
                }
            },
            Market::Live(live) => match live.closed_minutes(machine.now().ms()).await {
                Ok(minutes) => minutes,
                Err(error) => {
                    tell.send_replace(Some(Happening::Trouble { what: error.to_string() }));
                    Vec::new()
                }
            },
        };
        for minute in minutes {
            finish(&machine, &minute, &tell).await;
            if let Err(error) = done.record(minute.open) {
                tell.send_replace(Some(Happening::Trouble { what: format!("the minute was not recorded: {error}") }));
            }
            count += 1;
            tell_market.send_replace(Some(minute.close));
            tell.send_replace(Some(Happening::Minute { close: minute.close, done: count }));
        }
        let pause = match market {
            Market::Recorded(_) => pace,
            Market::Live(_) => Duration::from_secs(5),
        };
        tokio::time::sleep_until(started + pause).await;
    }
}

/// Repeats a minute until it is done: every step is idempotent.
async fn finish(machine: &Machine, minute: &Minute, tell: &watch::Sender<Option<Happening>>) {
    let mut pause = Duration::from_millis(100);
    while let Err(error) = machine.market_minute(minute).await {
        tell.send_replace(Some(Happening::Trouble { what: error.to_string() }));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}
