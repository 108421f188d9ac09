//! SQS: standard queues with visibility, receive counts, delay and redrive.
//!
//! Visibility and delay follow the local wall clock; how long a receiver waits for a first message follows the machine.
//! Never forgets a message that was acknowledged to its sender before its retention ends.

mod messages;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::answer::Answer;
use crate::shelf::Shelf;
use messages::Queue;

pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (
      name TEXT PRIMARY KEY, visibility_s INTEGER NOT NULL, delay_s INTEGER NOT NULL, retention_s INTEGER NOT NULL,
      dead_letters TEXT, receives_max INTEGER, created_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS messages (
      number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
      attributes TEXT NOT NULL, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
      receives INTEGER NOT NULL DEFAULT 0, first_ms INTEGER, receipt TEXT);
    CREATE INDEX IF NOT EXISTS messages_next ON messages(queue, visible_ms);
    CREATE INDEX IF NOT EXISTS messages_receipt ON messages(receipt);";

const WAIT_S_MAX: i64 = 20;
const BATCH_MAX: usize = 10;

/// A queue as the template declares it. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// The queue's name.
    pub name: String,
    /// How long a received message stays hidden.
    pub visibility_s: u32,
    /// How long a new message stays hidden.
    pub delay_s: u32,
    /// How long a message is kept (AWS's default: four days, 345,600).
    pub retention_s: u32,
    /// The queue that takes messages received more often than this many times.
    pub redrive: Option<(String, u32)>,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// To be received now.
    pub visible: u64,
    /// Received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Sent and not yet visible.
    pub delayed: u64,
}

pub(crate) struct Sqs {
    shelf: Arc<Shelf>,
    // Counts everything that may make a message receivable, so that a waiting receiver never misses one.
    changed: watch::Sender<u64>,
}

impl Sqs {
    pub(crate) fn new(shelf: Arc<Shelf>) -> Self {
        Self { shelf, changed: watch::Sender::new(0) }
    }

    /// Makes the queue, or gives an existing one these settings.
    pub(crate) fn ensure(&self, spec: &QueueSpec) -> Result<(), Answer> {
        messages::ensure(&self.shelf, spec)
    }

    pub(crate) fn depth(&self, queue: &str) -> Result<QueueDepth, Answer> {
        let queue = messages::find(&self.shelf, queue)?.ok_or_else(no_queue)?;
        messages::depth(&self.shelf, &queue.name)
    }

    /// Lets waiting receivers look again: something may have become visible.
    pub(crate) fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Forgets the messages whose retention is over.
    pub(crate) fn sweep(&self) -> Result<(), Answer> {
        messages::forget_old(&self.shelf)?;
        self.wake();
        Ok(())
    }

    pub(crate) async fn call(&self, operation: &str, request: &Value) -> Answer {
        let done = match operation {
            "ReceiveMessage" => self.receive(request).await,
            _ => self.call_at_once(operation, request),
        };
        match done {
            Ok(body) => Answer::ok(&body),
            Err(refused) => refused,
        }
    }

    fn call_at_once(&self, operation: &str, request: &Value) -> Result<Value, Answer> {
        let queue = || self.queue(request);
        match operation {
            "GetQueueUrl" => {
                let name = request["QueueName"].as_str().unwrap_or_default();
                let found = messages::find(&self.shelf, name)?.ok_or_else(no_queue)?;
                Ok(json!({ "QueueUrl": url(&found.name) }))
            }
            "GetQueueAttributes" => messages::attributes(&self.shelf, &queue()?, request),
            "SendMessage" => {
                let sent = messages::send(&self.shelf, &queue()?, request)?;
                self.wake();
                Ok(sent)
            }
            "SendMessageBatch" => {
                let queue = queue()?;
                let entries = entries(request)?;
                let bytes: usize = entries.iter().filter_map(|entry| entry["MessageBody"].as_str()).map(str::len).sum();
                if bytes > messages::BODY_BYTES_MAX {
                    return Err(refused("BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes."));
                }
                let answer = each(&entries, |entry| messages::send(&self.shelf, &queue, entry));
                self.wake();
                Ok(answer)
            }
            "DeleteMessage" => messages::delete(&self.shelf, &queue()?, request),
            "DeleteMessageBatch" => {
                let queue = queue()?;
                Ok(each(&entries(request)?, |entry| messages::delete(&self.shelf, &queue, entry)))
            }
            "ChangeMessageVisibility" => {
                let done = messages::change_visibility(&self.shelf, &queue()?, request)?;
                self.wake();
                Ok(done)
            }
            _ => Err(refused("UnknownOperationException", &format!("{operation} is not served by the local SQS"))),
        }
    }

    async fn receive(&self, request: &Value) -> Result<Value, Answer> {
        let queue = self.queue(request)?;
        let wait_s = whole(request, "WaitTimeSeconds", 0, WAIT_S_MAX)?.unwrap_or(0);
        let until = tokio::time::Instant::now() + Duration::from_secs(wait_s.unsigned_abs());
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let found = messages::receive(&self.shelf, &queue, request)?;
            if !found.is_empty() || wait_s == 0 || tokio::time::Instant::now() >= until {
                return Ok(json!({ "Messages": found }));
            }
            // The next message to appear by itself, if that is sooner than the end of the wait.
            let appears_ms = messages::next_visible_ms(&self.shelf, &queue.name)?.map(|at| at - self.shelf.now_ms());
            let pause = appears_ms.map(|ms| Duration::from_millis(ms.max(1).unsigned_abs()));
            let wake_at = pause.map_or(until, |pause| until.min(tokio::time::Instant::now() + pause));
            // Either a change or the time: the next round looks what there is.
            let _ = tokio::time::timeout_at(wake_at, changed.changed()).await;
        }
    }

    fn queue(&self, request: &Value) -> Result<Queue, Answer> {
        let url = request["QueueUrl"].as_str().unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        messages::find(&self.shelf, name)?.ok_or_else(no_queue)
    }
}

fn url(name: &str) -> String {
    format!("http://in-process/000000000000/{name}")
}

/// The entries of a batch: one to ten, each with its own id.
fn entries(request: &Value) -> Result<Vec<Value>, Answer> {
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    if entries.is_empty() {
        return Err(refused("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if entries.len() > BATCH_MAX {
        return Err(refused(
            "TooManyEntriesInBatchRequest",
            &format!("Maximum number of entries per request are {BATCH_MAX}. You have sent {}.", entries.len()),
        ));
    }
    let mut ids: Vec<&str> = entries.iter().map(|entry| entry["Id"].as_str().unwrap_or_default()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refused("BatchEntryIdsNotDistinct", "Ids are not distinct."));
    }
    Ok(entries)
}

fn each(entries: &[Value], mut run: impl FnMut(&Value) -> Result<Value, Answer>) -> Value {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match run(entry) {
            Ok(mut answer) => {
                answer["Id"] = entry["Id"].clone();
                done.push(answer);
            }
            Err(refused) => failed.push(json!({
                "Id": entry["Id"], "Code": refused.error, "Message": refused.json()["message"],
                "SenderFault": refused.status < 500,
            })),
        }
    }
    json!({ "Successful": done, "Failed": failed })
}

fn whole(request: &Value, member: &str, min: i64, max: i64) -> Result<Option<i64>, Answer> {
    match &request[member] {
        Value::Null => Ok(None),
        value => match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(refused(
                "InvalidParameterValue",
                &format!("Value {value} for parameter {member} is invalid. Reason: Must be between {min} and {max}."),
            )),
        },
    }
}

fn no_queue() -> Answer {
    refused("QueueDoesNotExist", "The specified queue does not exist.")
}

fn refused(error: &str, message: &str) -> Answer {
    Answer::refused(400, error, message)
}
