//! DynamoDB and its streams on the embedded engine.
//!
//! Owns the engine's storage directly instead of its `Database`: only so do time stamps and expiry follow the local
//! wall clock, deleted rows get overwritten, and a client token lands in the same SQLite transaction as its effect.
//! Never answers a read from anywhere but the engine, except on an index that a test made lag.
//!
//! Differs from AWS: transactions never conflict (calls run one after another), every read is consistent, there are no
//! backups, and a replayed transaction reports no consumed capacity.

mod dispatch;
mod expiry;
mod lag;
mod streams;
mod tables;
mod tokens;

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use serde_json::Value;
use tokio::sync::watch;

pub use streams::{StreamReader, StreamRefused};
pub use tables::{IndexSpec, KeyKind, KeySpec, StreamView, TableSpec, TablesRefused};

use crate::answer::Answer;
use crate::clock::WallClock;
use crate::folder::OpenRefused;
use lag::Lag;

/// The embedded DynamoDB.
pub(crate) struct Dynamo {
    engine: Mutex<Engine>,
    // Counts writes, so that stream readers wake without polling and never miss one.
    written: watch::Sender<u64>,
    clock: Arc<dyn WallClock>,
}

pub(crate) struct Engine {
    storage: Storage,
    lifecycle: VectorIndexLifecycle,
    lags: Vec<Lag>,
}

/// The local wall clock in the engine's shape.
struct EngineClock(Arc<dyn WallClock>);

impl dynoxide::storage_backend::Clock for EngineClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now_ms() / 1000).unwrap_or(0)
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now_ms() as f64 / 1000.0
    }
}

impl Dynamo {
    /// Changes with every write.
    pub(crate) fn writes(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Opens the engine on a file, or in memory.
    pub(crate) fn open(file: Option<&Path>, clock: Arc<dyn WallClock>) -> Result<Self, OpenRefused> {
        let failed = |why: String| OpenRefused::Database { name: "dynamodb.sqlite".to_owned(), why };
        let storage = match file {
            Some(path) => Storage::new(&path.to_string_lossy()),
            None => Storage::memory(),
        };
        let storage = storage.map_err(|cause| failed(cause.to_string()))?;
        let storage = storage.with_clock(Arc::new(EngineClock(clock.clone())));
        prepare(&storage).map_err(|cause| failed(cause.to_string()))?;
        let engine = Engine { storage, lifecycle: VectorIndexLifecycle::new(), lags: Vec::new() };
        Ok(Self { engine: Mutex::new(engine), written: watch::Sender::new(0), clock })
    }

    /// Runs one operation.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Answer {
        let now_ms = self.clock.now_ms();
        let answer = dispatch::call(&mut self.engine(), operation, body, now_ms);
        if answer.status == 200 && dispatch::writes(operation) {
            self.written.send_modify(|count| *count += 1);
        }
        answer
    }

    /// Deletes what has expired by the local wall clock and forgets old stream records; answers how many items went.
    pub(crate) fn sweep(&self) -> Result<usize, Answer> {
        let deleted = {
            let engine = self.engine();
            streams::trim(&engine.storage, self.clock.now_ms())?;
            tokens::forget_old(&engine.storage, self.clock.now_ms())?;
            if !expiry::any(&engine.storage, self.clock.now_ms())? {
                return Ok(0);
            }
            ready(dynoxide::ttl::sweep_expired_items(&engine.storage))?.map_err(Answer::broken)?
        };
        if deleted > 0 {
            self.written.send_modify(|count| *count += 1);
        }
        Ok(deleted)
    }

    /// Moves everything from the log into the database file and empties the log, so that overwritten rows are gone
    /// from both.
    pub(crate) fn checkpoint(&self) -> Result<(), Answer> {
        checkpoint(self.engine().storage.conn())
    }

    /// Makes reads of one index answer as the table was `lag_ms` milliseconds of local wall clock ago; 0 ends it.
    pub(crate) fn lag(&self, table: &str, index: &str, lag_ms: i64) -> Result<(), Answer> {
        lag::set(&mut self.engine(), table, index, lag_ms)
    }

    /// The attribute that is the partition key of a table or of one of its indexes.
    pub(crate) fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String> {
        let metadata = self.engine().storage.get_table_metadata(table).ok()??;
        let schema: Value = match index {
            None => serde_json::from_str(&metadata.key_schema).ok()?,
            Some(index) => {
                let indexes: Value = serde_json::from_str(metadata.gsi_definitions.as_deref()?).ok()?;
                let found = indexes.as_array()?.iter().find(|known| known["IndexName"] == index)?;
                found["KeySchema"].clone()
            }
        };
        let partition = schema.as_array()?.iter().find(|part| part["KeyType"] == "HASH")?;
        partition["AttributeName"].as_str().map(str::to_owned)
    }

    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        // SQLite rolls a half-done transaction back by itself; a panic elsewhere must not stop every later call.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Truncates the write-ahead log of a connection.
pub(crate) fn checkpoint(connection: &rusqlite::Connection) -> Result<(), Answer> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(Answer::broken("another connection kept the log from being emptied")) }
}

/// What the engine's own schema lacks: indexes for its stream records (every write scans them otherwise), our token
/// and checkpoint tables, and overwriting of deleted rows.
fn prepare(storage: &Storage) -> rusqlite::Result<()> {
    // One index alone for the stream: beside a second that begins the same SQLite may choose the wrong one.
    // NORMAL: a commit survives the end of the process however it comes (kill -9); only a power cut may lose the last.
    storage.conn().execute_batch(
        "PRAGMA secure_delete = ON;
         PRAGMA synchronous = NORMAL;
         PRAGMA temp_store = MEMORY;
         CREATE INDEX IF NOT EXISTS _local_stream_last
           ON _stream_records(table_name, CAST(sequence_number AS INTEGER));
         CREATE INDEX IF NOT EXISTS _local_stream_age ON _stream_records(created_at);
         CREATE TABLE IF NOT EXISTS _local_checkpoints
           (reader TEXT, table_name TEXT, position INTEGER NOT NULL, PRIMARY KEY (reader, table_name));",
    )?;
    tokens::prepare(storage.conn())
}

/// Finishes a future of the engine. The engine's native futures never wait; one that did would be a defect.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Result<T, Answer> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Answer::broken("the engine waited where it must not")),
    }
}
