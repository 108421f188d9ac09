//! Sends one request to one exchange, once.
//!
//! Three handles, one per purpose, each with its own compiled-in list of what may be asked (KX-3, KX-6). No retry, no
//! redirect, no proxy from the environment; a deadline for the whole exchange. Never decides what an answer means: that is
//! `exchange`'s business. Never prints a query, a header or a body.

#![deny(missing_docs)]

mod base_url;
mod http_transport;
mod purpose;

use std::fmt;
use std::sync::Arc;

use exchange::{Outgoing, Parts, Received};

pub use base_url::{BaseUrls, NotABaseUrl};
pub use http_transport::{CannotStart, HttpTransport, Limits};
use purpose::Purpose;

/// What became of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Sent {
    /// A complete answer came back, whatever its status.
    Answered(Answer),
    /// Surely nothing of the request has left this machine.
    NotSent {
        /// Why, for logs.
        why: String,
    },
    /// Anything else: the request may have had its effect.
    Unknown {
        /// What was seen, for logs.
        why: String,
    },
}
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sent::Answered(answer) => write!(f, "Answered({})", answer.status),
            Sent::NotSent { why } => write!(f, "NotSent({why})"),
            Sent::Unknown { why } => write!(f, "Unknown({why})"),
        }
    }
}

/// A complete HTTP answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, when it is a number of seconds.
    pub retry_after_s: Option<u32>,
    /// The body, complete.
    pub body: Vec<u8>,
}
impl Answer {
    /// For the readers in `exchange`.
    pub fn received(&self) -> Received<'_> {
        Received { status: self.status, retry_after_s: self.retry_after_s, body: &self.body }
    }
}
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Carries one request. The real one is [`HttpTransport`]; tests pause, lose and count with their own.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends once. Must not repeat, whatever happens.
    async fn send(&self, base_url: &str, parts: Parts, limits: Limits) -> Sent;
}

/// The way to the exchanges for one purpose.
#[derive(Clone)]
pub struct Wire {
    transport: Arc<dyn Transport>,
    base_urls: BaseUrls,
    purpose: Purpose,
}
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?})", self.purpose)
    }
}

impl Wire {
    /// For the signer: orders, their state, balances, permissions, the exchange's clock. 3 s in all.
    pub fn for_orders(base_urls: BaseUrls, transport: Arc<dyn Transport>) -> Self {
        Self { transport, base_urls, purpose: Purpose::Orders }
    }
    /// For attaching a key: what the key may do, and the exchange's clock.
    pub fn for_permissions(base_urls: BaseUrls, transport: Arc<dyn Transport>) -> Self {
        Self { transport, base_urls, purpose: Purpose::Permissions }
    }
    /// For the market: public questions alone.
    pub fn for_market(base_urls: BaseUrls, transport: Arc<dyn Transport>) -> Self {
        Self { transport, base_urls, purpose: Purpose::Market }
    }

    /// Sends once and waits for the complete answer, within the purpose's limits.
    pub async fn send(&self, request: impl Outgoing) -> Sent {
        let parts = request.into_parts();
        if !self.purpose.allows(parts.venue, parts.endpoint) {
            return Sent::NotSent { why: format!("{parts:?} is not among what {:?} may ask", self.purpose) };
        }
        let base_url = self.base_urls.of_venue(parts.venue).to_owned();
        self.transport.send(&base_url, parts, self.purpose.limits()).await
    }
}
