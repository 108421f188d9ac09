//! Decides what a bot does: pure functions from a deal, its orders and the market to actions and wake conditions.
//!
//! Never sees a clock, a random source, a network or a secret. All money is decimal.

pub mod config;
pub mod deal;
pub mod decide;
pub mod id;
pub mod ladder;
pub mod market;
pub mod money;
pub mod order;
pub mod preview;
pub mod wake;
mod dca;
