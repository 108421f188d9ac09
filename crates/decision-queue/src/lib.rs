//! Sends hints to the queue that the trader works.
//!
//! A hint is never a decision and never the only trace of one: the wake is due in its base item before the hint is sent,
//! so a hint that is lost only delays (the sweep sends it again).

use std::fmt;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use store::entity::wake::Hint;

/// The queue to the trader.
#[derive(Clone)]
pub struct DecisionQueue {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

/// A hint could not be sent; the sweep sends it again.
#[derive(Debug, thiserror::Error)]
#[error("the hint was not sent: {what}")]
pub struct NotSent {
    what: String,
}

impl DecisionQueue {
    /// The queue that `QUEUE_DECISIONS_URL` names.
    pub fn of(host: &host::Host) -> Result<Self, host::Missing> {
        Ok(Self { sqs: aws_sdk_sqs::Client::new(&host.aws), url: host.environment.text("QUEUE_DECISIONS_URL")? })
    }
    /// Sends one hint.
    pub async fn send(&self, hint: &Hint) -> Result<(), NotSent> {
        let body = serde_json::to_string(hint).map_err(|e| NotSent { what: e.to_string() })?;
        let sent = self.sqs.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|e| NotSent { what: e.code().unwrap_or("no answer").to_owned() })
    }
}
impl fmt::Debug for DecisionQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecisionQueue(..)")
    }
}
