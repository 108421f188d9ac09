//! Loads one deal, decides, and writes the deal's state and the intents in one transaction.
//!
//! A message is a hint: only when it names the wake that is there now is anything decided, on current data. Never sees a
//! secret, never calls an exchange, and never trusts a message or an index for more than a key.

mod after_commit;
mod config;
mod decide_deal;
mod end_deal;
mod fit;
mod intents;
mod known_orders;
mod start_deal;
mod wait;
mod wakes;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use store::StoreError;
use store::entity::wake::Hint;
use store::transaction::commit_decision::CommitRefused;

pub use config::Deps;
pub use fit::fit;
pub use known_orders::{known_orders, order_state};

/// How often a decision is taken again at once when somebody else was faster; then the queue brings the hint again.
const TRIES_MAX: u32 = 3;

/// What became of a hint. All of them acknowledge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Decided and committed.
    Decided,
    /// The wake was replaced since: nothing to do.
    Stale,
    /// The bot's key is gone, or it is stopped: nothing is decided, and its wake no longer costs anything.
    Paused,
    /// No candle or no rules yet; the wake stays due and the sweep asks again.
    NoMarket,
}

/// Why a hint is left to the queue for another delivery.
#[derive(Debug, thiserror::Error)]
pub enum NotHandled {
    /// Not a hint.
    #[error("the message is not a hint: {0}")]
    Unreadable(serde_json::Error),
    /// Others were faster every time.
    #[error("others changed the deal at every try")]
    Contended,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
impl From<CommitRefused> for NotHandled {
    fn from(refused: CommitRefused) -> Self {
        match refused {
            CommitRefused::Outdated => NotHandled::Contended,
            CommitRefused::Store(error) => NotHandled::Store(error),
        }
    }
}

/// Works a batch; what fails is delivered again, the rest is acknowledged.
pub async fn handle(deps: &Deps, event: SqsEvent) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for message in event.records {
        if let Err(error) = work(deps, message.body.as_deref().unwrap_or_default()).await {
            tracing::warn!(%error, "a hint is left to the queue");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            answer.batch_item_failures.push(failure);
        }
    }
    answer
}

/// Works one hint.
pub async fn work(deps: &Deps, body: &str) -> Result<Handled, NotHandled> {
    let hint: Hint = serde_json::from_str(body).map_err(NotHandled::Unreadable)?;
    let mut tries = 0;
    loop {
        let handled = match hint.deal {
            // Boxed: the futures of many AWS calls in one are too deep for the compiler.
            Some(deal) => Box::pin(decide_deal::decide_deal(deps, &hint, deal)).await,
            None => Box::pin(start_deal::start_deal(deps, &hint)).await,
        };
        tries += 1;
        match handled {
            // Reading again shows whether the other one has done the work: then the wake is another, and the hint stale.
            Err(NotHandled::Contended) if tries < TRIES_MAX => {}
            other => return other,
        }
    }
}
