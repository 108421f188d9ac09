//! Sends what the outbox asks to be said: works its mail jobs. Runs any number of times, in parallel too.
//!
//! Never decides who is told what: that stands in the transaction that caused the job. Sees the outbox and nothing else, and
//! logs neither an address nor a link (LG-6).

mod config;
mod message;
mod render;
mod send;
mod words;

use account::id::JobId;
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

pub use config::{Deps, LinkBase, Sender, StartRefused};
use send::Worked;

/// Works one batch. Records that must come again are answered as failures (`ReportBatchItemFailures`); a record that can
/// never be worked is logged and let go, so that it blocks nothing (RF-27).
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        if record.event_name == "REMOVE" {
            continue;
        }
        let Some(job) = job_of(&record) else {
            tracing::error!(event_id = record.event_id, "a record of the outbox without a job is let go");
            continue;
        };
        match send::work(deps, job).await {
            Worked::Done => tracing::info!(%job, "said"),
            Worked::NothingToDo(why) => tracing::info!(%job, why, "nothing to say"),
            Worked::NotDue => tracing::info!(%job, "waits for its moment"),
            Worked::Later(why) => tracing::warn!(%job, why, "left to the sweep"),
            Worked::Retry(why) => {
                tracing::warn!(%job, why, "the mail is tried again");
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = record.change.sequence_number.clone();
                response.batch_item_failures.push(failure);
            }
            Worked::GiveUp(why) => tracing::error!(%job, why, "the mail cannot be sent; see the runbook dead-letters"),
        }
    }
    response
}

/// The job a record is about. What it says else may be old and is not looked at.
fn job_of(record: &EventRecord) -> Option<JobId> {
    let serde_dynamo::AttributeValue::S(pk) = record.change.keys.get("pk")? else { return None };
    pk.strip_prefix("JOB#")?.parse().ok()
}
