//! Decides what a bot does: pure functions from a deal, its orders and the market to actions and wake conditions.
//!
//! Never sees a clock, a random source, a network or a secret. All money is decimal.

#![deny(missing_docs)]

pub mod config;
mod dca;
pub mod deal;
pub mod decide;
pub mod figures;
pub mod formula;
pub mod id;
pub mod ladder;
pub mod market;
pub mod money;
pub mod order;
pub mod preview;
mod schema;
pub mod wake;
