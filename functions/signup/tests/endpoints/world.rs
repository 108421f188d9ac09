//! One installation in memory: the function's router over the real store code, an embedded AWS, and a clock that stands
//! still until a test moves it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use account::WallTime;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use emulators::{Act, Caller, Config, Emulators, Fault, KeyKind, KeySpec, MasterKeySpec, Script, TableSpec, When};
use host::{Environment, Host, SystemEntropy};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use store::Store;
use store::entity::user::User;
use tower::ServiceExt;

pub const PASSWORD: &str = "seven quiet lanterns drift";
pub const EMAIL: &str = "owner@example.com";

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
    pub fn from(self, address: &str) -> Self {
        Self(self.0.extension(ConnectInfo::<SocketAddr>(address.parse().unwrap())), self.1)
    }
}

impl World {
    pub fn new() -> Self {
        Self::with_cost("19456/2/1").unwrap()
    }

    /// With a list of stolen passwords at this address.
    pub fn asking(list: &str) -> Self {
        Self::with("19456/2/1", list).unwrap()
    }
    pub fn with_cost(cost: &str) -> Result<Self, function_signup::StartRefused> {
        Self::with(cost, "")
    }
    fn with(cost: &str, list: &str) -> Result<Self, function_signup::StartRefused> {
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
            ("KEY_IDENTITY_MAC", emulators.ensure_key("alias/shearpin-identity-mac", MasterKeySpec::Hmac256).unwrap()),
        ];
        let host = |caller: &str| Host {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            aws: emulators.sdk_config(Caller::owner(caller)),
            environment: Environment::of(pairs.clone().map(|(name, value)| (name.to_owned(), value))),
        };
        let router = function_signup::router(&host("signup"))?;
        let owner = host("test");
        let store = Store::of(&owner);
        let client = aws_sdk_dynamodb::Client::new(&owner.aws);
        Ok(Self { emulators, clock, store, router, owner: client })
    }

    pub async fn send(&self, call: Call) -> Answered {
        let request = call.0.body(Body::from(call.1)).unwrap();
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
        script.times(When::calls("signup", operation), skip, u64::MAX, Act::Fault(Fault::Status(500)));
        self.emulators.set_faults(Some(Arc::new(script)));
    }
    pub fn recover(&self) {
        self.emulators.set_faults(None);
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
    pub async fn raise(&self, user: account::UserId, counter: &str) {
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
    /// The link's token of the newest mail to an address.
    pub async fn mailed_token(&self, email: &str) -> Option<String> {
        let mut jobs = self.owner.scan().table_name("outbox").send().await.unwrap().items().to_vec();
        jobs.sort_by_key(|job| job["created_ms"].as_n().unwrap().parse::<i64>().unwrap());
        let body = |job: &std::collections::HashMap<String, AttributeValue>| {
            serde_json::from_str::<Value>(job["body"].as_s().unwrap()).unwrap()
        };
        jobs.iter()
            .rev()
            .map(body)
            .filter(|mail| mail["to"] == email)
            .find_map(|mail| Some(mail["notice"]["token"].as_str()?.to_owned()))
    }
    /// Whose address it is, and whether it is verified.
    pub async fn account(&self, email: &str) -> Option<User> {
        let user = self.store.find_user_by_email(&email.parse().unwrap()).await.unwrap()?;
        self.store.find_user(user).await.unwrap()
    }
    pub async fn sign_up(&self, email: &str) -> Answered {
        self.send(sign_up(email, PASSWORD)).await
    }
    /// Signs up and gives the mailed token.
    pub async fn signed_up(&self, email: &str) -> String {
        assert_eq!(self.sign_up(email).await.status, 202);
        self.mailed_token(email).await.unwrap()
    }
}

pub fn sign_up(email: &str, password: &str) -> Call {
    post("/v1/signup", &serde_json::json!({ "email": email, "password": password }))
}
pub fn verify(token: &str) -> Call {
    post("/v1/signup/verify", &serde_json::json!({ "token": token }))
}
pub fn resend(email: &str) -> Call {
    post("/v1/signup/resend", &serde_json::json!({ "email": email }))
}
