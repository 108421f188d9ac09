//! How an exchange says no, and when its silence means that nobody knows.

/// What a failed or unreadable answer means. Only [`Failure::Unknown`] leaves open whether the request had an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The exchange refused by its clock: definitely not executed. Measure its clock again; a new authorisation is needed.
    #[error("not executed: the exchange found the timestamp outside the receive window")]
    NotExecuted,
    /// The key, its address list or its permissions were refused: pause the connection and ask for its permissions.
    #[error("the exchange refused the key (code {code})")]
    KeyRefused {
        /** The exchange's code. */
        code: i64,
    },
    /// A filter of the pair: it did not reach the engine. Final.
    #[error("filter failure: {filter}")]
    FilterFailed {
        /** The filter's name or the exchange's text. */
        filter: String,
    },
    /// The engine said no for a business reason. Final.
    #[error("refused by the exchange: {text}")]
    Refused {
        /** The exchange's text. */
        text: String,
    },
    /// An order of this name is open already: fetch it and adopt it.
    #[error("an order of this name lives already")]
    DuplicateLives,
    /// A cancel found no open order of this name: it may have been filled. Ask for it.
    #[error("no open order of this name")]
    UnknownOrder,
    /// A query found no order of this name. No proof of absence right after a send.
    #[error("no order of this name")]
    NotFound,
    /// Too much: not executed. Nothing is sent to this exchange before the time has passed.
    #[error("the exchange limits us")]
    Limited {
        /** Seconds, when the exchange names them. */
        retry_after_s: Option<u32>,
    },
    /// The request is wrong in form or signature: our fault, not executed.
    #[error("the exchange refused the form of the request (code {code}): {text}")]
    Malformed {
        /** The exchange's code. */
        code: i64,
        /** Its text. */
        text: String,
    },
    /// Nobody knows whether it was executed: ask by the client order id, never send again.
    #[error("outcome unknown: {why}")]
    Unknown {
        /** What was seen; for logs. */
        why: String,
    },
}
