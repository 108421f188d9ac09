//! The one SQLite file that secrets, keys, queues and mails lie in, and the key that wraps what is secret in it.
//!
//! Never answers before what it was told is written. Deleted rows are overwritten.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::answer::Answer;
use crate::clock::WallClock;
use crate::folder::OpenRefused;
use crate::seal::LocalKey;

/// What the services other than DynamoDB stand on.
pub(crate) struct Shelf {
    connection: Mutex<Connection>,
    pub(crate) key: LocalKey,
    clock: Arc<dyn WallClock>,
}

impl Shelf {
    /// Opens the file, or a database in memory.
    pub(crate) fn open(file: Option<&Path>, key: LocalKey, clock: Arc<dyn WallClock>) -> Result<Self, OpenRefused> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = match file {
                Some(path) => Connection::open(path)?,
                None => Connection::open_in_memory()?,
            };
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // As for DynamoDB: a commit survives kill -9, deleted bytes are overwritten.
            connection.execute_batch("PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL;")?;
            for schema in [crate::secrets::SCHEMA, crate::kms::SCHEMA, crate::sqs::SCHEMA, crate::ses::SCHEMA] {
                connection.execute_batch(schema)?;
            }
            Ok(connection)
        };
        let connection = open()
            .map_err(|cause| OpenRefused::Database { name: "services.sqlite".to_owned(), why: cause.to_string() })?;
        Ok(Self { connection: Mutex::new(connection), key, clock })
    }

    /// The database. Calls run one after another.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // SQLite rolls a half-done transaction back by itself; a panic elsewhere must not stop every later call.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The local wall clock, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Empties the log, so that overwritten rows are gone from the folder.
    pub(crate) fn checkpoint(&self) -> Result<(), Answer> {
        crate::dynamodb::checkpoint(&self.connection())
    }
}

/// Milliseconds as the fractional seconds of the JSON protocols.
pub(crate) fn seconds(ms: i64) -> serde_json::Value {
    serde_json::json!(ms as f64 / 1000.0)
}
