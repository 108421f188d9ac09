//! What is stored, one file per noun: key layout, item type, reading and writing it.

pub mod activity;
pub mod address;
pub mod api_token;
pub mod audit;
pub mod bot;
pub mod budget;
pub mod challenge;
pub mod connection;
pub mod credential;
pub mod deal;
pub mod funds;
pub mod idempotency;
pub mod intent;
pub mod job;
pub mod ledger;
pub mod market;
pub mod order;
pub mod proof;
pub mod recovery;
pub mod recovery_code;
pub mod reset_token;
pub mod session;
pub mod user;
pub mod verification;
pub mod wake;
