//! The product on one machine, without sockets and schedules: every function with its role over the embedded services,
//! and the five steps of a market minute. `up` puts sockets and a schedule around it; tests drive it by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use account::WallTime;
use axum::Router;
use emulators::{Caller, Emulators};
use host::{Clock, Entropy, Environment, Host};
use strategy::market::{Pair, SymbolRules, SymbolStatus};
use wire::Transport;

use crate::feed::Minute;
use crate::lane::{LaneBroken, QueueLane, StreamLane};
use crate::permission::policy;
use crate::template::{self, Local, Misread, Template};

/// A clock that both the functions and the embedded services follow.
pub trait MachineClock: Clock + emulators::WallClock {}
impl<C: Clock + emulators::WallClock> MachineClock for C {}

/// What a machine is made of.
pub struct Parts {
    /// Where data lives; `None` for memory.
    pub data_dir: Option<PathBuf>,
    /// One clock for all.
    pub clock: Arc<dyn Clock>,
    /// The same clock, as the embedded services see it.
    pub wall: Arc<dyn emulators::WallClock>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// The way to the exchanges.
    pub transport: Arc<dyn Transport>,
    /// Template parameters and addresses of this machine.
    pub local: Local,
    /// Settings beyond the template's, such as a cheaper password hash in tests (never below the floor).
    pub extra: BTreeMap<String, String>,
}
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?})", self.data_dir)
    }
}

/// Why a machine does not start.
#[derive(Debug, thiserror::Error)]
pub enum MachineRefused {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] emulators::OpenRefused),
    /// The tables in it.
    #[error(transparent)]
    Tables(#[from] emulators::TablesRefused),
    /// The embedded services.
    #[error(transparent)]
    Service(#[from] emulators::ServiceFailed),
    /// The template.
    #[error(transparent)]
    Template(#[from] Misread),
    /// A stream.
    #[error(transparent)]
    Stream(#[from] emulators::StreamRefused),
    /// A function refuses its settings.
    #[error("{function} does not start: {why}")]
    Function {
        /// Its name.
        function: &'static str,
        /// Its words.
        why: String,
    },
}

/// Why a market minute was not finished. Repeating it finishes it.
#[derive(Debug, thiserror::Error)]
pub enum MinuteFailed {
    /// The paper exchange did not apply a candle.
    #[error(transparent)]
    Exchange(#[from] function_paper_exchange::ApplyFailed),
    /// The tick failed; the next one catches up.
    #[error("the tick failed: {0}")]
    Tick(String),
    /// A lane broke.
    #[error(transparent)]
    Lane(#[from] LaneBroken),
}

struct Lanes {
    streams: Vec<StreamLane>,
    queue: QueueLane,
}

/// The running product.
pub struct Machine {
    emulators: Emulators,
    clock: Arc<dyn Clock>,
    template: Template,
    hosts: BTreeMap<String, Host>,
    paper: function_paper_exchange::Deps,
    transport: Arc<dyn Transport>,
    tick: Arc<function_tick::Deps>,
    lanes: tokio::sync::Mutex<Lanes>,
}
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine(..)")
    }
}

impl Machine {
    /// Opens the data, creates what is missing, and starts every function.
    pub fn start(parts: Parts) -> Result<Self, MachineRefused> {
        let Parts { data_dir, clock, wall, entropy, transport, mut local, extra } = parts;
        let emulators = Emulators::open(emulators::Config { data_dir, clock: wall })?;
        for key in template::keys(template::TEMPLATE)? {
            let spec = if key.mac { emulators::MasterKeySpec::Hmac256 } else { emulators::MasterKeySpec::Symmetric };
            let id = emulators.ensure_key(&key.alias, spec)?;
            local
                .key_arns
                .insert(key.logical, format!("arn:aws:kms:{}:{}:key/{id}", template::REGION, template::ACCOUNT));
        }
        let template = Template::read(template::TEMPLATE, &local)?;
        emulators.ensure_tables(&template.tables)?;
        // Dead-letter queues first: a redrive names one that must be there.
        let (dead, live): (Vec<_>, Vec<_>) = template.queues.iter().partition(|q| q.redrive.is_none());
        for queue in dead.into_iter().chain(live) {
            emulators.ensure_queue(&emulators::QueueSpec {
                name: queue.name.clone(),
                visibility_s: queue.visibility_s,
                delay_s: 0,
                retention_s: 345_600,
                redrive: queue.redrive.clone(),
            })?;
        }
        if let Some(from) = local.parameters.get("MailFrom") {
            emulators.verify_sender(from)?;
        }
        let mut hosts = BTreeMap::new();
        for (name, function) in &template.functions {
            let caller = Caller::new(name, policy(function.statements.clone(), template.boundary.clone()));
            let environment = function.environment.iter().chain(&extra).map(|(k, v)| (k.clone(), v.clone()));
            hosts.insert(
                name.clone(),
                Host {
                    clock: clock.clone(),
                    entropy: entropy.clone(),
                    aws: emulators.sdk_config(caller),
                    environment: Environment::of(environment),
                },
            );
        }
        let lanes = lanes(&emulators, &template, &hosts, &transport)?;
        let paper = function_paper_exchange::Deps::of(host_of(&hosts, "paper-exchange")?);
        let tick = function_tick::Deps::with_transport(host_of(&hosts, "tick")?, transport.clone())
            .map_err(|e| refused("tick", e))?;
        Ok(Self {
            emulators,
            clock,
            template,
            hosts,
            paper,
            transport,
            tick: Arc::new(tick),
            lanes: tokio::sync::Mutex::new(lanes),
        })
    }

    /// The embedded services.
    pub const fn emulators(&self) -> &Emulators {
        &self.emulators
    }
    /// What the template says.
    pub const fn template(&self) -> &Template {
        &self.template
    }
    /// The host of a function, with its role.
    pub fn host(&self, function: &str) -> Option<&Host> {
        self.hosts.get(function)
    }
    /// Now, by the wall clock.
    pub fn now(&self) -> WallTime {
        self.clock.now()
    }
    /// The paper exchange, for its own table of accepted orders.
    pub const fn paper(&self) -> &function_paper_exchange::Deps {
        &self.paper
    }

    /// Lists a pair at the paper exchange under these rules.
    pub async fn list_pair(&self, pair: &Pair, rules: SymbolRules) -> Result<(), function_paper_exchange::ListRefused> {
        function_paper_exchange::list_symbol(&self.paper, pair, rules).await
    }
    /// Opens or closes trading of a pair at the paper exchange.
    pub async fn set_status(
        &self,
        pair: &Pair,
        status: SymbolStatus,
    ) -> Result<(), function_paper_exchange::ListRefused> {
        function_paper_exchange::set_status(&self.paper, pair, status).await
    }

    /// One market minute but for its being recorded as done: the exchange applies the candles, the tick looks at them,
    /// and every job that follows is worked until nothing is left to do now.
    pub async fn market_minute(&self, minute: &Minute) -> Result<(), MinuteFailed> {
        for (pair, candle) in &minute.candles {
            function_paper_exchange::apply_candle(&self.paper, pair, *candle).await?;
        }
        self.tick("market").await?;
        self.drain().await?;
        Ok(())
    }
    /// The schedule of the wall minute: what was left behind is driven again, and what has expired is removed.
    pub async fn sweep(&self) -> Result<(), MinuteFailed> {
        if let Err(error) = self.emulators.sweep() {
            tracing::warn!(%error, "the services were not swept");
        }
        self.tick("sweep").await?;
        self.drain().await?;
        Ok(())
    }
    /// Fires one schedule of the tick, with the payload that EventBridge sends.
    pub async fn tick(&self, schedule: &str) -> Result<(), MinuteFailed> {
        let payload = serde_json::json!({ "schedule": schedule });
        let event = serde_json::from_value(payload).map_err(|e| MinuteFailed::Tick(e.to_string()))?;
        function_tick::handle(&self.tick, event).await.map(|_| ()).map_err(|e| MinuteFailed::Tick(e.to_string()))
    }
    /// Works streams and queue until nothing is left to do now; what waits for a retry is left.
    pub async fn drain(&self) -> Result<(), LaneBroken> {
        let mut lanes = self.lanes.lock().await;
        let lanes = &mut *lanes;
        loop {
            let mut worked = false;
            for lane in &mut lanes.streams {
                worked |= lane.step(self.clock.now()).await?;
            }
            worked |= lanes.queue.step().await?;
            if !worked {
                return Ok(());
            }
        }
    }
    /// Whether [`drain`](Self::drain) has something to do that came without a write: a message became visible, or the
    /// pause before a retry is over.
    pub async fn something_waits(&self) -> bool {
        let lanes = self.lanes.lock().await;
        let now = self.clock.now();
        // When the depth cannot be read, draining says so better.
        let visible = self.emulators.queue_depth(lanes.queue.name()).map_or(true, |depth| depth.visible > 0);
        visible || lanes.streams.iter().any(|lane| lane.retry_is_due(now))
    }
    /// Delivers the last records of every stream once more, done or not: what AWS may do at any time.
    pub async fn redeliver(&self, records: usize) -> Result<(), LaneBroken> {
        let mut lanes = self.lanes.lock().await;
        for lane in &mut lanes.streams {
            lane.redeliver(records)?;
        }
        Ok(())
    }

    /// The HTTP API: every route of the template, each answered by its function.
    pub fn api(&self) -> Result<Router, MachineRefused> {
        let mut router = Router::new();
        for (name, function_router) in self.routers()? {
            let routes = &self.template.functions[name].routes;
            let mut paths: Vec<_> =
                routes.iter().filter(|(api, ..)| api == "Api").map(|(_, _, path)| path.as_str()).collect();
            paths.sort_unstable();
            paths.dedup();
            for path in paths {
                router = router.route_service(path, function_router.clone().into_service());
            }
        }
        Ok(router.fallback(async || api::Problem::no_such_route()))
    }
    /// The paper exchange's HTTP surface.
    pub fn exchange(&self) -> Router {
        function_paper_exchange::router(self.paper.clone())
    }

    fn routers(&self) -> Result<Vec<(&'static str, Router)>, MachineRefused> {
        let host = |name| host_of(&self.hosts, name);
        Ok(vec![
            ("signup", function_signup::router(host("signup")?).map_err(|e| refused("signup", e))?),
            ("login", function_login::router(host("login")?).map_err(|e| refused("login", e))?),
            (
                "second-factor",
                function_second_factor::router(host("second-factor")?).map_err(|e| refused("second-factor", e))?,
            ),
            (
                "password-reset",
                function_password_reset::router(host("password-reset")?).map_err(|e| refused("password-reset", e))?,
            ),
            (
                "connections",
                function_connections::router_over(host("connections")?, self.transport.clone())
                    .map_err(|e| refused("connections", e))?,
            ),
            ("bots", function_bots::router(host("bots")?).map_err(|e| refused("bots", e))?),
            (
                "paper-exchange",
                function_paper_exchange::own_routes(
                    api::Gate::of(host("paper-exchange")?).map_err(|e| refused("paper-exchange", e))?,
                    self.paper.clone(),
                ),
            ),
        ])
    }
}

fn refused(function: &'static str, why: impl fmt::Display) -> MachineRefused {
    MachineRefused::Function { function, why: why.to_string() }
}

fn host_of<'a>(hosts: &'a BTreeMap<String, Host>, function: &'static str) -> Result<&'a Host, MachineRefused> {
    hosts.get(function).ok_or_else(|| refused(function, "the template does not declare it"))
}

fn lanes(
    emulators: &Emulators,
    template: &Template,
    hosts: &BTreeMap<String, Host>,
    transport: &Arc<dyn Transport>,
) -> Result<Lanes, MachineRefused> {
    let mut streams = Vec::new();
    let signer = Arc::new(
        function_signer::Deps::of(host_of(hosts, "signer")?, transport.clone()).map_err(|e| refused("signer", e))?,
    );
    let shredder = Arc::new(function_shredder::Deps::of(host_of(hosts, "shredder")?));
    let mailer = Arc::new(function_mailer::Deps::of(host_of(hosts, "mailer")?).map_err(|e| refused("mailer", e))?);
    let failures = |response: aws_lambda_events::streams::DynamoDbEventResponse| -> Vec<String> {
        response.batch_item_failures.into_iter().filter_map(|f| f.item_identifier).collect()
    };
    macro_rules! stream_lane {
        ($name:literal, $deps:ident, $function:ident, $after:expr) => {
            for event in &template.functions[$name].streams {
                let (deps, after) = ($deps.clone(), $after);
                let worker: crate::lane::StreamWorker = Arc::new(move |batch| {
                    let (deps, after) = (deps.clone(), after.clone());
                    Box::pin(async move {
                        let failed = failures($function::handle(&deps, batch).await);
                        after();
                        failed
                    })
                });
                streams.push(StreamLane::new(emulators.stream(&event.table, $name)?, event.clone(), worker));
            }
        };
    }
    let nothing = || {};
    let services = emulators.clone();
    // G3: what was deleted is gone from the files too.
    let checkpoint = move || {
        if let Err(error) = services.checkpoint() {
            tracing::error!(%error, "no checkpoint after a shred")
        }
    };
    stream_lane!("signer", signer, function_signer, nothing);
    stream_lane!("shredder", shredder, function_shredder, checkpoint.clone());
    stream_lane!("mailer", mailer, function_mailer, nothing);
    let trader_host = host_of(hosts, "trader")?;
    let trader = Arc::new(function_trader::Deps::of(trader_host).map_err(|e| refused("trader", e))?);
    let worker: crate::lane::QueueWorker = Arc::new(move |batch| {
        let deps = trader.clone();
        Box::pin(async move {
            function_trader::handle(&deps, batch)
                .await
                .batch_item_failures
                .into_iter()
                .map(|f| f.item_identifier)
                .collect()
        })
    });
    let url = trader_host.environment.text("QUEUE_DECISIONS_URL").map_err(|e| refused("trader", e))?;
    let arn = format!(
        "arn:aws:sqs:{}:{}:{}",
        template::REGION,
        template::ACCOUNT,
        url.rsplit('/').next().unwrap_or_default()
    );
    let sqs = aws_sdk_sqs::Client::new(&emulators.sdk_config(Caller::owner("event-source")));
    Ok(Lanes { streams, queue: QueueLane::new(sqs, url, arn, worker) })
}
