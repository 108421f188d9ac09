//! One function before the embedded AWS, with a clock that stands still until a test moves it, and owners put straight
//! into the store.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use account::email::EmailAddress;
use account::id::SessionId;
use account::password::Password;
use account::password_hash::{HashParameters, HashPolicy, UserSalt, hash, verify};
use account::recovery_code::new_codes;
use account::token::{Purpose, TokenHash, new_token};
use account::totp::{TotpSeed, new_seed};
use account::{ConnectionId, UserId, WallTime};
use axum::Router;
use axum::body::Body;
use emulators::{
    Act, Call, Caller, Config, Emulators, Fault, IndexSpec, KeyKind, KeySpec, MasterKeySpec, Resource, Script,
    TableSpec, Verdict, When,
};
use host::{Clock, Environment, Host, Monotonic, SystemEntropy};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use identity_key::IdentityKey;
use serde_json::Value;
use store::attribute::{Row, n, s};
use store::entity::credential::{self, Credential};
use store::entity::job::{Job, Mail, Notice, Shred, Work};
use store::entity::proof::{self, Proof};
use store::entity::session::Session;
use store::entity::user::{self, User};
use store::entity::{address, connection, recovery_code};
use store::{Key, Store, Table, Write};
use tower::ServiceExt;
use ulid::Ulid;

/// 2026-11-25T00:00:00Z.
pub const START_MS: i64 = 1_795_564_800_000;
pub const TABLES: [&str; 4] = ["identity", "vault", "trading", "outbox"];
pub const PASSWORD: &str = "seven oxen climb a slow ladder";
pub const NEW_PASSWORD: &str = "nine herons leave a cold harbour";

/// Wall and monotonic clock in one; waiting moves it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        self.advance_ms(seconds * 1000);
    }
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
    pub fn at(&self) -> WallTime {
        WallTime::from_ms(self.0.load(Ordering::SeqCst))
    }
}
impl emulators::WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        self.at().ms()
    }
}
#[async_trait::async_trait]
impl Clock for TestClock {
    fn now(&self) -> WallTime {
        self.at()
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ms(u64::try_from(self.at().ms() - START_MS).unwrap())
    }
    async fn wait(&self, time: Duration) {
        self.advance_ms(i64::try_from(time.as_millis()).unwrap());
        tokio::task::yield_now().await;
    }
}

/// An answer with its headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code), "{}", self.text);
    }
    pub fn is_ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

/// An owner in the store.
pub struct Owner {
    pub id: UserId,
    pub email: String,
    pub seed: Option<TotpSeed>,
    pub codes: Vec<String>,
}

pub struct World {
    pub emulators: Emulators,
    pub clock: Arc<TestClock>,
    pub script: Arc<Script>,
    /// As the function under test.
    pub host: Host,
    /// As the owner's tools, which no policy holds back.
    pub tools: Host,
    pub store: Store,
    pub router: Router,
    pub name: &'static str,
    made: Mutex<u64>,
}

impl World {
    /// `name` calls within `allowed`; every call of the SDK is one call of the function (no retries beneath it).
    pub fn of(name: &'static str, allowed: fn(&Call) -> bool, router: impl Fn(&Host) -> Router) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        emulators.ensure_tables(&TABLES.map(table)).unwrap();
        let seeds = emulators.ensure_key("alias/identity", MasterKeySpec::Symmetric).unwrap();
        let pepper = emulators.ensure_key("alias/identity-mac", MasterKeySpec::Hmac256).unwrap();
        let script = Arc::new(Script::new());
        emulators.set_faults(Some(script.clone()));
        let environment = Environment::of(
            [
                ("TABLE_IDENTITY", "identity"),
                ("TABLE_VAULT", "vault"),
                ("TABLE_TRADING", "trading"),
                ("TABLE_OUTBOX", "outbox"),
                ("KEY_IDENTITY", seeds.as_str()),
                ("KEY_IDENTITY_MAC", pepper.as_str()),
                ("ALLOWED_ORIGIN", "https://app.shearpin.test"),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
        );
        let host = |caller: Caller| Host {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            aws: emulators
                .sdk_config(caller)
                .into_builder()
                .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
                .build(),
            environment: environment.clone(),
        };
        let policy = Arc::new(move |call: &Call| if allowed(call) { Verdict::Allowed } else { Verdict::Refused });
        let (function, tools) = (host(Caller::new(name, policy)), host(Caller::owner("tools")));
        let (store, router) = (Store::of(&tools), router(&function));
        Self { emulators, clock, script, host: function, tools, store, router, name, made: Mutex::new(0) }
    }

    pub fn ulid(&self) -> Ulid {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        Ulid::from_parts(u64::try_from(START_MS).unwrap(), u128::from(*made))
    }
    pub fn fault(&self, operation: &str, act: Act) {
        self.script.once(When::calls(self.name, operation), act);
    }
    pub fn fault_always(&self, operation: &str, fault: Fault) {
        self.script.always(When::calls(self.name, operation), Act::Fault(fault));
    }
    /// How often the function called an operation since the last reset of the counts.
    pub fn calls(&self, operation: &str) -> u64 {
        self.emulators
            .calls()
            .iter()
            .filter(|((caller, _, op), _)| caller == self.name && op == operation)
            .map(|(_, count)| count)
            .sum()
    }
    /// Every operation that the function called, with its count.
    pub fn trace(&self) -> BTreeMap<String, u64> {
        self.emulators
            .calls()
            .into_iter()
            .filter(|((caller, ..), _)| caller == self.name)
            .map(|((_, _, op), count)| (op, count))
            .collect()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        self.send("POST", path, &[], body.to_string()).await
    }
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answered {
        send(self.router.clone(), method, path, headers, body).await
    }

    /// Writes that a test makes behind the function's back.
    pub async fn write(&self, writes: Vec<Write>) {
        self.store.transact(&self.ulid().to_string(), &writes).await.unwrap();
    }

    pub async fn owner(&self, with_factor: bool) -> Owner {
        let id = UserId::new(self.ulid());
        let email = format!("{}@example.com", id.to_string().to_lowercase());
        let address = EmailAddress::parse(&email).unwrap();
        let key = IdentityKey::of(&self.tools).unwrap();
        let salt = UserSalt::new([7; 16]);
        let policy = HashPolicy { parameters: HashParameters::FLOOR, pepper: key.pepper_id().clone() };
        let hashed =
            hash(&key.pepper_new(&Password::new(PASSWORD.into()), &salt).await.unwrap(), &salt, &policy).unwrap();
        let mut user = User::new(id);
        (user.email_verified, user.has_factor) = (true, with_factor);
        let mut row = Credential::to_new_row(id, &address, &hashed);
        let (mut seed, mut codes, mut writes) = (None, Vec::new(), Vec::new());
        if with_factor {
            let fresh = new_seed([9; 20]);
            row = row
                .with("totp_seed", s(key.seal_seed(id, &fresh).await.unwrap()))
                .with("enrolled_at", n(START_MS - 1000))
                .with("codes_set", s("first"));
            seed = Some(fresh);
            for code in new_codes(std::array::from_fn(|_| self.tools.entropy.bytes())) {
                writes.push(recovery_code::put(id, &code.hash, self.clock.at()));
                codes.push(code.text.expose(String::clone));
            }
        }
        writes.push(Write::put(Table::Identity, user::key(id), user.to_row()));
        writes.push(Write::put(Table::Identity, credential::key(id), row));
        writes.push(Write::put(
            Table::Identity,
            credential::email_key(&address),
            Row::keyed(&credential::email_key(&address)).with("user", s(id)),
        ));
        writes.push(address::put(id, &address));
        self.write(writes).await;
        Owner { id, email, seed, codes }
    }

    pub async fn attach(&self, owner: &Owner, exchange: &str) -> ConnectionId {
        let (id, user) = (ConnectionId::new(self.ulid()), self.user(owner).await);
        let row = Row::keyed(&connection::key(owner.id, id))
            .with("status", s("LIVE"))
            .with("epoch", n(user.trade_epoch.value()))
            .with("exchange", s(exchange))
            .with("label", s("mine"))
            .with("wrapped_dk", s("d3JhcHBlZA=="))
            .with(
                "secret_arn",
                s(format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/{}/{id}/1-AbCdEf", owner.id)),
            )
            .with("fingerprint", s("f"))
            .with("verdict", s("accepted"))
            .with("verdict_at", n(START_MS))
            .with("allowed_pairs", s("[\"ETH-USDT\"]"))
            .with("order_quote_max", s("100"))
            .with("created_at", n(START_MS));
        let raise = "SET #conn_set_version = #conn_set_version + :one";
        self.write(vec![
            Write::put(Table::Vault, connection::key(owner.id, id), row),
            Write::update(Table::Identity, user::key(owner.id), raise).value(":one", n(1)),
        ])
        .await;
        id
    }

    /// A session of the present generation; its token.
    pub async fn session(&self, owner: &Owner) -> String {
        let token = new_token(Purpose::Session, self.tools.entropy.bytes());
        let user = self.user(owner).await;
        let session = Session::starting(
            SessionId::new(self.ulid()),
            owner.id,
            user.session_gen,
            user.has_factor,
            self.clock.at(),
        );
        self.write(session.writes(&token.hash).into()).await;
        token.text.expose(String::clone)
    }
    /// A step-up proof for one request; its token.
    pub async fn proof(&self, owner: &Owner, method: &str, path: &str, body_sha256: &str) -> String {
        let token = new_token(Purpose::StepUpProof, self.tools.entropy.bytes());
        let user = self.user(owner).await;
        let proof = Proof {
            user: owner.id,
            epoch: user.trade_epoch,
            cred_version: user.cred_version,
            method: method.into(),
            path: path.into(),
            body_sha256: body_sha256.into(),
            expires_at: self.clock.at().plus_seconds(proof::LIFE_S),
        };
        self.write(vec![Write::put(Table::Identity, proof::key(&token.hash), proof.to_row(&token.hash))]).await;
        token.text.expose(String::clone)
    }
    /// What a route with this policy answers to a session.
    pub async fn session_is_alive(&self, token: &str) -> bool {
        let gate = api::Gate::of(&self.tools).unwrap();
        let router = api::Mounts::mount(
            api::Api::new(gate, ()),
            api::routes::SHOW_ME,
            async |_, _| Ok(api::Answer::nothing()),
            || api::Operation::of("show_me", ""),
        )
        .into_router();
        let answered =
            send(router, "GET", "/v1/me", &[("authorization", &format!("Bearer {token}"))], String::new()).await;
        match answered.status.as_u16() {
            204 => true,
            401 => false,
            other => panic!("{other}: {}", answered.text),
        }
    }

    pub fn code(&self, owner: &Owner) -> String {
        code_at(owner.seed.as_ref().unwrap(), self.clock.at())
    }
    pub async fn user(&self, owner: &Owner) -> User {
        self.store.find_user(owner.id).await.unwrap().unwrap()
    }
    pub async fn credential(&self, owner: &Owner) -> Credential {
        self.store.find_credential(owner.id).await.unwrap().unwrap()
    }
    pub async fn password_is(&self, owner: &Owner, password: &str) -> bool {
        let Some(stored) = self.credential(owner).await.hash else { return false };
        let key = IdentityKey::of(&self.tools).unwrap();
        let policy = HashPolicy { parameters: HashParameters::FLOOR, pepper: key.pepper_id().clone() };
        let peppered = key.pepper_as(&Password::new(password.into()), &stored).await.unwrap();
        verify(&peppered, &stored, &policy).unwrap().matches
    }

    /// All items of a table, by key.
    pub async fn items(&self, table: Table) -> BTreeMap<String, Row> {
        let client = aws_sdk_dynamodb::Client::new(&self.tools.aws);
        let (mut found, mut from) = (BTreeMap::new(), None);
        loop {
            let page =
                client.scan().table_name(self.store.table(table)).set_exclusive_start_key(from).send().await.unwrap();
            for item in page.items.unwrap_or_default().into_iter().map(Row) {
                found.insert(format!("{} {}", item.text("pk").unwrap(), item.text("sk").unwrap()), item);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return found;
            }
        }
    }
    /// Everything stored, but for attempt budgets and the momentary fence: what "nothing changed" compares.
    pub async fn everything(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for table in [Table::Identity, Table::Vault, Table::Trading, Table::Outbox] {
            for (key, row) in self.items(table).await {
                if key.starts_with("BUDGET#") {
                    continue;
                }
                let parts = row
                    .0
                    .into_iter()
                    .filter(|(name, _)| name != "fencing_until")
                    .map(|(name, value)| (name, format!("{value:?}")))
                    .collect();
                all.insert(format!("{table:?} {key}"), parts);
            }
        }
        all
    }
    async fn jobs(&self) -> Vec<Job> {
        self.items(Table::Outbox).await.values().map(|row| Job::from_row(row).unwrap()).collect()
    }
    /// Mails in the outbox, oldest first; those that say nothing too.
    pub async fn mails(&self) -> Vec<Mail> {
        self.jobs()
            .await
            .into_iter()
            .filter_map(|job| match job.work {
                Work::Mail(mail) => Some(mail),
                Work::Shred(_) | Work::Erase(_) => None,
            })
            .collect()
    }
    pub async fn shreds(&self) -> Vec<Shred> {
        self.jobs()
            .await
            .into_iter()
            .filter_map(|job| match job.work {
                Work::Shred(shred) => Some(shred),
                Work::Mail(_) | Work::Erase(_) => None,
            })
            .collect()
    }
    /// Asks for a reset and answers the token of the mail that came of it.
    pub async fn reset_token(&self, owner: &Owner) -> String {
        let before = self.reset_tokens().await;
        self.post("/v1/password-reset", serde_json::json!({"email": owner.email})).await.is_ok(202);
        let after = self.reset_tokens().await;
        after.into_iter().find(|token| !before.contains(token)).expect("a new link was mailed")
    }
    pub async fn reset_tokens(&self) -> Vec<String> {
        self.mails()
            .await
            .into_iter()
            .filter_map(|m| match m.notice {
                Notice::ResetPassword { token } => Some(token),
                _ => None,
            })
            .collect()
    }
    pub async fn audit(&self, owner: &Owner) -> Vec<String> {
        let rows = self.items(Table::Identity).await;
        let own = format!("EVENTS#{} ", owner.id);
        rows.iter()
            .filter(|(key, _)| key.starts_with(&own))
            .map(|(_, row)| row.text("event").unwrap().to_owned())
            .collect()
    }
    pub async fn row(&self, table: Table, key: &Key) -> Option<Row> {
        self.store.read(table, key).await.unwrap()
    }
}

pub fn hash_of(token: &str) -> TokenHash {
    TokenHash::of(Purpose::PasswordReset, token)
}

pub fn code_at(seed: &TotpSeed, at: WallTime) -> String {
    // EXPOSE: a test plays the app.
    let app =
        seed.expose(|bytes| totp_rs::Builder::new().with_secret(totp_rs::Secret::new_stack(*bytes)).build().unwrap());
    app.generate(u64::try_from(at.seconds()).unwrap()).to_string()
}

pub async fn send(router: Router, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answered {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned())).collect();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answered { status: parts.status, headers, text }
}

fn table(name: &str) -> TableSpec {
    let key = |name: &str, kind| KeySpec { name: name.to_owned(), kind };
    let by_user = IndexSpec {
        name: "user".into(),
        partition: key("user_key", KeyKind::Text),
        sort: Some(key("sk", KeyKind::Text)),
        attributes: None,
    };
    TableSpec {
        name: name.to_owned(),
        partition: key("pk", KeyKind::Text),
        sort: Some(key("sk", KeyKind::Text)),
        indexes: if name == "trading" { vec![by_user] } else { Vec::new() },
        stream: None,
        ttl: Some("ttl".into()),
    }
}

/// `table:action`, for the allow-lists of the tests; the template's own matrix is compared elsewhere.
pub fn named(call: &Call) -> String {
    let resource = match &call.resource {
        Resource::Table(table) => table.clone(),
        Resource::Index { table, index } => format!("{table}/{index}"),
        Resource::Key { alias, .. } => alias.clone().unwrap_or_default(),
        Resource::Stream(_) | Resource::Secret(_) | Resource::Queue(_) | Resource::Identity(_) | Resource::Any => {
            "other".into()
        }
    };
    format!("{resource} {}", call.action)
}
