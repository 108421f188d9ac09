//! One installation in memory: the function's router over the real store code, an embedded AWS, and a clock that stands
//! still until a test moves it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use account::password::Password;
use account::password_hash::{HashParameters, HashPolicy, UserSalt, hash};
use account::recovery_code::new_codes;
use account::token::{Purpose, TokenHash, new_token};
use account::totp::TotpSeed;
use account::{UserId, WallTime};
use api::{Answer, Api, Gate, Mounts, Operation, Problem, Request};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use emulators::{Act, Caller, Config, Emulators, Fault, KeyKind, KeySpec, MasterKeySpec, Script, TableSpec, When};
use host::{Environment, Host, SystemEntropy};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use identity_key::IdentityKey;
use serde_json::Value;
use store::Store;
use store::entity::budget::Bucket;
use store::entity::job::{Mail, Notice};
use store::entity::{challenge, recovery_code};
use store::transaction::sign_up::SignUp;
use tower::ServiceExt;

pub const PASSWORD: &str = "seven quiet lanterns drift";
pub const EMAIL: &str = "owner@example.com";
const SEED: [u8; 20] = *b"a seed of 20 bytes..";

/// Stands still at the start of a TOTP step.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

#[async_trait::async_trait]
impl host::Clock for TestClock {
    fn now(&self) -> WallTime {
        WallTime::from_ms(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> host::Monotonic {
        host::Monotonic::from_ms(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
    async fn wait(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}
impl emulators::WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub struct World {
    pub emulators: Emulators,
    pub clock: Arc<TestClock>,
    pub store: Store,
    router: Router,
    host: Host,
    owner: aws_sdk_dynamodb::Client,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
    pub fn session(&self) -> String {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["session"]["token"].as_str().expect("a session").to_owned()
    }
    /// The mark of a known device.
    pub fn device(&self) -> String {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let mark = cookies.filter_map(|cookie| cookie.strip_prefix("__Host-device=")).next().expect("a device");
        mark.split(';').next().unwrap().to_owned()
    }
    pub fn challenge(&self) -> String {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["challenge"]["id"].as_str().expect("a challenge").to_owned()
    }
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        self
    }
}

/// One call under way.
pub struct Call(http::request::Builder, Vec<u8>);

pub fn call(method: &str, path: &str) -> Call {
    let from: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    Call(http::Request::builder().method(method).uri(path).extension(ConnectInfo(from)), Vec::new())
}
pub fn post(path: &str, body: &Value) -> Call {
    call("POST", path).raw("application/json", &body.to_string())
}

impl Call {
    pub fn raw(self, kind: &str, body: &str) -> Self {
        Self(self.0.header("content-type", kind), body.as_bytes().to_vec())
    }
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
    pub fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("a=b; __Host-session={token}"))
    }
    pub fn device(self, mark: &str) -> Self {
        self.header("cookie", &format!("__Host-device={mark}"))
    }
    pub fn from(self, address: &str) -> Self {
        Self(self.0.extension(ConnectInfo::<SocketAddr>(address.parse().unwrap())), self.1)
    }
}

impl World {
    pub fn new() -> Self {
        Self::with_cost("19456/2/1")
    }

    /// With a list of stolen passwords at this address.
    pub fn asking(list: &str) -> Self {
        Self::with("19456/2/1", list)
    }
    pub fn with_cost(cost: &str) -> Self {
        Self::with(cost, "")
    }
    fn with(cost: &str, list: &str) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_764_000_000_000)));
        let emulators = Emulators::open(Config { data_dir: None, clock: clock.clone() }).unwrap();
        let key = |name: &str| KeySpec { name: name.to_owned(), kind: KeyKind::Text };
        let tables = ["identity", "outbox"].map(|name| TableSpec {
            name: name.to_owned(),
            partition: key("pk"),
            sort: Some(key("sk")),
            indexes: Vec::new(),
            stream: None,
            ttl: Some("ttl".to_owned()),
        });
        emulators.ensure_tables(&tables).unwrap();
        let pairs = [
            ("TABLE_IDENTITY", "identity".to_owned()),
            ("TABLE_OUTBOX", "outbox".to_owned()),
            ("HASH_COST", cost.to_owned()),
            ("BREACHED_RANGE_URL", list.to_owned()),
            ("ALLOWED_ORIGIN", "https://shearpin.example".to_owned()),
            ("KEY_IDENTITY", emulators.ensure_key("alias/shearpin-identity", MasterKeySpec::Symmetric).unwrap()),
            ("KEY_IDENTITY_MAC", emulators.ensure_key("alias/shearpin-identity-mac", MasterKeySpec::Hmac256).unwrap()),
        ];
        let host = |caller: &str| Host {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            aws: emulators.sdk_config(Caller::owner(caller)),
            environment: Environment::of(pairs.clone().map(|(name, value)| (name.to_owned(), value))),
        };
        let router = function_login::router(&host("login")).unwrap();
        let owner = host("test");
        let store = Store::of(&owner);
        let client = aws_sdk_dynamodb::Client::new(&owner.aws);
        Self { emulators, clock, store, router, host: owner, owner: client }
    }

    /// Routes behind a step-up, as another function would mount them; their handler only says that it ran.
    pub fn guarded(&self) -> Self {
        let host = Host { aws: self.emulators.sdk_config(Caller::owner("guarded")), ..self.host.clone() };
        let router = Api::new(Gate::of(&host).unwrap(), ())
            .mount(api::routes::ATTACH_CONNECTION, ran, || Operation::of("ran", ""))
            .mount(api::routes::REPLACE_RECOVERY_CODES, ran, || Operation::of("ran", ""))
            .into_router();
        Self { router, ..self.clone() }
    }

    pub async fn send(&self, call: Call) -> Answered {
        let mut request = call.0.body(Body::from(call.1)).unwrap();
        // A creating route wants a key; a test that means a certain one gives it.
        let creates = api::routes::ALL.iter().any(|(_, route)| {
            route.creates() && route.method() == request.method() && route.path() == request.uri().path()
        });
        if creates && !request.headers().contains_key("idempotency-key") {
            let key = self.host.entropy.ulid(self.now()).to_string();
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        }
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
    /// Many calls at once, on all threads.
    pub async fn at_once(&self, calls: impl IntoIterator<Item = Call>) -> Vec<Answered> {
        let running: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let world = self.clone();
                tokio::spawn(async move { world.send(call).await })
            })
            .collect();
        let mut answers = Vec::new();
        for one in running {
            answers.push(one.await.unwrap());
        }
        answers
    }

    pub fn now(&self) -> WallTime {
        host::Clock::now(self.clock.as_ref())
    }
    pub fn advance(&self, seconds: i64) {
        self.advance_ms(seconds * 1000);
    }
    pub fn advance_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// What the function called since the last look.
    pub fn trace(&self) -> BTreeMap<String, u64> {
        let calls = self.emulators.calls();
        self.emulators.reset_calls();
        calls
            .into_iter()
            .filter(|((caller, _, _), _)| caller != "test")
            .map(|((_, _, operation), count)| (operation, count))
            .collect()
    }
    /// Makes every call of an operation fail until the next `recover`.
    pub fn fail(&self, operation: &str, skip: u64) {
        let script = Script::new();
        script.times(When::calls("login", operation), skip, u64::MAX, Act::Fault(Fault::Status(500)));
        self.emulators.set_faults(Some(Arc::new(script)));
    }
    /// Stops the function before its next call of an operation.
    pub fn pause_before(&self, operation: &str) -> Arc<emulators::Gate> {
        let gate = Arc::new(emulators::Gate::default());
        let script = Script::new();
        script.once(When::calls("login", operation), Act::PauseBefore(gate.clone()));
        self.emulators.set_faults(Some(Arc::new(script)));
        gate
    }
    pub fn recover(&self) {
        self.emulators.set_faults(None);
    }

    pub async fn account(&self, email: &str) -> UserId {
        self.account_with(email, PASSWORD).await
    }
    pub async fn account_with(&self, email: &str, password: &str) -> UserId {
        let now = self.now();
        let user = UserId::new(self.host.entropy.ulid(now));
        let key = IdentityKey::of(&self.host).unwrap();
        let salt = UserSalt::new(self.host.entropy.bytes());
        let peppered = key.pepper_new(&Password::new(password.to_owned()), &salt).await.unwrap();
        let policy = HashPolicy { parameters: HashParameters::FLOOR, pepper: key.pepper_id().clone() };
        let email = email.parse().unwrap();
        let mail = Mail { to: String::new(), notice: Notice::Nothing };
        self.store
            .sign_up(SignUp {
                user,
                email: &email,
                hash: &hash(&peppered, &salt, &policy).unwrap(),
                check: account::breached::PasswordCheck::Passed,
                token: &new_token(Purpose::EmailVerification, self.host.entropy.bytes()).hash,
                job: account::id::JobId::new(self.host.entropy.ulid(now)),
                mail: &mail,
                id: self.host.entropy.ulid(now),
                budget: account::budget::AllowanceUsed::FRESH,
                now,
            })
            .await
            .unwrap();
        user
    }
    pub async fn account_with_totp(&self, email: &str) -> UserId {
        let user = self.account(email).await;
        let sealed =
            IdentityKey::of(&self.host).unwrap().seal_seed(user, &TotpSeed::from_decrypted(SEED)).await.unwrap();
        self.set(&format!("CRED#{user}"), "CRED", "totp_seed", AttributeValue::S(sealed)).await;
        self.set(&format!("CRED#{user}"), "CRED", "enrolled_at", AttributeValue::N("1".to_owned())).await;
        self.set(&format!("USER#{user}"), "STATE", "has_factor", AttributeValue::Bool(true)).await;
        user
    }
    /// The code of the step that lies this many steps after the current one.
    pub fn code(&self, steps: i64) -> String {
        let generator = totp_rs::Builder::new().with_secret(totp_rs::Secret::new_stack(SEED)).build_noncompliant();
        generator.generate(u64::try_from(self.now().seconds() + 30 * steps).unwrap()).to_string()
    }
    /// A code that is none of the steps around now.
    pub fn wrong_code(&self) -> String {
        let near: Vec<_> = (-3..4).map(|step| self.code(step)).collect();
        (0..10).map(|digit| digit.to_string().repeat(6)).find(|code| !near.contains(code)).unwrap()
    }
    pub async fn recovery_codes(&self, user: UserId) -> Vec<String> {
        let codes = new_codes(std::array::from_fn(|_| self.host.entropy.bytes()));
        let writes: Vec<_> = codes.iter().map(|code| recovery_code::put(user, &code.hash, self.now())).collect();
        self.store.transact(&self.host.entropy.ulid(self.now()).to_string(), &writes).await.unwrap();
        // EXPOSE: the owner wrote them down.
        codes.iter().map(|code| code.text.expose(String::clone)).collect()
    }
    /// A challenge as the right password earns it.
    pub async fn challenge(&self, user: UserId) -> String {
        let token = new_token(Purpose::LoginChallenge, self.host.entropy.bytes());
        let version = self.store.find_user(user).await.unwrap().unwrap().cred_version;
        let write =
            challenge::put(&token.hash, user, version, &Bucket::Common, self.now().plus_seconds(challenge::LIFE_S));
        self.store.transact(&self.host.entropy.ulid(self.now()).to_string(), &[write]).await.unwrap();
        // EXPOSE: the caller got it.
        token.text.expose(String::clone)
    }
    pub async fn attempts(&self, challenge: &str) -> Option<u32> {
        self.store
            .find_challenge(&TokenHash::of(Purpose::LoginChallenge, challenge))
            .await
            .unwrap()
            .map(|c| c.attempts.0)
    }
    pub async fn failures(&self, user: UserId, kind: &str) -> i64 {
        let Some(row) = self.item("identity", &format!("BUDGET#{user}"), kind).await else { return 0 };
        serde_json::from_str::<Value>(row["state"].as_s().unwrap()).unwrap()["failures"].as_i64().unwrap()
    }

    pub async fn log_in(&self, email: &str) -> Answered {
        self.send(log_in(email, PASSWORD)).await
    }

    pub async fn item(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Option<std::collections::HashMap<String, AttributeValue>> {
        let read = self
            .owner
            .get_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()));
        read.send().await.unwrap().item
    }
    pub async fn set(&self, pk: &str, sk: &str, name: &str, value: AttributeValue) {
        self.owner
            .update_item()
            .table_name("identity")
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("SET #n = :v")
            .expression_attribute_names("#n", name)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .unwrap();
    }
    pub async fn unset(&self, pk: &str, sk: &str, name: &str) {
        self.owner
            .update_item()
            .table_name("identity")
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("REMOVE #n")
            .expression_attribute_names("#n", name)
            .send()
            .await
            .unwrap();
    }
    pub async fn raise(&self, user: UserId, counter: &str) {
        self.set(&format!("USER#{user}"), "STATE", counter, AttributeValue::N("7".to_owned())).await;
    }
    /// Everything in a table, as text.
    pub async fn dump(&self, table: &str) -> String {
        format!("{:?}", self.owner.scan().table_name(table).send().await.unwrap().items())
    }
    /// The kinds of mail in the outbox that say something, and how many of each.
    pub async fn mails(&self) -> BTreeMap<String, u32> {
        let mut kinds = BTreeMap::new();
        for job in self.owner.scan().table_name("outbox").send().await.unwrap().items() {
            let body: Value = serde_json::from_str(job["body"].as_s().unwrap()).unwrap();
            let kind = body["notice"]["notice"].as_str().unwrap().to_owned();
            if kind != "nothing" {
                *kinds.entry(kind).or_insert(0) += 1;
            }
        }
        kinds
    }
    /// The notices of one kind, oldest first.
    pub async fn notices(&self, kind: &str) -> Vec<Value> {
        let mut found: Vec<_> = self.owner.scan().table_name("outbox").send().await.unwrap().items().to_vec();
        found.sort_by_key(|job| job["pk"].as_s().unwrap().clone());
        let bodies = found.iter().map(|job| serde_json::from_str::<Value>(job["body"].as_s().unwrap()).unwrap());
        bodies.map(|body| body["notice"].clone()).filter(|notice| notice["notice"] == kind).collect()
    }
    /// The keys of the budgets of addresses without account.
    pub async fn budgets_of_unknown_addresses(&self) -> Vec<String> {
        let found = self.owner.scan().table_name("identity").send().await.unwrap();
        let keys = found.items().iter().map(|row| row["pk"].as_s().unwrap().clone());
        keys.filter(|pk| pk.starts_with("BUDGET#EMAIL#")).collect()
    }
    /// Puts a budget into a state, as strangers would.
    pub async fn exhaust(&self, user: UserId, kind: &str, failures: u32) {
        let state = format!(r#"{{"failures":{failures},"blocked_until":0}}"#);
        self.set(&format!("BUDGET#{user}"), kind, "state", AttributeValue::S(state)).await;
        self.set(&format!("BUDGET#{user}"), kind, "version", AttributeValue::N("7".to_owned())).await;
    }
    pub async fn events(&self, user: UserId) -> Vec<String> {
        let of = format!("EVENTS#{user}");
        let found = self
            .owner
            .query()
            .table_name("identity")
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(of));
        found.send().await.unwrap().items().iter().map(|row| row["event"].as_s().unwrap().clone()).collect()
    }
    /// How many live sessions the table holds for a user.
    pub async fn sessions(&self, user: UserId) -> usize {
        let user = self.store.find_user(user).await.unwrap().unwrap();
        self.store.list_sessions(&user, self.now()).await.unwrap().len()
    }
}

pub fn log_in(email: &str, password: &str) -> Call {
    post("/v1/login", &serde_json::json!({ "email": email, "password": password }))
}
pub fn answer(challenge: &str, field: &str, code: &str) -> Call {
    post("/v1/login/second-factor", &serde_json::json!({ "challenge": challenge, field: code }))
}
pub fn me(token: &str) -> Call {
    call("GET", "/v1/me").bearer(token)
}

async fn ran(_: Arc<()>, mut request: Request) -> Result<Answer, Problem> {
    let proof = request.take_step_up()?;
    Ok(Answer::ok(&serde_json::json!({ "user": proof.user().to_string() })))
}
