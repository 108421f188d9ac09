//! Reads a table's change records for one subscriber, in the shape Lambda hands to a function.
//!
//! Delivers at least once: a record counts as done only when acknowledged, and what was not is delivered again after a
//! restart. Never polls: a reader sleeps until a write succeeds. Filtering is the caller's.

use std::sync::Arc;

use dynoxide::actions::get_records::{self, GetRecordsRequest};
use dynoxide::actions::get_shard_iterator::{decode_shard_iterator, encode_shard_iterator};
use dynoxide::storage::Storage;
use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Dynamo, ready};
use crate::answer::Answer;

/// AWS keeps stream records for 24 hours.
const KEPT_S: i64 = 24 * 60 * 60;

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamRefused {
    /// There is no such table, or it has no stream.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// The engine failed.
    #[error("the stream cannot be read: {0}")]
    Broken(String),
}

impl From<Answer> for StreamRefused {
    fn from(answer: Answer) -> Self {
        Self::Broken(answer.body)
    }
}

impl From<rusqlite::Error> for StreamRefused {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Broken(cause.to_string())
    }
}

/// One subscriber of one table's stream. Two readers of the same name share a checkpoint: have one at a time.
pub struct StreamReader {
    dynamo: Arc<Dynamo>,
    table: String,
    reader: String,
    // Stored sequence number of the last record handed out; the checkpoint in the database may lie behind it.
    position: i64,
    written: watch::Receiver<u64>,
}

impl std::fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamReader({} of {}, at {})", self.reader, self.table, self.position)
    }
}

impl StreamReader {
    pub(crate) fn open(dynamo: Arc<Dynamo>, table: &str, reader: &str) -> Result<Self, StreamRefused> {
        let position = {
            let engine = dynamo.engine();
            let metadata = engine.storage.get_table_metadata(table).map_err(Answer::broken)?;
            if !metadata.is_some_and(|metadata| metadata.stream_enabled) {
                return Err(StreamRefused::NoStream(table.to_owned()));
            }
            let connection = engine.storage.conn();
            // Written down at once, so that nothing is forgotten before this reader has seen it.
            connection
                .execute("INSERT OR IGNORE INTO _local_checkpoints VALUES (?1, ?2, 0)", params![reader, table])?;
            checkpoint_of(&engine.storage, table, reader)?
        };
        let written = dynamo.written.subscribe();
        Ok(Self { dynamo, table: table.to_owned(), reader: reader.to_owned(), position, written })
    }

    /// The next records, at least one and at most `max`, oldest first; waits until there are some.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<Value>, StreamRefused> {
        loop {
            self.written.borrow_and_update();
            let batch = self.try_batch(max)?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            if self.written.changed().await.is_err() {
                return Err(StreamRefused::Broken("the emulators were closed".to_owned()));
            }
        }
    }

    /// The next records, at most `max`, without waiting; empty when there are none.
    pub fn try_batch(&mut self, max: usize) -> Result<Vec<Value>, StreamRefused> {
        let engine = self.dynamo.engine();
        let shard = dynoxide::streams::shard_id(&self.table);
        loop {
            let shard_iterator = encode_shard_iterator(&self.table, &shard, self.position);
            let request = GetRecordsRequest { shard_iterator, limit: Some(max.clamp(1, 1000)) };
            let response = ready(get_records::execute(&engine.storage, request))?.map_err(Answer::broken)?;
            if response.records.is_empty() {
                return Ok(Vec::new());
            }
            let next = response.next_shard_iterator.as_deref().and_then(decode_shard_iterator);
            let Some((_, _, next)) = next else {
                return Err(StreamRefused::Broken("the stream gave no position".to_owned()));
            };
            self.position = next;
            let records = serde_json::to_value(response.records).map_err(Answer::broken)?;
            let mut records = changes(records);
            if records.is_empty() {
                continue;
            }
            let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}/stream/local", self.table);
            for record in &mut records {
                record["eventSourceARN"] = json!(arn);
            }
            return Ok(records);
        }
    }

    /// Everything handed out so far is done, and is not delivered again after a restart.
    pub fn acknowledge(&mut self) -> Result<(), StreamRefused> {
        self.set_checkpoint(self.position)
    }

    /// Delivers again what was handed out and not acknowledged.
    pub fn rewind(&mut self) -> Result<(), StreamRefused> {
        self.position = checkpoint_of(&self.dynamo.engine().storage, &self.table, &self.reader)?;
        Ok(())
    }

    /// Delivers again the last `records` that the stream still holds before this reader's position, done or not.
    pub fn redeliver(&mut self, records: usize) -> Result<(), StreamRefused> {
        let before: Option<i64> = self
            .dynamo
            .engine()
            .storage
            .conn()
            .query_row(
                "SELECT MIN(number) FROM
                   (SELECT CAST(sequence_number AS INTEGER) AS number FROM _stream_records
                    WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2
                    ORDER BY CAST(sequence_number AS INTEGER) DESC LIMIT ?3)",
                params![self.table, self.position, i64::try_from(records).unwrap_or(i64::MAX)],
                |row| row.get(0),
            )
            .optional()?
            .flatten();
        if let Some(first) = before {
            self.position = first - 1;
            self.set_checkpoint(self.position)?;
            // Others may already have looked and gone to sleep on this stream.
            self.dynamo.written.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// How many records are not yet acknowledged, handed out or not.
    pub fn waiting(&self) -> Result<usize, StreamRefused> {
        let engine = self.dynamo.engine();
        let done = checkpoint_of(&engine.storage, &self.table, &self.reader)?;
        let count: i64 = engine.storage.conn().query_row(
            "SELECT COUNT(*) FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) > ?2",
            params![self.table, done],
            |row| row.get(0),
        )?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    fn set_checkpoint(&self, position: i64) -> Result<(), StreamRefused> {
        self.dynamo.engine().storage.conn().execute(
            "INSERT OR REPLACE INTO _local_checkpoints VALUES (?1, ?2, ?3)",
            params![self.reader, self.table, position],
        )?;
        Ok(())
    }
}

fn checkpoint_of(storage: &Storage, table: &str, reader: &str) -> Result<i64, StreamRefused> {
    let found = storage
        .conn()
        .prepare_cached("SELECT position FROM _local_checkpoints WHERE reader = ?1 AND table_name = ?2")?
        .query_row(params![reader, table], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Deletes the records older than a day by the local wall clock that every subscriber has acknowledged. A laptop may
/// sleep for longer than a day, which AWS never does: what a subscriber has not seen stays.
pub(super) fn trim(storage: &Storage, now_ms: i64) -> Result<(), Answer> {
    storage.conn().execute(
        "DELETE FROM _stream_records WHERE created_at < ?1 AND NOT EXISTS
           (SELECT 1 FROM _local_checkpoints AS reader WHERE reader.table_name = _stream_records.table_name
            AND reader.position < CAST(_stream_records.sequence_number AS INTEGER))",
        [now_ms / 1000 - KEPT_S],
    )?;
    Ok(())
}

/// An answer of GetRecords as AWS would give it.
pub(super) fn like_aws(answer: Answer) -> Answer {
    let mut body = answer.json();
    let records = body["Records"].take();
    body["Records"] = Value::Array(changes(records));
    Answer { body: body.to_string(), ..answer }
}

/// The records that are changes: AWS writes none for a put of what was there already, the engine does.
fn changes(records: Value) -> Vec<Value> {
    let Value::Array(records) = records else { return Vec::new() };
    let real = |record: &Value| {
        let images = &record["dynamodb"];
        record["eventName"] != "MODIFY"
            || !images["NewImage"].is_object()
            || !images["OldImage"].is_object()
            || images["NewImage"] != images["OldImage"]
    };
    let mut kept: Vec<Value> = records.into_iter().filter(real).collect();
    for record in &mut kept {
        record["awsRegion"] = json!("us-east-1");
    }
    kept
}
