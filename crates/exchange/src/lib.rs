//! Builds the requests of each exchange and reads its answers, as pure values.
//!
//! Never sends anything, never sees a secret, never reads a clock. A path that is not an [`Endpoint`] cannot be asked for
//! (KX-6): there is no withdrawal, transfer, key-management or sub-account path in this crate.

#![deny(missing_docs)]

pub mod answer;
pub mod binance;
pub mod endpoint;
pub mod failure;
pub mod permission;
pub mod request;
pub mod venue;

pub use answer::{Account, Balance, OrderAnswer, Received, Status, Trade};
pub use endpoint::{Endpoint, Method};
pub use failure::Failure;
pub use permission::{PermissionFault, Verdict};
pub use request::{
    ExchangeTimeMs, Outgoing, Parts, PublicQuestion, PublicRequest, Question, ReceiveWindowMs, Signable, Unsigned,
};
pub use venue::{NotAVenue, Venue};
