//! Hands stream records and queue messages to their functions, as Lambda's event sources do: in batches, filtered,
//! at least once, with failures retried and let go after their age or tries.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use account::WallTime;
use aws_lambda_events::event::dynamodb::Event as StreamBatch;
use aws_lambda_events::event::sqs::SqsEvent;
use emulators::{StreamReader, StreamRefused};
use serde_json::{Value, json};

use crate::template::StreamEvent;

/// A future that a lane waits for.
pub(crate) type Working<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Works a batch of stream records; answers the sequence numbers that failed.
pub(crate) type StreamWorker = Arc<dyn Fn(StreamBatch) -> Working<Vec<String>> + Send + Sync>;
/// Works a batch of messages; answers the message ids that failed.
pub(crate) type QueueWorker = Arc<dyn Fn(SqsEvent) -> Working<Vec<String>> + Send + Sync>;

/// A lane broke; its function is not to blame.
#[derive(Debug, thiserror::Error)]
pub enum LaneBroken {
    /// The stream cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamRefused),
    /// The queue cannot be read.
    #[error("the queue cannot be read: {0}")]
    Queue(String),
    /// A record is not of the shape that Lambda hands out.
    #[error("a record is not understood: {0}")]
    Shape(#[from] serde_json::Error),
}

struct Waiting {
    records: Vec<Value>,
    tries: u32,
    since: WallTime,
    not_before: WallTime,
}

/// One function's reading of one stream.
pub(crate) struct StreamLane {
    reader: StreamReader,
    event: StreamEvent,
    worker: StreamWorker,
    waiting: VecDeque<Waiting>,
}

impl fmt::Debug for StreamLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamLane({}, {} waiting)", self.event.table, self.waiting.len())
    }
}

impl StreamLane {
    pub(crate) const fn new(reader: StreamReader, event: StreamEvent, worker: StreamWorker) -> Self {
        Self { reader, event, worker, waiting: VecDeque::new() }
    }
    /// Works one batch; `false` when nothing is to be done now (batches that wait for a retry do not count).
    pub(crate) async fn step(&mut self, now: WallTime) -> Result<bool, LaneBroken> {
        if let Some(due) = self.waiting.iter().position(|w| w.not_before <= now) {
            if let Some(batch) = self.waiting.remove(due) {
                self.work(batch, now).await?;
            }
            return Ok(true);
        }
        let records = self.reader.try_batch(self.event.batch)?;
        if records.is_empty() {
            return Ok(false);
        }
        let records: Vec<_> = records.into_iter().filter(|record| self.wanted(record)).collect();
        if records.is_empty() {
            if self.waiting.is_empty() {
                self.reader.acknowledge()?;
            }
            return Ok(true);
        }
        self.work(Waiting { records, tries: 0, since: now, not_before: now }, now).await?;
        Ok(true)
    }
    /// Whether a failed batch has paused long enough.
    pub(crate) fn retry_is_due(&self, now: WallTime) -> bool {
        self.waiting.iter().any(|batch| batch.not_before <= now)
    }
    /// Delivers the last records once more, done or not: what AWS may do at any time.
    pub(crate) fn redeliver(&mut self, records: usize) -> Result<(), LaneBroken> {
        Ok(self.reader.redeliver(records)?)
    }

    fn wanted(&self, record: &Value) -> bool {
        self.event.filters.is_empty() || self.event.filters.iter().any(|f| matches(f, record))
    }

    async fn work(&mut self, batch: Waiting, now: WallTime) -> Result<(), LaneBroken> {
        let event: StreamBatch = serde_json::from_value(json!({ "Records": batch.records }))?;
        let failed = (self.worker)(event).await;
        // From the first failure on everything comes again, as ReportBatchItemFailures has it.
        let first = batch
            .records
            .iter()
            .position(|r| r["dynamodb"]["SequenceNumber"].as_str().is_some_and(|n| failed.iter().any(|f| f == n)));
        if let Some(first) = first {
            let (tries, records) = (batch.tries + 1, batch.records[first..].to_vec());
            let too_old = now.ms_since(batch.since) > self.event.age_s_max * 1000;
            if tries > self.event.retries_max || too_old {
                tracing::error!(
                    table = self.event.table,
                    tries,
                    "a record is let go; the sweep drives what it was about again"
                );
            } else {
                let pause = 200_i64.saturating_mul(1 << tries.min(6));
                self.waiting.push_back(Waiting { records, tries, since: batch.since, not_before: now.plus_ms(pause) });
            }
        }
        // A crash delivers everything again that is not acknowledged, so it is acknowledged only when nothing waits.
        if self.waiting.is_empty() {
            self.reader.acknowledge()?;
        }
        Ok(())
    }
}

/// An event filter pattern: objects name members, lists name the permitted values.
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(members) => members.iter().all(|(name, inner)| matches(inner, &value[name])),
        Value::Array(permitted) => permitted.contains(value),
        other => other == value,
    }
}

/// The trader's reading of the queue of decisions.
pub(crate) struct QueueLane {
    sqs: aws_sdk_sqs::Client,
    url: String,
    arn: String,
    worker: QueueWorker,
}

impl fmt::Debug for QueueLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueLane({})", self.url)
    }
}

impl QueueLane {
    pub(crate) const fn new(sqs: aws_sdk_sqs::Client, url: String, arn: String, worker: QueueWorker) -> Self {
        Self { sqs, url, arn, worker }
    }

    /// The queue's name.
    pub(crate) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
    /// Works up to ten messages; `false` when none is visible.
    pub(crate) async fn step(&mut self) -> Result<bool, LaneBroken> {
        let broken = |what: &str| LaneBroken::Queue(what.to_owned());
        let received =
            self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10).send().await.map_err(|e| {
                broken(
                    e.as_service_error()
                        .and_then(aws_sdk_sqs::error::ProvideErrorMetadata::code)
                        .unwrap_or("no answer"),
                )
            })?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(false);
        }
        let records: Vec<_> = messages.iter().map(|m| json!({
            "messageId": m.message_id, "receiptHandle": m.receipt_handle, "body": m.body, "md5OfBody": m.md5_of_body,
            "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": self.arn, "awsRegion": crate::template::REGION,
        })).collect();
        let failed = (self.worker)(serde_json::from_value(json!({ "Records": records }))?).await;
        for message in &messages {
            let Some(handle) = message.receipt_handle.as_deref() else { continue };
            let done = !message.message_id.as_ref().is_some_and(|id| failed.contains(id));
            let settled = if done {
                self.sqs
                    .delete_message()
                    .queue_url(&self.url)
                    .receipt_handle(handle)
                    .send()
                    .await
                    .map(|_| ())
                    .map_err(|_| "DeleteMessage")
            } else {
                // In the cloud a failed message comes again after its visibility timeout; here after a second, since
                // market minutes may be short.
                self.sqs
                    .change_message_visibility()
                    .queue_url(&self.url)
                    .receipt_handle(handle)
                    .visibility_timeout(1)
                    .send()
                    .await
                    .map(|_| ())
                    .map_err(|_| "ChangeMessageVisibility")
            };
            settled.map_err(broken)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_it_names_and_ignores_the_rest() {
        let pattern = json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"kind": {"S": ["intent"]}}}});
        let record = |name: &str, kind: &str| json!({"eventName": name, "dynamodb": {"NewImage": {"kind": {"S": kind}, "x": {"N": "1"}}}});
        assert!(matches(&pattern, &record("INSERT", "intent")));
        assert!(!matches(&pattern, &record("REMOVE", "intent")));
        assert!(!matches(&pattern, &record("MODIFY", "deal")));
        assert!(!matches(&pattern, &json!({"eventName": "INSERT", "dynamodb": {}})));
    }
}
