//! Binance's spot REST protocol, which the paper exchange speaks too.
//!
//! Source: `binance/binance-spot-api-docs` at a5e0bc3ddc0f (2026-07-21); what was measured stands in exchanges.md.

mod error;
mod market;
mod order;
mod permission;
mod requests;
mod time;

pub use error::classify;
pub use market::{PairRules, candles, last_price, pairs};
pub use order::{account, cancelled_order, open_orders, order, trades};
pub use permission::permissions;
pub(crate) use requests::{method, path, private, public, query_string};
pub use time::server_time;

/// Longest receive window we ever ask for, ms. Binance allows 60 000; 3 s bounds what can still arrive after a fence (G2).
pub const RECEIVE_WINDOW_MS_MAX: i64 = 3_000;

/// Reads a JSON answer, or says what its failure means.
fn read<T: serde::de::DeserializeOwned>(received: crate::Received<'_>) -> Result<T, crate::Failure> {
    if received.status != 200 {
        return Err(classify(received));
    }
    serde_json::from_slice(received.body).map_err(|e| crate::Failure::Unknown {
        why: format!("an answer of {} bytes cannot be read: {e}", received.body.len()),
    })
}

/// An answer that parses but does not make sense is as good as none.
fn senseless(what: &str) -> crate::Failure {
    crate::Failure::Unknown { why: format!("the answer's {what} makes no sense") }
}
