//! Tables, secrets and keys in memory behind the real SDK clients, with a clock that tests move and faults that they script.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every test file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use account::token::{Purpose, new_token};
use account::{EmailAddress, UserId, WallTime};
use emulators::{
    Caller, Config, Emulators, IndexSpec, KeyKind, KeySpec, MasterKeySpec, Script, Service, StreamView, TableSpec,
    WallClock,
};
use host::{Entropy, Environment, Host, Monotonic};
use store::entity::address;
use store::entity::proof::{self, Proof};
use store::entity::session::Session;
use store::entity::user::{self, User};
use store::transaction::spend_step_up::{Spending, StepUpProof};
use store::{Store, Table, Write};

/// Stands still until a test moves it; waiting moves it.
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
    async fn wait(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Counts; every byte string is another one.
#[derive(Debug, Default)]
pub struct TestEntropy(AtomicU64);
impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            // An odd multiplier spreads the count over all bits.
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
}

/// An account with a session.
pub struct Owner {
    pub user: UserId,
    pub token: String,
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_764_000_000_000)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        emulators.ensure_tables(&tables()).unwrap();
        emulators.ensure_key("alias/shearpin-vault", MasterKeySpec::Symmetric).unwrap();
        emulators.ensure_key("alias/shearpin-vault-mac", MasterKeySpec::Hmac256).unwrap();
        emulators.verify_sender("no-reply@shearpin.example").unwrap();
        let script = Arc::new(Script::new());
        emulators.set_faults(Some(script.clone()));
        let entropy: Arc<dyn Entropy> = Arc::new(TestEntropy::default());
        let store = Store::of(&host(&emulators, &clock, &entropy, "test"));
        Self { emulators, clock, entropy, script, store }
    }
    /// The host of a function; the SDK calls once, so that every fault is seen.
    pub fn host(&self, caller: &str) -> Host {
        host(&self.emulators, &self.clock, &self.entropy, caller)
    }
    pub fn now(&self) -> WallTime {
        WallTime::from_ms(self.clock.now_ms())
    }
    pub fn ulid(&self) -> ulid::Ulid {
        self.entropy.ulid(self.now())
    }

    /// A new account with a verified address, changed as the test wants.
    pub async fn owner_with(&self, change: impl FnOnce(&mut User)) -> Owner {
        let id = UserId::new(self.ulid());
        let mut user = User { email_verified: true, ..User::new(id) };
        change(&mut user);
        let token = new_token(Purpose::Session, self.entropy.bytes());
        let session =
            Session::starting(account::id::SessionId::new(self.ulid()), id, user.session_gen, true, self.now());
        let email = EmailAddress::parse("owner@example.com").unwrap();
        let mut writes = vec![Write::put(Table::Identity, user::key(id), user.to_row()), address::put(id, &email)];
        writes.extend(session.writes(&token.hash));
        self.store.transact(&self.ulid().to_string(), &writes).await.unwrap();
        Owner { user: id, token: token.text.expose(String::clone) }
    }
    pub async fn owner(&self) -> Owner {
        self.owner_with(|_| {}).await
    }

    /// Changes the stored state of an account, as a security event would.
    pub async fn change(&self, owner: &Owner, change: impl FnOnce(&mut User)) {
        let mut user = self.store.find_user(owner.user).await.unwrap().unwrap();
        change(&mut user);
        self.store.write_one(Write::put(Table::Identity, user::key(owner.user), user.to_row())).await.unwrap().unwrap();
    }

    /// What `POST /v1/step-up` hands out for this request.
    pub async fn step_up(&self, owner: &Owner, method: &str, path: &str, body_sha256: &str) -> String {
        let user = self.store.find_user(owner.user).await.unwrap().unwrap();
        let token = new_token(Purpose::StepUpProof, self.entropy.bytes());
        let proof = Proof {
            user: owner.user,
            epoch: user.trade_epoch,
            cred_version: user.cred_version,
            method: method.into(),
            path: path.into(),
            body_sha256: body_sha256.into(),
            expires_at: self.now().plus_seconds(proof::LIFE_S),
        };
        self.store
            .write_one(Write::put(Table::Identity, proof::key(&token.hash), proof.to_row(&token.hash)))
            .await
            .unwrap()
            .unwrap();
        token.text.expose(String::clone)
    }
    /// A spent step-up, for who calls the store without the HTTP layer.
    pub async fn proof(&self, owner: &Owner) -> StepUpProof {
        let text = self.step_up(owner, "POST", "/v1/connections", "").await;
        let user = self.store.find_user(owner.user).await.unwrap().unwrap();
        let hash = account::token::TokenHash::of(Purpose::StepUpProof, &text);
        let spending = Spending { hash: &hash, user: &user, method: "POST", path: "/v1/connections", body_sha256: "" };
        self.store.spend_step_up(spending, self.now()).await.unwrap().unwrap()
    }

    /// Every operation that a function has called on a service since the last reset.
    pub fn operations(&self, caller: &str, service: Service) -> Vec<String> {
        self.emulators
            .calls()
            .into_keys()
            .filter(|(who, what, _)| who == caller && *what == service)
            .map(|(_, _, op)| op)
            .collect()
    }
}

fn host(emulators: &Emulators, clock: &Arc<TestClock>, entropy: &Arc<dyn Entropy>, caller: &str) -> Host {
    let aws = emulators
        .sdk_config(Caller::owner(caller))
        .to_builder()
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .build();
    let settings = [
        ("TABLE_IDENTITY", "identity"),
        ("TABLE_VAULT", "vault"),
        ("TABLE_OUTBOX", "outbox"),
        ("TABLE_TRADING", "trading"),
        ("KEY_VAULT", "alias/shearpin-vault"),
        ("KEY_VAULT_MAC", "alias/shearpin-vault-mac"),
        ("ALLOWED_ORIGIN", "https://shearpin.example"),
        ("PAPER_BASE_URL", "http://localhost:1"),
        ("MAIL_FROM", "Shearpin <no-reply@shearpin.example>"),
        ("MAIL_LINK_BASE", "https://shearpin.example"),
    ];
    let environment = Environment::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Host { clock: clock.clone(), entropy: entropy.clone(), aws, environment }
}

fn tables() -> [TableSpec; 4] {
    let text = |name: &str| KeySpec { name: name.into(), kind: KeyKind::Text };
    let index = |name: &str, partition: &str, sort: &str| IndexSpec {
        name: name.into(),
        partition: text(partition),
        sort: Some(KeySpec { name: sort.into(), kind: KeyKind::Number }),
        attributes: Some(vec![]),
    };
    let table = |name: &str, indexes: Vec<IndexSpec>, stream| TableSpec {
        name: name.into(),
        partition: text("pk"),
        sort: Some(text("sk")),
        indexes,
        stream,
        ttl: Some("ttl".into()),
    };
    [
        table("identity", vec![], None),
        table("vault", vec![index("ledger", "ledger_key", "ledger_ms")], None),
        table("outbox", vec![index("open_jobs", "open_key", "created_ms")], Some(StreamView::New)),
        table("trading", vec![], Some(StreamView::New)),
    ]
}
