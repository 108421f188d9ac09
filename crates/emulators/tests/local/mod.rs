//! The emulators as the conformance lists use them.
#![allow(dead_code, reason = "each list uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every list leaves a part unused, so expect would warn")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use emulators::{Caller, Config, Emulators, IndexSpec, KeyKind, KeySpec, StreamView, TableSpec, WallClock};

/// A wall clock that stands still until a test moves it.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub fn seconds(&self) -> i64 {
        self.now_ms() / 1000
    }
}

impl WallClock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub struct Local {
    pub emulators: Emulators,
    pub clock: Arc<TestClock>,
}

impl Local {
    pub fn memory() -> Self {
        Self::open(None, Arc::new(TestClock(AtomicI64::new(1_764_000_000_000))))
    }

    pub fn folder(path: &Path) -> Self {
        Self::open(Some(path), Arc::new(TestClock(AtomicI64::new(1_764_000_000_000))))
    }

    /// As after a restart of the process; the clock goes on. All SDK clients must be gone.
    pub fn reopen(self, path: &Path) -> Self {
        let clock = self.clock.clone();
        drop(self);
        Self::open(Some(path), clock)
    }

    fn open(path: Option<&Path>, clock: Arc<TestClock>) -> Self {
        let config = Config { data_dir: path.map(Path::to_owned), clock: clock.clone() };
        let emulators = Emulators::open(config).unwrap();
        emulators.ensure_tables(&[counter_table()]).unwrap();
        Self { emulators, clock }
    }

    pub fn config(&self, caller: &str) -> aws_types::SdkConfig {
        self.emulators.sdk_config(Caller::owner(caller))
    }

    pub fn dynamodb(&self, caller: &str) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config(caller))
    }
}

/// Gives every spawned task its turn, without waiting for time to pass.
pub async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub fn counter_table() -> TableSpec {
    let key = |name: &str, kind| KeySpec { name: name.to_owned(), kind };
    TableSpec {
        name: "items".to_owned(),
        partition: key("pk", KeyKind::Text),
        sort: Some(key("sk", KeyKind::Text)),
        indexes: vec![IndexSpec {
            name: "by-due".to_owned(),
            partition: key("lane", KeyKind::Text),
            sort: Some(key("due", KeyKind::Number)),
            attributes: None,
        }],
        stream: Some(StreamView::NewAndOld),
        ttl: Some("expires".to_owned()),
    }
}

const FOLDER: &str = "EMULATORS_TEST_KILLED_CHILD";

/// Set in the child process that [`run_child_and_kill`] starts.
pub fn killed_child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs one test of this binary in a child, kills it once it has printed `acknowledged N` for N up to `until`, and
/// answers the last N it printed.
pub fn run_child_and_kill(test: &str, folder: &Path, until: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut last = None;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.rsplit_once("acknowledged ").and_then(|(_, n)| n.parse::<u64>().ok());
    for line in lines.by_ref() {
        let Some(n) = number(line.unwrap()) else { continue };
        last = Some(n);
        if n >= until {
            break;
        }
    }
    child.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        last = number(line).or(last);
    }
    child.wait().unwrap();
    last.expect("the child acknowledged nothing")
}
