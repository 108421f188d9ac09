//! Tables and queue in memory behind the real SDK clients, a market that tests write, and an exchange that answers by the
//! book: everything between the schedule and the orders is the real thing.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every test file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

pub mod market;
pub mod venue;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use account::{ConnectionId, Epoch, UserId, WallTime};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use emulators::{
    Caller, Config, Emulators, IndexSpec, KeyKind, KeySpec, QueueSpec, Script, StreamView, TableSpec, WallClock,
};
use function_tick::{Schedule, Tick};
use host::{Entropy, Environment, Host, Monotonic};
use store::attribute::{Row, n, s};
use store::entity::bot::{Bot, BotState};
use store::entity::wake::{Owner, Wake};
use store::{Store, Table, Write};
use strategy::config::Strategy;
use strategy::id::BotId;
use strategy::market::{MarketTime, Pair};

pub use market::FakeMarket;

pub const MINUTE_MS: i64 = 60_000;
/// Midnight, so that candles are easy to name.
pub const START_MS: i64 = 1_764_028_800_000;

#[derive(Debug)]
pub struct TestClock(AtomicI64);
impl TestClock {
    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}
impl WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
#[async_trait::async_trait]
impl host::Clock for TestClock {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.now_ms())
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ms(u64::try_from(self.now_ms()).unwrap())
    }
    async fn wait(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

/// Counts; every byte string is another one.
#[derive(Debug, Default)]
pub struct TestEntropy(AtomicU64);
impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub struct World {
    pub emulators: Emulators,
    pub clock: Arc<TestClock>,
    pub entropy: Arc<dyn Entropy>,
    pub script: Arc<Script>,
    pub store: Store,
    pub market: Arc<FakeMarket>,
    pub tick: function_tick::Deps,
    pub trader: function_trader::Deps,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

pub fn pair() -> Pair {
    "BTC-USDT".parse().unwrap()
}

/// Base 100 at market, averaging 100 at -1 % and -2 %, take profit 1 %, stop at -5 %.
pub fn dca(stop_after_deals: Option<u32>) -> Strategy {
    serde_json::from_value(serde_json::json!({
        "kind": "dca", "direction": "long", "base_amount": "100", "entry": "market",
        "averaging": {"amount": "100", "count": 2, "active": 1, "deviation": "1", "step_scale": "1", "volume_scale": "1", "reference": "base"},
        "reference_price": "fill", "rounding": "up", "take_profit": {"pct": "1", "of": "total"},
        "stop_loss": {"pct": "5", "reference": "base", "then": "keep_running"}, "cooldown_s": 0, "stop_after_deals": stop_after_deals,
    })).unwrap()
}

impl World {
    pub async fn new() -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        emulators.ensure_tables(&tables()).unwrap();
        emulators.ensure_queue(&queue()).unwrap();
        let script = Arc::new(Script::new());
        emulators.set_faults(Some(script.clone()));
        let entropy: Arc<dyn Entropy> = Arc::new(TestEntropy::default());
        let owner = host(&emulators, &clock, &entropy, "test", "");
        let sqs = aws_sdk_sqs::Client::new(&owner.aws);
        let url = sqs.get_queue_url().queue_name("decisions").send().await.unwrap().queue_url.unwrap();
        let market = Arc::new(FakeMarket::default());
        let tick =
            function_tick::Deps::with_transport(&host(&emulators, &clock, &entropy, "tick", &url), market.clone())
                .unwrap();
        let trader = function_trader::Deps::of(&host(&emulators, &clock, &entropy, "trader", &url)).unwrap();
        Self { store: Store::of(&owner), emulators, clock, entropy, script, market, tick, trader, sqs, queue_url: url }
    }
    pub fn now(&self) -> WallTime {
        WallTime::from_ms(self.clock.now_ms())
    }
    pub fn ulid(&self) -> ulid::Ulid {
        self.entropy.ulid(self.now())
    }
    pub fn host(&self) -> Host {
        self.host_of("venue")
    }
    pub fn host_of(&self, caller: &str) -> Host {
        host(&self.emulators, &self.clock, &self.entropy, caller, &self.queue_url)
    }

    /// A LIVE connection.
    pub async fn connection(&self, equity: Option<&str>) -> (UserId, ConnectionId) {
        let (user, connection) = (UserId::new(self.ulid()), ConnectionId::new(self.ulid()));
        self.put_connection(user, connection, "LIVE", equity).await;
        (user, connection)
    }
    pub async fn put_connection(&self, user: UserId, connection: ConnectionId, status: &str, equity: Option<&str>) {
        let key = store::entity::connection::key(user, connection);
        let row = Row::keyed(&key)
            .with("status", s(status))
            .with("epoch", n(1))
            .with("exchange", s("paper"))
            .with("label", s("test"))
            .with("secret_arn", s("arn"))
            .with("verdict", s("accepted"))
            .with("verdict_at", n(0))
            .with("allowed_pairs", s("[\"BTC-USDT\"]"))
            .with("order_quote_max", s("100000"))
            .with("created_at", n(0))
            .with("revoked_at", n(0))
            .with("revoked_by", s("password_reset"))
            .with_some("equity_quote", equity.map(s))
            .with_some("equity_at", equity.map(|_| n(0)));
        self.store.write_one(Write::put(Table::Vault, key, row)).await.unwrap().unwrap();
    }
    /// A running bot that is due, as a start leaves it.
    pub async fn bot(&self, (user, connection): (UserId, ConnectionId), strategy: Strategy) -> (Bot, Wake) {
        let bot = Bot {
            id: BotId::new(self.ulid()),
            user,
            connection,
            exchange: "paper".into(),
            pair: pair(),
            name: "test".into(),
            strategy,
            form: "{}".into(),
            state: BotState::Running,
            run: 1,
            epoch: Epoch::FIRST,
            version: 1,
            open_deal: None,
            deals_done: 0,
            cooldown_until: MarketTime::START,
            stopped_because: None,
            waiting_because: None,
            checked_at: self.now(),
            created_at: self.now(),
        };
        let owner = Owner {
            bot: bot.id,
            deal: None,
            user,
            connection,
            exchange: "paper".into(),
            pair: pair(),
            epoch: bot.epoch,
            run: 1,
        };
        let wake = Wake::due(owner, self.ulid().to_string(), MarketTime::START, self.now());
        let writes =
            [Write::put(Table::Trading, store::entity::bot::key(bot.id), bot.to_row().unwrap()), wake.write().unwrap()];
        self.store.transact(&self.ulid().to_string(), &writes).await.unwrap();
        (bot, wake)
    }

    /// One market tick; what fails is left to the next, as in the cloud.
    pub async fn tick(&self) -> bool {
        function_tick::handle(&self.tick, Tick { schedule: Schedule::Market, market_now: None }).await.is_ok()
    }
    pub async fn sweep(&self) {
        function_tick::handle(&self.tick, Tick { schedule: Schedule::Sweep, market_now: None }).await.unwrap();
    }

    /// The messages that are visible in the queue, taken out of it.
    pub async fn take_messages(&self) -> Vec<String> {
        let url = self.queue_url.clone();
        let mut bodies = Vec::new();
        loop {
            let got = self.sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
            let messages = got.messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(message.body.unwrap());
                self.sqs
                    .delete_message()
                    .queue_url(&url)
                    .receipt_handle(message.receipt_handle.unwrap())
                    .send()
                    .await
                    .unwrap();
            }
        }
    }
    /// Delivers one message; whether it was acknowledged.
    pub async fn deliver(&self, body: &str) -> bool {
        let mut message = SqsMessage::default();
        message.body = Some(body.to_owned());
        message.message_id = Some("m".to_owned());
        let mut event = SqsEvent::default();
        event.records = vec![message];
        function_trader::handle(&self.trader, event).await.batch_item_failures.is_empty()
    }
    /// Works the queue and the exchange until both are quiet.
    pub async fn drain(&self) {
        for _ in 0..200 {
            let messages = self.take_messages().await;
            for body in &messages {
                self.deliver(body).await;
            }
            let answered = venue::answer(self).await;
            if messages.is_empty() && answered == 0 {
                return;
            }
        }
        panic!("never quiet");
    }
    /// A market minute: a candle, a tick, everything that follows, and the sweep.
    pub async fn minute(&self, open: &str, low: &str, high: &str, close: &str) {
        self.market.candle(open, low, high, close);
        self.clock.advance_s(60);
        self.tick().await;
        self.drain().await;
        self.sweep().await;
        self.drain().await;
    }
}

fn host(emulators: &Emulators, clock: &Arc<TestClock>, entropy: &Arc<dyn Entropy>, caller: &str, url: &str) -> Host {
    let aws = emulators
        .sdk_config(Caller::owner(caller))
        .to_builder()
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .build();
    let settings = [
        ("TABLE_IDENTITY", "identity"),
        ("ALLOWED_ORIGIN", "https://shearpin.example"),
        ("TABLE_VAULT", "vault"),
        ("TABLE_OUTBOX", "outbox"),
        ("TABLE_TRADING", "trading"),
        ("TABLE_MARKET", "market"),
        ("QUEUE_DECISIONS_URL", url),
        ("MARKET_PAIRS", "BTC-USDT"),
        ("PAPER_BASE_URL", "http://localhost:1"),
    ];
    let environment = Environment::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Host { clock: clock.clone(), entropy: entropy.clone(), aws, environment }
}

fn queue() -> QueueSpec {
    QueueSpec { name: "decisions".into(), visibility_s: 60, delay_s: 0, retention_s: 345_600, redrive: None }
}

fn tables() -> [TableSpec; 5] {
    let key = |name: &str, kind| KeySpec { name: name.into(), kind };
    let index = |name: &str, partition: &str, sort: &str, kind, attributes: Option<&[&str]>| IndexSpec {
        name: name.into(),
        partition: key(partition, KeyKind::Text),
        sort: Some(key(sort, kind)),
        attributes: attributes.map(|names| names.iter().map(|n| (*n).to_owned()).collect()),
    };
    let table = |name: &str, indexes: Vec<IndexSpec>, stream| TableSpec {
        name: name.into(),
        partition: key("pk", KeyKind::Text),
        sort: Some(key("sk", KeyKind::Text)),
        indexes,
        stream,
        ttl: Some("ttl".into()),
    };
    [
        table("vault", vec![index("ledger", "ledger_key", "ledger_ms", KeyKind::Number, Some(&[]))], None),
        table(
            "outbox",
            vec![index("open_jobs", "open_key", "created_ms", KeyKind::Number, Some(&[]))],
            Some(StreamView::New),
        ),
        table("identity", vec![], None),
        table("market", vec![], None),
        table(
            "trading",
            vec![
                index(
                    "price",
                    "price_key",
                    "price_ticks",
                    KeyKind::Number,
                    Some(&["resting", "decide", "written_at", "bot", "deal", "wake_id"]),
                ),
                index("time", "time_key", "time_ms", KeyKind::Number, Some(&[])),
                index("due", "due_key", "due_ms", KeyKind::Number, Some(&[])),
                index("open_intents", "intent_key", "intent_ms", KeyKind::Number, Some(&[])),
                index("user", "user_key", "sk", KeyKind::Text, None),
            ],
            Some(StreamView::New),
        ),
    ]
}
