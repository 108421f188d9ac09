//! The signer on embedded services behind the real SDK, with a clock that tests move, faults that they script, and an
//! exchange in memory.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every test file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

pub mod fake_exchange;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use account::{ConnectionId, Epoch, Secret, UserId, WallTime};
use aws_lambda_events::event::dynamodb::Event;
use emulators::{
    Caller, Config, Emulators, IndexSpec, KeyKind, KeySpec, MasterKeySpec, QueueSpec, Script, StreamView, TableSpec,
    WallClock,
};
use exchange::Venue;
use function_signer::Deps;
use host::{Entropy, Environment, Host, Monotonic};
use store::attribute::{Row, json, n, s};
use store::entity::intent::{
    Ask, ConnectionSubject, Intent, IntentState, cancel_key, connection_query_key, place_key, query_key,
};
use store::entity::market::{candle_key, state_key};
use store::entity::order::StoredOrder;
use store::entity::user::{self, User};
use store::entity::{bot, connection, deal, order, wake};
use store::{Key, Store, Table, Write};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{Candle, MarketTime, Pair};
use strategy::money::Price;
use strategy::order::{OrderKey, OrderKind, PlannedOrder, Role, Side, Slot};
use ulid::Ulid;

use fake_exchange::FakeExchange;

/// Both clocks stand still until a test moves them; waiting moves them.
#[derive(Debug)]
pub struct TestClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
    monotonic_stands: AtomicBool,
}
impl TestClock {
    pub fn advance_ms(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
        if !self.monotonic_stands.load(Ordering::SeqCst) {
            self.monotonic.fetch_add(ms, Ordering::SeqCst);
        }
    }
    /// RF-4: as in a frozen machine.
    pub fn stop_monotonic(&self) {
        self.monotonic_stands.store(true, Ordering::SeqCst);
    }
}
impl WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }
}
#[async_trait::async_trait]
impl host::Clock for TestClock {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.now_ms())
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ms(u64::try_from(self.monotonic.load(Ordering::SeqCst)).unwrap())
    }
    async fn wait(&self, time: Duration) {
        self.advance_ms(i64::try_from(time.as_millis()).unwrap());
        tokio::task::yield_now().await;
    }
}

#[derive(Debug, Default)]
struct TestEntropy(AtomicU64);
impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub const USER: UserId = UserId::new(Ulid::from_parts(1, 1));
pub const CONNECTION: ConnectionId = ConnectionId::new(Ulid::from_parts(1, 2));
pub const BOT: BotId = BotId::new(Ulid::from_parts(1, 3));
pub const DEAL: DealId = DealId::new(Ulid::from_parts(1, 4));
pub const EPOCH: Epoch = Epoch::FIRST;
pub const RUN: u64 = 3;
/// Close of the last candle.
pub const MARKET_NOW: i64 = 1_747_699_500_000;

pub struct World {
    pub emulators: Emulators,
    pub clock: Arc<TestClock>,
    pub script: Arc<Script>,
    pub exchange: Arc<FakeExchange>,
    pub host: Host,
    pub store: Store,
    pub deps: Deps,
}

impl World {
    /// An owner with a LIVE key on paper, a running bot and an open deal, in a market that trades 1,000 a minute at 100.
    pub async fn new() -> Self {
        let clock = Arc::new(TestClock {
            wall: AtomicI64::new(1_764_000_000_000),
            monotonic: AtomicI64::new(50_000),
            monotonic_stands: AtomicBool::new(false),
        });
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        emulators.ensure_tables(&tables()).unwrap();
        emulators.ensure_key("alias/shearpin-vault", MasterKeySpec::Symmetric).unwrap();
        emulators
            .ensure_queue(&QueueSpec {
                name: "decisions".into(),
                visibility_s: 60,
                delay_s: 0,
                retention_s: 345_600,
                redrive: None,
            })
            .unwrap();
        let script = Arc::new(Script::new());
        emulators.set_faults(Some(script.clone()));
        let entropy: Arc<dyn Entropy> = Arc::new(TestEntropy::default());
        let host = host(&emulators, &clock, &entropy, "signer");
        let exchange = FakeExchange::new(clock.clone());
        let deps = Deps::of(&host, exchange.clone()).unwrap();
        let store = Store::of(&self::host(&emulators, &clock, &entropy, "test"));
        let world = Self { emulators, clock, script, exchange, host, store, deps };
        world.fill(&entropy).await;
        world
    }

    async fn fill(&self, entropy: &Arc<dyn Entropy>) {
        self.put(Table::Identity, User::new(USER).to_row()).await;
        let sealer = vault::Sealer::of(&host(&self.emulators, &self.clock, entropy, "connections")).unwrap();
        let form = vault::KeyForm {
            api_key: Secret::new("name".into()),
            api_secret: Secret::new("plaintext-canary".into()),
            passphrase: None,
        };
        let context = vault::SealContext { user: USER, connection: CONNECTION, epoch: EPOCH, exchange: Venue::Paper };
        let candidate = sealer.candidate(Venue::Paper, form).unwrap();
        let sealed = sealer.seal(candidate, context, &format!("ex/{USER}/{CONNECTION}/1")).await.unwrap();
        let pairs: Vec<Pair> = vec![pair(), "BTC-USDT".parse().unwrap()];
        self.put(
            Table::Vault,
            Row::keyed(&connection::key(USER, CONNECTION))
                .with("status", s("LIVE"))
                .with("epoch", n(EPOCH.value()))
                .with("exchange", s("paper"))
                .with("label", s("mine"))
                .with("wrapped_dk", s(sealed.wrapped_dk))
                .with("secret_arn", s(sealed.secret_arn))
                .with("verdict", s("accepted"))
                .with("verdict_at", n(1))
                .with("allowed_pairs", json(&pairs).unwrap())
                .with("order_quote_max", s("1000"))
                .with("hour", n(0))
                .with("day", n(0))
                .with("turnover_hour", n(0))
                .with("turnover_day", n(0))
                .with("created_at", n(1)),
        )
        .await;
        self.put(Table::Trading, Row::keyed(&bot::key(BOT)).with("run", n(RUN)).with("state", s("RUNNING"))).await;
        self.put(
            Table::Trading,
            Row::keyed(&deal::key(BOT, DEAL)).with("phase", s("open")).with("orders_version", n(0)),
        )
        .await;
        self.put(
            Table::Market,
            Row::keyed(&state_key("paper", &pair()))
                .with("seen_until", n(MARKET_NOW))
                .with("status", s("TRADING"))
                .with("last", s("100"))
                .with("rules_at", n(1)),
        )
        .await;
        for minute in 0..5 {
            let close_time = MarketTime::from_ms(MARKET_NOW - minute * 60_000);
            let price: Price = "100".parse().unwrap();
            let candle = Candle {
                open_time: MarketTime::from_ms(close_time.ms() - 60_000),
                close_time,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: "1000".parse().unwrap(),
            };
            self.put(
                Table::Market,
                Row::keyed(&candle_key("paper", &pair(), close_time)).with("candle", json(&candle).unwrap()),
            )
            .await;
        }
    }

    pub fn clock_ms(&self) -> i64 {
        self.clock.now_ms()
    }
    pub fn now(&self) -> WallTime {
        WallTime::from_ms(self.clock.now_ms())
    }
    pub async fn put(&self, table: Table, row: Row) {
        let key = Key::new(row.text("pk").unwrap(), row.text("sk").unwrap());
        self.store.write_one(Write::put(table, key, row)).await.unwrap().unwrap();
    }
    pub async fn row(&self, table: Table, key: &Key) -> Row {
        self.store.read(table, key).await.unwrap().expect("an item")
    }
    /// Changes a stored item.
    pub async fn change(&self, table: Table, key: &Key, change: impl FnOnce(Row) -> Row) {
        let row = change(self.row(table, key).await);
        self.put(table, row).await;
    }

    /// What a reset's transaction does to what the signer sees: a new epoch, COOLING, and no wrapped key.
    pub async fn reset(&self) {
        let mut user = self.row(Table::Identity, &user::key(USER)).await;
        user = user
            .with("trade_epoch", n(EPOCH.next().value()))
            .with("trading_state", s("COOLING"))
            .with("cooling_until", n(self.clock.now_ms() + 86_400_000));
        self.put(Table::Identity, user).await;
        let mut connection = self.row(Table::Vault, &connection::key(USER, CONNECTION)).await;
        connection.0.remove("wrapped_dk");
        self.put(Table::Vault, connection.with("status", s("REVOKED")).with("revoked_at", n(self.clock.now_ms())))
            .await;
    }

    pub fn intent(&self, key: Key, ask: Ask) -> Intent {
        Intent {
            key,
            ask,
            state: IntentState::Proposed,
            user: USER,
            connection: CONNECTION,
            exchange: "paper".into(),
            bot: Some(BOT),
            deal: Some(DEAL),
            pair: Some(pair()),
            run: RUN,
            epoch: EPOCH,
            proposed_at: self.now(),
            authorised_at: None,
            why: None,
        }
    }
    pub async fn propose(&self, intent: &Intent) -> Event {
        self.put(Table::Trading, intent.to_row().unwrap()).await;
        event(&intent.key)
    }
    pub async fn propose_order(&self, order: &PlannedOrder) -> Event {
        self.propose(&self.intent(place_key(BOT, &order.client_order_id), Ask::Place(order.clone()))).await
    }
    pub async fn propose_cancel(&self, order: &PlannedOrder) -> Event {
        let id = order.client_order_id.clone();
        self.propose(&self.intent(cancel_key(BOT, &id, 1), Ask::Cancel { order: id, number: 1 })).await
    }
    pub async fn propose_query(&self, order: &PlannedOrder) -> Event {
        let id = order.client_order_id.clone();
        self.propose(&self.intent(query_key(BOT, &id, self.now()), Ask::QueryOrder { order: id })).await
    }
    pub async fn propose_connection_query(&self, subject: ConnectionSubject) -> Event {
        let mut intent =
            self.intent(connection_query_key(USER, CONNECTION, subject, self.now()), Ask::QueryConnection(subject));
        (intent.bot, intent.deal) = (None, None);
        self.propose(&intent).await
    }
    /// Hands the signer a record; answers how many come again.
    pub async fn handle(&self, event: Event) -> usize {
        function_signer::handle(&self.deps, event).await.batch_item_failures.len()
    }
    pub async fn place(&self, order: &PlannedOrder) -> usize {
        let event = self.propose_order(order).await;
        self.handle(event).await
    }
    /// Asks in a minute of its own, as the sweep would.
    pub async fn query(&self, order: &PlannedOrder) -> usize {
        let event = self.propose_query(order).await;
        self.handle(event).await
    }

    pub async fn state(&self, order: &PlannedOrder) -> IntentState {
        self.intent_of(&place_key(BOT, &order.client_order_id)).await.state
    }
    pub async fn why(&self, order: &PlannedOrder) -> String {
        self.intent_of(&place_key(BOT, &order.client_order_id)).await.why.unwrap_or_default()
    }
    pub async fn intent_of(&self, key: &Key) -> Intent {
        self.store.find_intent(key).await.unwrap().expect("an intent")
    }
    pub async fn order(&self, order: &PlannedOrder) -> Option<StoredOrder> {
        let row = self.store.read(Table::Trading, &order::key(BOT, &order.client_order_id)).await.unwrap();
        row.map(|row| StoredOrder::from_row(&row).unwrap())
    }
    pub async fn orders_version(&self) -> u64 {
        self.row(Table::Trading, &deal::key(BOT, DEAL)).await.number("orders_version").unwrap()
    }
    pub async fn is_due(&self) -> bool {
        let wake = self.store.find_wake(&wake::key(BOT, Some(DEAL), wake::WakeKind::Time)).await.unwrap();
        wake.is_some_and(|wake| matches!(wake.waits, wake::Waits::Due { .. }))
    }
    pub fn hints(&self) -> u64 {
        self.emulators.queue_depth("decisions").unwrap().visible
    }
}

pub fn pair() -> Pair {
    "ETH-USDT".parse().unwrap()
}

/// One ETH at 100, named by role and level.
pub fn order_of(role: Role, attempt: u32) -> PlannedOrder {
    let key = OrderKey {
        slot: if role == Role::Averaging { Slot::averaging(1) } else { Slot::of(role) },
        revision: 0,
        attempt,
    };
    let price: Price = "100".parse().unwrap();
    PlannedOrder {
        client_order_id: ClientOrderId::derive(BOT, DEAL, key),
        key,
        side: if role.is_entry() { Side::Buy } else { Side::Sell },
        kind: OrderKind::Limit { price },
        quantity: "1".parse().unwrap(),
        reference_price: price,
        reason: "a test".into(),
    }
}
pub fn base_order() -> PlannedOrder {
    order_of(Role::Base, 0)
}

/// A stream record about an item, as Lambda gets it.
pub fn event(key: &Key) -> Event {
    serde_json::from_value(serde_json::json!({ "Records": [{
        "awsRegion": "us-east-1", "eventID": "1", "eventName": "INSERT", "dynamodb": {
            "ApproximateCreationDateTime": 1_764_000_000, "Keys": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
            "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
        },
    }] }))
    .unwrap()
}

fn host(emulators: &Emulators, clock: &Arc<TestClock>, entropy: &Arc<dyn Entropy>, caller: &str) -> Host {
    // The SDK calls once, so that every fault is seen.
    let aws = emulators
        .sdk_config(Caller::owner(caller))
        .to_builder()
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .build();
    let settings = [
        ("TABLE_IDENTITY", "identity"),
        ("TABLE_VAULT", "vault"),
        ("TABLE_TRADING", "trading"),
        ("TABLE_MARKET", "market"),
        ("KEY_VAULT", "alias/shearpin-vault"),
        ("KEY_VAULT_MAC", "alias/shearpin-vault"),
        ("QUEUE_DECISIONS_URL", "http://localhost/000000000000/decisions"),
        ("PAPER_BASE_URL", "http://localhost:1"),
    ];
    Host {
        clock: clock.clone(),
        entropy: entropy.clone(),
        aws,
        environment: Environment::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned()))),
    }
}

fn tables() -> [TableSpec; 4] {
    let text = |name: &str| KeySpec { name: name.into(), kind: KeyKind::Text };
    let table = |name: &str, indexes: Vec<IndexSpec>| TableSpec {
        name: name.into(),
        partition: text("pk"),
        sort: Some(text("sk")),
        indexes,
        stream: Some(StreamView::New),
        ttl: Some("ttl".into()),
    };
    [table("identity", vec![]), table("vault", vec![]), table("trading", vec![]), table("market", vec![])]
}
