//! A running `shearpin up` in a folder of its own, and what tests ask of it.

#![expect(dead_code, reason = "each test program uses a part")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_shearpin");
/// How long anything may take before a test gives up, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The real candles, when `SHEARPIN_MARKET_DATA` names their folder.
pub const REAL: &str = "binance-spot-BTCUSDT-1m-20250520-20250818.csv.gz";

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

/// Runs a program that must refuse with this code and these words, and answers what it said.
pub fn refused(arguments: &[&str], code: i32, words: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} should say {word:?}: {said}");
    }
    said
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Looks until it holds; fails with what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The header of a candle file.
pub const HEAD: &str = "open_time_ms,open,high,low,close,volume\n";

/// A line of a candle file: minute and prices around 60,000.
pub fn line(minute: i64, price: i64) -> String {
    format!(
        "{},{price},{},{},{price},10\n",
        1_750_000_000_000 / 60_000 * 60_000 + minute * 60_000,
        price + 20,
        price - 20
    )
}

/// A candle file of BTC-USDT that falls slowly, so that a ladder keeps filling.
pub fn candles(folder: &Path, minutes: i64) -> PathBuf {
    let mut text = HEAD.to_owned();
    for minute in 0..minutes {
        let _written = write!(text, "{}", line(minute, 60_000 - minute.min(4_000)));
    }
    let path = folder.join("test-BTCUSDT-1m-.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// The process; killed when the test ends.
pub struct Running {
    child: Child,
    pub data: PathBuf,
    pub endpoints: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Running {
    /// Starts on a free port and waits until the front page answers.
    pub async fn start(data: &Path, market: &str, speed: u32) -> Self {
        let port = free_port().to_string();
        let speed = speed.to_string();
        let data_text = data.to_str().unwrap();
        let arguments = ["up", "--json", "--market", market, "--speed", &speed, "--data", data_text, "--port", &port];
        let child = Command::new(PROGRAM)
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let api = format!("http://localhost:{port}");
        let mut running = Self { child, data: data.to_owned(), endpoints: Value::Null };
        let http = client();
        eventually("the front page answers", || async {
            http.get(&api).send().await.ok().filter(|answer| answer.status().is_success()).map(|_| ())
        })
        .await;
        // The last thing of a start.
        eventually("the log", || async { Some(()).filter(|()| data.join("log.json").exists()) }).await;
        running.endpoints =
            serde_json::from_str(&std::fs::read_to_string(data.join("endpoints.json")).unwrap()).unwrap();
        assert_eq!(running.endpoints["api"], api);
        running
    }
    /// Address of the API.
    pub fn api(&self) -> String {
        self.endpoints["api"].as_str().unwrap().to_owned()
    }
    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
    /// Waits until standard output has these words; answers what was read.
    pub fn says(&mut self, words: &str) -> String {
        // One byte ahead at most: what follows is left to later readers.
        let mut lines = std::io::BufReader::with_capacity(1, self.child.stdout.as_mut().unwrap());
        let mut out = String::new();
        while !out.contains(words) {
            assert!(std::io::BufRead::read_line(&mut lines, &mut out).unwrap() > 0, "it ended without {words}: {out}");
        }
        out
    }
    /// Sends a signal and waits for the end; exit code and standard output.
    pub fn signalled(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut out = String::new();
        std::io::Read::read_to_string(self.child.stdout.as_mut().unwrap(), &mut out).unwrap();
        (self.child.wait().unwrap().code(), out)
    }
    /// The open time of the last minute that was recorded as done.
    pub fn minute_done(&self) -> i64 {
        let text = std::fs::read_to_string(self.data.join("market-done-ms"));
        text.ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
    /// Waits for a market minute after this one.
    pub async fn minute_after(&self, before: i64) -> i64 {
        eventually("a further market minute", || async { Some(self.minute_done()).filter(|done| *done > before) }).await
    }
    /// An SDK configuration for a service, as this access key.
    pub fn sdk(&self, service: &str, key: &str) -> aws_types::SdkConfig {
        let credentials = aws_credential_types::Credentials::new(key, "local", None, None, "test");
        aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_types::region::Region::new("us-east-1"))
            .endpoint_url(self.endpoints["aws"][service].as_str().unwrap())
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .build()
    }
    /// Every item of a table.
    pub async fn items(
        &self,
        table: &str,
    ) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk("dynamodb", "owner"));
        let name = self.endpoints["tables"][table].as_str().unwrap();
        client.scan().table_name(name).send().await.unwrap().items.unwrap_or_default()
    }
}

/// A client that asks no proxy.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A signed-in person with a paper key and, after [`Person::trades`], a bot. Without a second factor.
pub struct Person {
    http: reqwest::Client,
    pub api: String,
    pub token: String,
    pub password: &'static str,
    pub email: &'static str,
    pub bot: String,
    pub secret: String,
}

impl Person {
    /// Signs up, verifies by mail, signs in.
    pub async fn joins(running: &Running) -> Self {
        let (email, password) = ("walker@example.org", "a slow canal boat in october rain");
        let mut person = Self {
            http: client(),
            api: running.api(),
            token: String::new(),
            password,
            email,
            bot: String::new(),
            secret: String::new(),
        };
        person.post(202, "/v1/signup", &json!({ "email": email, "password": password })).await;
        let token = person.mailed("verify?token=").await;
        person.post(204, "/v1/signup/verify", &json!({ "token": token })).await;
        person.signs_in().await;
        person
    }
    pub async fn signs_in(&mut self) {
        self.post(200, "/dev/clock", &json!({ "advance_s": 2 })).await;
        let form = json!({ "email": self.email, "password": self.password });
        let answer = self.post(200, "/v1/login", &form).await;
        self.token = answer["session"]["token"].as_str().unwrap().to_owned();
    }
    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let answer = request.header("accept", "application/json").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }
    pub async fn asks(&self, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.api))).await
    }
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.asks(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
    pub async fn posts(&self, path: &str, body: &str, proof: Option<&str>) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.api)).header("content-type", "application/json");
        if let Some(proof) = proof {
            request = request.header("x-step-up", proof);
        }
        // Routes that create something want a fresh key; the others do not look at it.
        static GIVEN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let given = GIVEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        request = request.header("idempotency-key", format!("request-of-a-test-{given}"));
        self.send(request.body(body.to_owned())).await
    }
    pub async fn post(&self, wanted: u16, path: &str, body: &Value) -> Value {
        let (status, answer) = self.posts(path, &body.to_string(), None).await;
        assert_eq!(status, wanted, "{path}: {answer}");
        answer
    }
    /// The token in the newest mail that has this link.
    pub async fn mailed(&self, link: &str) -> String {
        eventually("the mail", || async {
            let mails = self.get("/dev/mail").await;
            let texts = mails.as_array().unwrap().iter().filter(|mail| mail["to"] == self.email);
            let rest = texts.filter_map(|mail| mail["text"].as_str()?.split(link).nth(1)).next()?;
            Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect())
        })
        .await
    }
    /// Attaches a paper key and starts a DCA bot; waits for its first fill.
    pub async fn trades(&mut self, running: &Running) {
        running.minute_after(0).await;
        let key = self.post(201, "/v1/paper/keys", &json!({})).await;
        self.secret = key["api_secret"].as_str().unwrap().to_owned();
        let form = json!({ "exchange": "paper", "label": "test", "api_key": key["api_key"], "api_secret": key["api_secret"], "allowed_pairs": ["BTC-USDT"] }).to_string();
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(form.as_bytes()));
        let ask =
            json!({ "method": "POST", "path": "/v1/connections", "body_sha256": digest, "password": self.password });
        let proof = self.post(200, "/v1/step-up", &ask).await["proof"].as_str().unwrap().to_owned();
        let (status, attached) = self.posts("/v1/connections", &form, Some(&proof)).await;
        assert_eq!(status, 201, "{attached}");
        let made = self.post(201, "/v1/bots", &dca(attached["connection"]["id"].as_str().unwrap())).await;
        self.bot = made["id"].as_str().unwrap().to_owned();
        self.post(200, &format!("/v1/bots/{}/start", self.bot), &json!({})).await;
        eventually("a fill", || self.first_fill()).await;
    }
    async fn first_fill(&self) -> Option<()> {
        let deal = self.deal().await?;
        deal["fills"].as_array().filter(|fills| !fills.is_empty()).map(|_| ())
    }
    /// The newest deal of the bot.
    pub async fn deal(&self) -> Option<Value> {
        let deals = self.get(&format!("/v1/bots/{}/deals", self.bot)).await;
        let id = deals["items"][0]["id"].as_str()?.to_owned();
        let deal = self.get(&format!("/v1/deals/{id}")).await;
        Some(if deal["deal"].is_object() { deal["deal"].clone() } else { deal })
    }
}

/// A ladder that fills step by step while the price falls, and never ends its deal.
fn dca(connection: &str) -> Value {
    json!({
        "kind": "dca", "name": "test", "connection": connection, "pair": "BTC-USDT", "direction": "long",
        "base_order": { "amount": "80", "unit": "quote", "type": "market" },
        "averaging": { "amount": "30", "unit": "quote", "count": 20, "active": 2, "deviation_pct": "0.2", "step_scale": "1", "volume_scale": "1", "reference": "base" },
        "reference_price": "fill_with_fee",
        "take_profit": { "pct": "20", "of": "total", "trailing_pct": null, "steps": [] },
        "stop_loss": { "pct": "50", "reference": "base", "then": "keep_running", "timeout_s": null, "trailing": false },
        "start": { "when": "immediately" }, "limits": { "deals": 1, "cooldown_s": 0, "stop_after_deals": null }
    })
}

/// Writes a gzip file whose last bytes are missing.
pub fn cut_gzip(path: &Path, text: &str) {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    let bytes = packer.finish().unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}
