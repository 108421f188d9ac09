//! Steps 6 and 7: the exchange's clock, the last look at the deadline, one send, and what the answer means.

use exchange::{ExchangeTimeMs, Failure, OrderAnswer, PublicRequest, Question, Received, Venue};
use store::entity::connection::SealedKey;
use store::transaction::authorise_query::QueryGrant;
use vault::{SignRefused, SignedRequest};
use wire::Sent;

use crate::check_deadline::{Started, check_deadline};
use crate::config::PAUSE_MS;
use crate::exchange_clock::NoExchangeTime;
use crate::{Deps, NotDone};

/// How a send ended without an answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Surely nothing has left, or it was surely not executed: `why` for the owner.
    NotExecuted { why: String },
    /// The exchange says no, finally.
    Refused { why: String },
    /// The exchange refused the key: final, and the key's permissions are to be looked at (KX-2).
    KeyRefused { why: String },
    /// An order of this name lives already: it is adopted by asking for it.
    Lives,
    /// A cancel found no open order.
    NoOpenOrder,
    /// Nobody knows.
    Unknown { why: String },
}

/// Exchange minus ours, in ms. Without it nothing is authorised.
pub async fn offset_ms(deps: &Deps, venue: Venue) -> Result<i64, NotDone> {
    deps.clock.offset_ms(venue, &deps.wire, deps.host.clock.as_ref()).await.map_err(|no| {
        let why = no.to_string();
        match no {
            NoExchangeTime::TooSlow => NotDone::Retry(why),
            NoExchangeTime::TooFar { .. } => NotDone::Later(why),
            NoExchangeTime::Unreachable { .. } => {
                deps.pause(venue, PAUSE_MS);
                NotDone::Later(why)
            }
        }
    })
}

/// Sends an order or a cancel once, if it is still early enough.
pub async fn send_once(
    deps: &Deps,
    venue: Venue,
    signed: SignedRequest,
    started: Started,
    read: fn(Received<'_>) -> Result<OrderAnswer, Failure>,
) -> Result<OrderAnswer, NoAnswer> {
    if let Err(late) = check_deadline(started, deps.window, deps.host.clock.as_ref()) {
        return Err(NoAnswer::NotExecuted { why: late.to_string() });
    }
    match deps.wire.send(signed).await {
        Sent::Answered(answer) => read(answer.received()).map_err(|failure| meaning(deps, venue, failure)),
        Sent::NotSent { why } => {
            deps.clock.forget(venue);
            deps.pause(venue, PAUSE_MS);
            Err(NoAnswer::NotExecuted { why: format!("the exchange could not be reached: {why}") })
        }
        Sent::Unknown { why } => Err(NoAnswer::Unknown { why }),
    }
}

fn meaning(deps: &Deps, venue: Venue, failure: Failure) -> NoAnswer {
    let why = failure.to_string();
    match failure {
        Failure::NotExecuted => {
            deps.clock.forget(venue);
            NoAnswer::NotExecuted { why }
        }
        Failure::Limited { retry_after_s } => {
            limited(deps, venue, retry_after_s);
            NoAnswer::NotExecuted { why }
        }
        Failure::Malformed { code, ref text } => {
            tracing::error!(code, text, "the exchange refused the form of our request");
            NoAnswer::Refused { why }
        }
        Failure::KeyRefused { .. } => NoAnswer::KeyRefused { why },
        Failure::FilterFailed { .. } | Failure::Refused { .. } => NoAnswer::Refused { why },
        Failure::DuplicateLives => NoAnswer::Lives,
        Failure::UnknownOrder => NoAnswer::NoOpenOrder,
        // -2013 answers queries only; to anything else it makes no sense.
        Failure::NotFound | Failure::Unknown { .. } => NoAnswer::Unknown { why },
    }
}

fn limited(deps: &Deps, venue: Venue, retry_after_s: Option<u32>) {
    let ms = retry_after_s.map_or(PAUSE_MS, |s| i64::from(s).saturating_mul(1_000)).max(1_000);
    tracing::warn!(%venue, ms, "the exchange limits us: nothing is sent for a while");
    deps.pause(venue, ms);
}

/// What signing refused means: nothing has left.
pub fn not_signed(deps: &Deps, venue: Venue, refused: &SignRefused) -> NoAnswer {
    let why = refused.to_string();
    match refused {
        SignRefused::SecretGone | SignRefused::OtherKey | SignRefused::VenueUnknown => NoAnswer::Refused { why },
        SignRefused::DoesNotOpen => {
            tracing::error!(alarm = "sealed-key", "a sealed key does not open: tampered with, or moved");
            NoAnswer::Refused { why }
        }
        // RF-31: during an order no key service means no order.
        SignRefused::Call(_) => {
            deps.pause(venue, PAUSE_MS);
            NoAnswer::NotExecuted { why }
        }
    }
}

/// Asks one question with a granted key. A failure to ask is [`Failure::Unknown`]: questions change nothing.
pub async fn ask<T>(
    deps: &Deps,
    venue: Venue,
    grant: &QueryGrant,
    key: &SealedKey,
    offset_ms: i64,
    question: &Question,
    read: fn(Received<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let at = ExchangeTimeMs::of(deps.host.clock.now(), offset_ms);
    let signed = deps
        .signer
        .sign_query(grant, key, question, at, deps.window)
        .await
        .map_err(|refused| Failure::Unknown { why: refused.to_string() })?;
    let outcome = match deps.wire.send(signed).await {
        Sent::Answered(answer) => read(answer.received()),
        Sent::NotSent { why } | Sent::Unknown { why } => Err(Failure::Unknown { why }),
    };
    match &outcome {
        Err(Failure::NotExecuted) => deps.clock.forget(venue),
        Err(Failure::Limited { retry_after_s }) => limited(deps, venue, *retry_after_s),
        Ok(_) | Err(_) => {}
    }
    outcome
}

/// Asks a public question; `None` when there is no sensible answer.
pub async fn ask_public<T>(
    deps: &Deps,
    request: PublicRequest,
    read: fn(Received<'_>) -> Result<T, Failure>,
) -> Option<T> {
    match deps.wire.send(request).await {
        Sent::Answered(answer) => read(answer.received()).ok(),
        Sent::NotSent { .. } | Sent::Unknown { .. } => None,
    }
}
