//! The items of the table `paper`. Reads are consistent and by key or within one partition; there is no index.
//!
//! | what | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | [`key`] | `KEY#<api key>` | `KEY` | `account` S; `secret` S (the exchange's own: an HMAC needs it); `user` S; `withdraw`, `ip_restrict` BOOL; `created_ms` N wall |
//! | keys of a user | `USER#<user>` | `KEYS` | `keys` N: how many were made |
//! | [`account`] | `ACCOUNT#<account>` | `ACCOUNT` | `state` S (JSON of `paper::account::Account`); `version` N |
//! | open [`order`] | `ACCOUNT#<account>` | `OPEN#<symbol>#<order id, 12 digits>` | `order` S (JSON of `paper::order::Order`); `accepted_ms`, `updated_ms` N wall |
//! | ended [`order`] | `ACCOUNT#<account>` | `DONE#<symbol>#<order id, 12 digits>` | as above |
//! | client id | `ACCOUNT#<account>` | `CLIENT#<symbol>#<client order id>` | `order_id` N: the latest order that bore it |
//! | [`fills`] of one order in one candle | `ACCOUNT#<account>` | `FILLS#<symbol>#<candle's open time, 13 digits>#<order id, 12 digits>` | `fills` S (JSON list) |
//! | [`book`] entry of an open order | `BOOK#<symbol>` | `ORDER#<account>#<order id, 12 digits>` | `arrived` BOOL; `side` S; `limit` S, absent for market orders |
//! | [`symbol`] | `SYMBOLS` | `SYMBOL#<symbol>` | `state` S (JSON of `paper::symbol::Symbol`); `status` S; `version` N |
//! | [`candle`] | `CANDLES#<symbol>` | `SLOT#<number of the candle modulo 1000>` | `candle` S (JSON): the last 1000 |
//! | [`log`] of accepted orders | `LOG` | `<accepted ms, 13 digits>#<account>#<order id, 12 digits>` | `symbol`, `client_id`, `side` S; `ttl` N, 30 days |
//!
//! Whatever changes an account's balances or orders is one transaction that puts the account on condition of the
//! version it was computed from. Concurrent requests therefore never lose money: the later one computes again.

pub mod account;
pub mod book;
pub mod candle;
pub mod fills;
pub mod key;
pub mod log;
pub mod order;
pub mod symbol;

/// An order or trade number in a sort key: as wide as sorting by text demands.
fn digits12(number: u64) -> String {
    format!("{number:012}")
}
/// A moment in milliseconds in a sort key.
fn digits13(ms: i64) -> String {
    format!("{ms:013}")
}
