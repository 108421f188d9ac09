//! The running installation: a machine with sockets around it, a market that moves, and a sweep every wall minute.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use host::SystemEntropy;
use strategy::market::{Pair, SymbolRules, SymbolStatus};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wire::HttpTransport;

use crate::clock::LocalClock;
use crate::dev::{self, Dev};
use crate::endpoints::Endpoints;
use crate::feed::Feed;
use crate::machine::{Machine, MachineRefused, Parts};
use crate::market::Choice;
use crate::market::live::{BINANCE, Live};
use crate::market::open::{Candles, MarketRefused, Opened};
use crate::progress::{Progress, Teller};
use crate::remembered::{Done, Forgotten};
use crate::schedule::{Loops, Market};
use crate::sockets::{self, NoListener, PORT_DEFAULT};
use crate::template::Local;

/// How long a stop waits for running requests and the present market minute.
const STOP_MAX: Duration = Duration::from_secs(5);

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

/// Why it does not start. Nothing was written to the data folder then, but for an address that could not be.
#[derive(Debug, thiserror::Error)]
pub enum UpRefused {
    /// A port.
    #[error(transparent)]
    Listener(#[from] NoListener),
    /// The candles.
    #[error(transparent)]
    Market(#[from] MarketRefused),
    /// The data folder cannot be made.
    #[error("cannot use the data folder {folder}: {cause}; choose another with --data")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// A remembered value.
    #[error(transparent)]
    Forgotten(#[from] Forgotten),
    /// The data folder was made by another market that is further than these candles go.
    #[error(
        "the data folder was made with --market {before} and its market is at {at}: {present} has no candle after that; \
         start with the former --market, or choose another --data folder"
    )]
    MarketBehind {
        /// The market that made the folder.
        before: String,
        /// Its time.
        at: account::WallTime,
        /// The market asked for.
        present: String,
    },
    /// The machine.
    #[error(transparent)]
    Machine(#[from] MachineRefused),
    /// The paper exchange does not list a pair.
    #[error("the paper exchange does not list {pair}: {why}")]
    NotListed {
        /// The pair.
        pair: Pair,
        /// Why.
        why: function_paper_exchange::ListRefused,
    },
    /// The way to exchanges.
    #[error(transparent)]
    Transport(#[from] wire::CannotStart),
    /// A file of the data folder.
    #[error("cannot write to the data folder: {0}")]
    NotWritten(std::io::Error),
}

/// A running installation. [`Up::stop`] ends it cleanly; dropping it ends it like a crash, which loses nothing either.
pub struct Up {
    machine: Arc<Machine>,
    clock: Arc<LocalClock>,
    endpoints: Endpoints,
    notices: Vec<String>,
    progress: watch::Receiver<Progress>,
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl fmt::Debug for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Up({})", self.endpoints.api)
    }
}

/// The three listeners.
struct Listeners {
    api: TcpListener,
    exchange: TcpListener,
    aws: TcpListener,
}

impl Listeners {
    async fn open(port: Option<u16>) -> Result<Self, NoListener> {
        let api = match port {
            Some(port) => sockets::listen_on(port).await?,
            None => sockets::listen_from(PORT_DEFAULT).await?,
        };
        let exchange = sockets::listen_from(sockets::port_of(&api).saturating_add(1)).await?;
        let aws = sockets::listen_from(sockets::port_of(&exchange).saturating_add(1)).await?;
        Ok(Self { api, exchange, aws })
    }
    /// `localhost` for browsers: passkeys and cookies go by that name.
    fn urls(&self) -> [String; 3] {
        let url = |host: &str, listener| format!("http://{host}:{}", sockets::port_of(listener));
        [url("localhost", &self.api), url("127.0.0.1", &self.exchange), url("127.0.0.1", &self.aws)]
    }
}

impl Up {
    /// Checks candles and ports, opens the data, and starts. Returns once every address answers.
    pub async fn start(options: Options) -> Result<Self, UpRefused> {
        // Candles and ports first: what is wrong there must leave no trace in the data folder.
        let opened = Opened::check(&options.markets, &options.rules)?;
        let listeners = Listeners::open(options.port).await?;
        let folder = options.data_dir.as_deref();
        let clock = Arc::new(LocalClock::open(folder)?);
        let mut done = Done::open(folder)?;
        let mut notices = Vec::new();
        if options.port.is_none() && sockets::port_of(&listeners.api) != PORT_DEFAULT {
            notices.push(format!("Port {PORT_DEFAULT} is taken; the next free one is used."));
        }
        let (pairs, name) = (opened.pairs(), opened.name.clone());
        let transport = Arc::new(HttpTransport::new()?);
        let market = continued(opened, &done, &transport, &mut notices)?;
        if let Some(folder) = folder {
            create_private(folder)?;
        }
        let [api, exchange, aws] = listeners.urls();
        let machine = Arc::new(Machine::start(Parts {
            data_dir: options.data_dir.clone(),
            clock: clock.clone(),
            wall: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            transport,
            local: local(&api, &exchange, &aws, &pairs),
            extra: options.extra,
        })?);
        list(&machine, &pairs, &options.rules).await?;
        done.record_market(&name).map_err(UpRefused::NotWritten)?;
        let endpoints = Endpoints::of(&machine, &api, &exchange, &aws);
        if let Some(folder) = folder {
            endpoints.write(folder).map_err(UpRefused::NotWritten)?;
        }
        let live = matches!(market, Market::Live(_));
        let (stopping, stop) = watch::channel(false);
        let loops =
            Loops { machine: machine.clone(), teller: Teller::starting_at(done.last()), stopping: stop.clone() };
        let progress = loops.teller.watch();
        let dev = Dev { machine: machine.clone(), clock: clock.clone(), progress: progress.clone(), live, api };
        let mut tasks = JoinSet::new();
        tasks.spawn(sockets::serve(listeners.api, front(machine.api()?, dev::routes(dev)), stop.clone()));
        tasks.spawn(sockets::serve(listeners.exchange, machine.exchange(), stop.clone()));
        tasks.spawn(sockets::serve(listeners.aws, machine.emulators().router(), stop));
        tasks.spawn(loops.clone().work());
        tasks.spawn(loops.clone().sweep(clock.clone()));
        tasks.spawn(loops.run_market(market, done, options.speed));
        Ok(Self { machine, clock, endpoints, notices, progress, stopping, tasks })
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
    /// What the owner should know about this start, in sentences.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
    /// How far the market is and what does not work at present.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
    /// Ends when a part of the installation ends by itself, which none should: a listener or a loop broke.
    pub async fn broken(&mut self) {
        let _ended = self.tasks.join_next().await;
    }
    /// Stops cleanly: running requests and the present market minute are finished, then the data folder is released.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_MAX, all_ended).await.is_err() {
            tracing::warn!(
                "a request or a market minute did not end in time and is cut off; it is repeated or lost whole"
            );
            self.tasks.shutdown().await;
        }
        if let Err(error) = self.machine.emulators().checkpoint() {
            tracing::warn!(%error, "no checkpoint at the end");
        }
    }
}

/// The market from the first minute not done; refused when another market's data is further than it goes.
fn continued(
    opened: Opened,
    done: &Done,
    transport: &Arc<HttpTransport>,
    notices: &mut Vec<String>,
) -> Result<Market, UpRefused> {
    let Opened { candles, name, notices: told } = opened;
    notices.extend(told);
    let before = done.other_market(&name).map(str::to_owned);
    let at = account::WallTime::from_ms(done.last().map_or(0, |last| last.ms()));
    let market = match candles {
        Candles::Recorded(sources) => Market::Recorded(Feed::new(sources, done.last())),
        // What a replay called the present is no place to go on from at an exchange.
        Candles::Live(pairs) => {
            let last = if before.is_some() { None } else { done.last() };
            Market::Live(Live::new(transport.clone(), BINANCE, pairs, last))
        }
    };
    let at_end = matches!(&market, Market::Recorded(feed) if feed.is_at_end());
    match before {
        Some(before) if at_end => return Err(UpRefused::MarketBehind { before, at, present: name }),
        Some(before) => notices.push(format!(
            "This data folder was made with --market {before}; its deals go on with {name}, at other prices, after {at}."
        )),
        None if at_end => notices.push(format!("{name} was played to its end before ({at}): trading stays closed.")),
        None => {}
    }
    Ok(market)
}

/// Makes the folder if it is missing, for its owner alone: tokens, mails and the local key lie in it.
fn create_private(folder: &Path) -> Result<(), UpRefused> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| UpRefused::Folder { folder: folder.to_owned(), cause })
}

async fn list(machine: &Machine, pairs: &[Pair], rules: &BTreeMap<Pair, SymbolRules>) -> Result<(), UpRefused> {
    for pair in pairs {
        let not_listed = |why| UpRefused::NotListed { pair: pair.clone(), why };
        if let Some(rules) = rules.get(pair) {
            machine.list_pair(pair, *rules).await.map_err(not_listed)?;
        }
        machine.set_status(pair, SymbolStatus::Trading).await.map_err(not_listed)?;
    }
    Ok(())
}

fn local(api: &str, exchange: &str, aws: &str, pairs: &[Pair]) -> Local {
    let pairs = pairs.iter().map(Pair::to_string).collect::<Vec<_>>().join(",");
    let sender = "no-reply@shearpin.localhost";
    let parameters = [
        ("WebOrigin", api),
        ("MarketPairs", &pairs),
        ("MailIdentity", sender),
        ("MailFrom", sender),
        ("PaperMarket", "host"),
        // Nothing leaves this machine: the bundled list is all there is (SU-4).
        ("BreachedRangeUrl", ""),
    ];
    Local {
        parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        key_arns: BTreeMap::new(),
        queue_base: format!("{aws}/{}", crate::template::ACCOUNT),
        api_urls: [("ExchangeApi".to_owned(), exchange.to_owned()), ("Api".to_owned(), api.to_owned())].into(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "joins finished routers; the API's own fallback answers what neither has"
)]
fn front(api: Router, dev: Router) -> Router {
    dev.merge(api)
}
