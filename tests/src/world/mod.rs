//! The world of a story. Made from a seed, which it prints when the story fails.

mod authenticator;
mod candles;
mod clock;
mod http;
mod owner;
mod transport;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use account::WallTime;
use emulators::{Act, Gate, Script, When};
use host::{Clock, Entropy};
use local_stack::template::Local;
use local_stack::{Machine, Parts};
use sha2::{Digest, Sha256};
use strategy::market::Pair;

pub use authenticator::Authenticator;
pub use candles::{CandleTape, flat, minute};
pub use clock::FakeClock;
pub use http::{Answered, Browser, Client, creates, fresh_key};
pub use owner::{Owner, dca, newest_token};
pub use transport::{Faulty, Lost};

/// The pair that stories trade.
pub const PAIR: &str = "BTC-USDT";

/// What only the transaction that authorises a PLACE says before any other.
const AUTHORISES_A_PLACE: &str = "#trade_id_seen = :trade_id";

/// Every caller lets the others go first before and after each of its calls.
struct Interleaved(Arc<Script>);
#[async_trait::async_trait]
impl emulators::Faults for Interleaved {
    async fn before(&self, point: &emulators::Point) -> emulators::Fault {
        tokio::task::yield_now().await;
        self.0.before(point).await
    }
    async fn after(&self, point: &emulators::Point, status: u16) {
        self.0.after(point, status).await;
        tokio::task::yield_now().await;
    }
}

/// The exchange's own clock, off by a constant.
#[derive(Debug)]
struct Ahead {
    clock: Arc<FakeClock>,
    ms: i64,
}
#[async_trait::async_trait]
impl Clock for Ahead {
    fn now(&self) -> WallTime {
        self.clock.now().plus_ms(self.ms)
    }
    fn monotonic(&self) -> host::Monotonic {
        self.clock.monotonic()
    }
    async fn wait(&self, time: std::time::Duration) {
        self.clock.wait(time).await;
    }
}
fn exchange_ahead(machine: &Machine, clock: Arc<FakeClock>, ms: i64) -> axum::Router {
    let host = machine.host("paper-exchange").expect("the exchange's host").clone();
    function_paper_exchange::router(function_paper_exchange::Deps::of(&host::Host {
        clock: Arc::new(Ahead { clock, ms }),
        ..host
    }))
}

/// Random bytes from a seed: the same story draws the same bytes.
#[derive(Debug)]
struct Seeded {
    seed: u64,
    drawn: Mutex<u64>,
}
impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut drawn = self.drawn.lock().unwrap();
        for chunk in buffer.chunks_mut(32) {
            *drawn += 1;
            let digest = Sha256::digest(format!("{}|{drawn}", self.seed).as_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

/// Everything a story touches. Clones share it: a story's clone works beside it, such as a function that is paused.
#[derive(Clone)]
pub struct World {
    pub seed: u64,
    pub clock: Arc<FakeClock>,
    pub machine: Arc<Machine>,
    /// Faults between functions and services.
    pub faults: Arc<Script>,
    /// Faults between functions and the exchange.
    pub exchange: Arc<Faulty>,
    pub tape: Arc<Mutex<CandleTape>>,
    router: axum::Router,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the story failed with seed {}", self.seed);
        }
    }
}

impl World {
    /// A fresh world in memory.
    pub fn seeded(seed: u64) -> Self {
        Self::build(seed, None, Arc::new(FakeClock::at_noon()), 0)
    }

    /// A world whose exchange has a clock of its own, ahead of everybody else's (RF-5); behind when negative.
    pub fn with_exchange_clock_ahead(seed: u64, ms: i64) -> Self {
        Self::build(seed, None, Arc::new(FakeClock::at_noon()), ms)
    }

    /// A world in memory whose clock starts at the system's: for binaries that read the system's clock themselves.
    pub fn beside_the_system_clock(seed: u64) -> Self {
        Self::build(seed, None, Arc::new(FakeClock::at(host::SystemClock::new().now())), 0)
    }

    /// A world over a data folder: build it again over the same folder and clock for a restart.
    pub fn in_folder(seed: u64, folder: &std::path::Path, clock: Arc<FakeClock>) -> Self {
        Self::build(seed, Some(folder), clock, 0)
    }

    fn build(seed: u64, folder: Option<&std::path::Path>, clock: Arc<FakeClock>, exchange_ahead_ms: i64) -> Self {
        let exchange = Arc::new(Faulty::default());
        let sender = "no-reply@shearpin.localhost";
        let local = Local {
            parameters: [
                ("WebOrigin", "http://localhost:8080"),
                ("MarketPairs", PAIR),
                ("MailIdentity", sender),
                ("MailFrom", sender),
                ("PaperMarket", "host"),
                ("BreachedRangeUrl", ""),
            ]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
            key_arns: BTreeMap::new(),
            queue_base: "http://127.0.0.1:1/000000000000".into(),
            api_urls: [("ExchangeApi".to_owned(), "http://127.0.0.1:2".to_owned())].into(),
        };
        let machine = Machine::start(Parts {
            data_dir: folder.map(Into::into),
            clock: clock.clone(),
            wall: clock.clone(),
            entropy: Arc::new(Seeded { seed, drawn: Mutex::new(0) }),
            transport: exchange.clone(),
            local,
            extra: BTreeMap::new(),
        })
        .expect("the machine starts");
        exchange.connect(if exchange_ahead_ms == 0 {
            machine.exchange()
        } else {
            exchange_ahead(&machine, clock.clone(), exchange_ahead_ms)
        });
        let faults = Arc::new(Script::new());
        machine.emulators().set_faults(Some(faults.clone()));
        let router = machine.api().expect("the API");
        let tape = Arc::new(Mutex::new(CandleTape::new(60_000)));
        Self { seed, clock, machine: Arc::new(machine), faults, exchange, tape, router }
    }

    /// The pair of the stories.
    pub fn pair(&self) -> Pair {
        PAIR.parse().unwrap()
    }

    /// Somebody without an account.
    pub fn stranger(&self, email: &str) -> Browser {
        Browser::new(self.router.clone(), self.clock.clone(), email)
    }

    /// An owner with a verified account, no second factor.
    pub async fn owner(&self, email: &str) -> Owner {
        Owner::join(self, email).await
    }

    /// Passes wall time, and works what is left behind.
    pub async fn after(&self, seconds: i64) {
        self.clock.advance(seconds);
        self.machine.drain().await.expect("drained");
    }
    /// The sweep of the wall minute.
    pub async fn sweep(&self) {
        self.machine.sweep().await.expect("swept");
    }

    /// One market minute around these prices: low and high, closing at `close`. The wall clock moves along.
    pub async fn candle(&self, low: &str, high: &str, close: &str) {
        let minute = self.tape.lock().unwrap().next(&self.pair(), low, high, close);
        self.machine.market_minute(&minute).await.expect("the market minute");
    }
    /// Market minutes that stand still.
    pub async fn quiet_minutes(&self, count: usize) {
        for _ in 0..count {
            let last = self.tape.lock().unwrap().last();
            self.candle(&last, &last, &last).await;
        }
    }
    /// From here on requests that run side by side take turns at every call, so that all have read before one writes.
    pub fn interleaves_calls(&self) {
        self.machine.emulators().set_faults(Some(Arc::new(Interleaved(self.faults.clone()))));
    }
    /// Works everything beside the story, for functions that are to be paused.
    pub fn drains_beside(&self) -> tokio::task::JoinHandle<()> {
        let world = self.clone();
        tokio::spawn(async move { world.drain().await })
    }
    /// Works everything that can be worked now.
    pub async fn drain(&self) {
        self.machine.drain().await.expect("drained");
    }

    /// Stops a function before its next call of an operation.
    pub fn pause_before(&self, caller: &str, operation: &str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.faults.once(When::calls(caller, operation), Act::PauseBefore(gate.clone()));
        gate
    }
    /// Stops a function after its next call of an operation took effect.
    pub fn pause_after(&self, caller: &str, operation: &str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.faults.once(When::calls(caller, operation), Act::PauseAfter(gate.clone()));
        gate
    }
    /// Stops the signer before the transaction that authorises the next PLACE, after all its reads.
    pub fn pause_before_authorising(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.faults.once(
            When::calls("signer", "TransactWriteItems").with_body(AUTHORISES_A_PLACE),
            Act::PauseBefore(gate.clone()),
        );
        gate
    }
    /// Stops the signer when the next PLACE was authorised, before it reads the secret.
    pub fn pause_after_authorising(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.faults.once(
            When::calls("signer", "TransactWriteItems").with_body(AUTHORISES_A_PLACE),
            Act::PauseAfter(gate.clone()),
        );
        gate
    }
    /// The PLACE intents, as stored.
    pub async fn placements(&self) -> Vec<BTreeMap<String, serde_json::Value>> {
        self.dump("trading")
            .await
            .into_iter()
            .filter(|item| item.get("what").is_some_and(|what| what == "PLACE"))
            .collect()
    }
    /// Every secret that Secrets Manager still has.
    pub async fn secrets(&self) -> Vec<String> {
        let client = aws_sdk_secretsmanager::Client::new(
            &self.machine.emulators().sdk_config(emulators::Caller::owner("auditor")),
        );
        let listed = client.list_secrets().send().await.expect("the list").secret_list.unwrap_or_default();
        listed.into_iter().filter_map(|secret| secret.name).collect()
    }
    /// The texts of the mails to an address, oldest first.
    pub fn mails_to(&self, email: &str) -> Vec<String> {
        let mails = self.machine.emulators().mailbox().expect("the mailbox");
        mails.iter().filter(|mail| mail.to.iter().any(|to| to == email)).filter_map(|mail| mail.text.clone()).collect()
    }
    /// The orders that the exchange accepted at or after a moment.
    pub async fn accepted_since(&self, at: WallTime) -> Vec<function_paper_exchange::AcceptedOrder> {
        function_paper_exchange::orders_accepted(self.machine.paper(), at).await.expect("the exchange's log")
    }
    /// Asserts that a fence held.
    pub async fn holds_no_order_accepted_after(&self, at: WallTime) {
        let late = self.accepted_since(at).await;
        assert!(late.is_empty(), "accepted after {at}: {late:?}");
    }
    /// Every item of a table, as an auditor with all rights sees it: attribute maps as JSON.
    pub async fn dump(&self, table: &str) -> Vec<BTreeMap<String, serde_json::Value>> {
        let client =
            aws_sdk_dynamodb::Client::new(&self.machine.emulators().sdk_config(emulators::Caller::owner("auditor")));
        let found = client.scan().table_name(format!("shearpin-{table}")).send().await.expect("the table");
        found
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| item.into_iter().map(|(k, v)| (k, plain(&v))).collect())
            .collect()
    }
    /// Whether Secrets Manager still describes a secret.
    pub async fn secret_exists(&self, arn: &str) -> bool {
        let client = aws_sdk_secretsmanager::Client::new(
            &self.machine.emulators().sdk_config(emulators::Caller::owner("auditor")),
        );
        client.describe_secret().secret_id(arn).send().await.is_ok()
    }
    /// Fails when a role refused a call that its function made.
    pub fn no_call_was_refused(&self) {
        let refused = self.machine.emulators().refused_calls();
        assert!(refused.is_empty(), "refused by its role: {refused:#?}");
    }
}

fn plain(value: &aws_sdk_dynamodb::types::AttributeValue) -> serde_json::Value {
    use aws_sdk_dynamodb::types::AttributeValue::{Bool, N, S};
    match value {
        S(text) => serde_json::Value::String(text.clone()),
        N(number) => number.parse::<i64>().map_or_else(|_| serde_json::Value::String(number.clone()), Into::into),
        Bool(truth) => (*truth).into(),
        other => serde_json::Value::String(format!("{other:?}")),
    }
}
