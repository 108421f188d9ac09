//! Erases secrets and proves them gone: works the shred jobs of the outbox (G4). Runs any number of times, in parallel too.
//!
//! Never reads a secret: its role could not, and [`vault::Eraser`] has no such call.

mod config;
mod erase;
mod shred;

use std::time::Duration;

use account::id::JobId;
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

pub use config::Deps;
use shred::{Progress, Worked};

/// How long one invocation waits for secrets to be gone, in ms of the wall clock; its own limit is 30 s.
const WAIT_MS_MAX: i64 = 12_000;
/// The first pause between two looks, in ms; each is twice the one before, up to two seconds.
const PAUSE_MS_FIRST: u64 = 100;
const PAUSE_MS_MAX: u64 = 2_000;

/// Works one batch. Records that must come again are answered as failures (`ReportBatchItemFailures`); a record that can
/// never be worked is logged and let go, so that it blocks nothing (RF-27): its job stays open and its age rings the alarm.
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    let mut waiting = Vec::new();
    let started = deps.host.clock.now();
    // All deletions are ordered before the first wait: the batch takes as long as its slowest secret.
    for record in event.records {
        if record.event_name == "REMOVE" {
            continue;
        }
        let Some(job) = job_of(&record) else {
            tracing::error!(event_id = record.event_id, "a record of the outbox without a job is let go");
            continue;
        };
        match shred::begin(deps, job).await {
            Progress::Ended(ended) => settle(&mut response, &record, job, ended),
            Progress::Erasing(erasing) => waiting.push((record, job, erasing)),
        }
    }
    let mut pause = PAUSE_MS_FIRST;
    while !waiting.is_empty() {
        let mut still = Vec::new();
        for (record, job, erasing) in waiting {
            match shred::look(deps, job, erasing).await {
                Progress::Ended(ended) => settle(&mut response, &record, job, ended),
                Progress::Erasing(erasing) => still.push((record, job, erasing)),
            }
        }
        if deps.host.clock.now().ms_since(started) >= WAIT_MS_MAX {
            for (record, job, _) in still.drain(..) {
                settle(&mut response, &record, job, Worked::Retry("the secret is not gone yet".into()));
            }
        }
        waiting = still;
        if !waiting.is_empty() {
            deps.host.clock.wait(Duration::from_millis(pause)).await;
        }
        pause = (pause * 2).min(PAUSE_MS_MAX);
    }
    response
}

fn settle(response: &mut DynamoDbEventResponse, record: &EventRecord, job: JobId, worked: Worked) {
    match worked {
        Worked::Done => tracing::info!(%job, "the secret is proven gone"),
        Worked::NothingToDo(why) => tracing::info!(%job, why, "nothing to erase"),
        Worked::Later(why) => tracing::warn!(%job, why, "left to the sweep"),
        Worked::Retry(why) => {
            tracing::warn!(%job, why, "the erasure is tried again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number.clone();
            response.batch_item_failures.push(failure);
        }
        Worked::GiveUp(why) => tracing::error!(%job, why, "the erasure cannot be done; see the runbook shred-age"),
    }
}

/// The job a record is about. What it says else may be old and is not looked at.
fn job_of(record: &EventRecord) -> Option<JobId> {
    let serde_dynamo::AttributeValue::S(pk) = record.change.keys.get("pk")? else { return None };
    pk.strip_prefix("JOB#")?.parse().ok()
}
