//! Authorises, signs, sends and records: the only function that opens exchange keys and reads private exchange data.
//!
//! A record of the stream says only which intent to look at. An intent that is not PROPOSED is never authorised again
//! (RF-7); AUTHORISED without a result is left alone, since another run may be sending; an unclear answer is UNKNOWN and
//! only the query protocol ends that (P3). Nothing is retried on the wire, and nothing runs on after the answer.

mod authorise;
mod cancel;
mod check_deadline;
mod config;
mod exchange_clock;
mod fills;
mod guard;
mod place;
mod query_connection;
mod query_order;
mod read_intent;
mod record;
mod send;

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use store::entity::intent::Ask;
use store::{Key, StoreError};
use tokio::task::JoinSet;

pub use check_deadline::{Started, TooLate, check_deadline};
pub use config::{Deps, StartRefused};
pub use exchange_clock::{ExchangeClock, NoExchangeTime};
pub use guard::{Facts, GuardRefused, guard};

/// Why an intent is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// The stream shall bring it again.
    #[error("{0}")]
    Retry(String),
    /// It stays PROPOSED; the sweep drives it, or it expires.
    #[error("{0}")]
    Later(String),
    /// It can never be worked.
    #[error("{0}")]
    GiveUp(String),
}
impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } | StoreError::NotGranted { .. } => {
                Self::Retry(error.to_string())
            }
            StoreError::Corrupt { .. } => Self::GiveUp(error.to_string()),
        }
    }
}

/// One bot's intents in their order, each with its record's sequence number.
type Lane = Vec<(Key, Option<String>)>;

/// Works one batch of the trading table's stream. Intents of one bot are worked in their order, those of different bots
/// side by side. Records that must come again are answered as failures (`ReportBatchItemFailures`).
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let mut lanes: Vec<(String, Lane)> = Vec::new();
    for record in &event.records {
        let Some(key) = key_of(record) else {
            tracing::error!(event_id = record.event_id, "a record without a key is let go");
            continue;
        };
        let work = (key, record.change.sequence_number.clone());
        match lanes.iter_mut().find(|(pk, _)| *pk == work.0.pk) {
            Some((_, lane)) => lane.push(work),
            None => lanes.push((work.0.pk.clone(), vec![work])),
        }
    }
    let mut running = JoinSet::new();
    for (_, lane) in lanes {
        running.spawn(work_lane(deps.clone(), lane));
    }
    let mut response = DynamoDbEventResponse::default();
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok(again) => {
                for sequence_number in again {
                    let mut failure = DynamoDbBatchItemFailure::default();
                    failure.item_identifier = sequence_number;
                    response.batch_item_failures.push(failure);
                }
            }
            // Whatever it had authorised is found by the sweep; sending it again would be the worse fault.
            Err(error) => tracing::error!(%error, "a lane of intents broke off"),
        }
    }
    response
}

/// Works one bot's intents in order; answers those that must come again: the one that failed and all behind it.
async fn work_lane(deps: Deps, lane: Lane) -> Vec<Option<String>> {
    let mut lane = lane.into_iter();
    while let Some((key, sequence_number)) = lane.next() {
        match work(&deps, &key).await {
            Ok(()) => {}
            Err(NotDone::Later(why)) => tracing::warn!(pk = key.pk, sk = key.sk, why, "left PROPOSED"),
            Err(NotDone::GiveUp(why)) => tracing::error!(pk = key.pk, sk = key.sk, why, "an intent cannot be worked"),
            Err(NotDone::Retry(why)) => {
                tracing::warn!(pk = key.pk, sk = key.sk, why, "an intent is tried again");
                return std::iter::once(sequence_number)
                    .chain(lane.map(|(_, sequence_number)| sequence_number))
                    .collect();
            }
        }
    }
    Vec::new()
}

async fn work(deps: &Deps, key: &Key) -> Result<(), NotDone> {
    let Some((intent, venue)) = read_intent::read_intent(deps, key).await? else { return Ok(()) };
    match &intent.ask {
        Ask::Place(order) => place::place(deps, &intent, venue, order).await,
        Ask::Cancel { order, .. } => cancel::cancel(deps, &intent, venue, order).await,
        Ask::QueryOrder { order } => query_order::query_order(deps, &intent, venue, order).await,
        Ask::QueryConnection(subject) => query_connection::query_connection(deps, &intent, venue, *subject).await,
    }
}

/// The intent a record is about. What else it says may be old and is not looked at.
fn key_of(record: &EventRecord) -> Option<Key> {
    let text = |name: &str| match record.change.keys.get(name)? {
        serde_dynamo::AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    };
    Some(Key::new(text("pk")?, text("sk")?))
}
