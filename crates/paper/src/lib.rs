//! An exchange as a pure state machine: accounts, orders and candles in; changed accounts, orders and fills out.
//!
//! Never does I/O, never sees a clock or a random source: market time comes in with the candles, and there is no draw
//! of chance at all, so that the same requests and candles give the same fills to the last byte. No wall time either:
//! who places an order when is the business of whoever stores it.
//!
//! Every account is a world of its own. It has its own order and trade numbers and its own share of the traded volume,
//! so that what happens to one account never depends on the others (a recorded deal replays identically, P4).
//!
//! The parts, in the order in which an order meets them: [`place`] admits it against the symbol's filters and locks
//! what it may cost; [`apply`] runs one candle over the account's open orders; [`cancel`] ends it; [`exchange`] ties
//! them together in memory, for backtests and tests.

pub mod account;
pub mod apply;
pub mod cancel;
pub mod changes;
pub mod exchange;
pub mod fee;
pub mod fill;
pub mod filter;
mod liquidity;
pub mod order;
pub mod path;
pub mod place;
pub mod profile;
pub mod quote;
pub mod symbol;
