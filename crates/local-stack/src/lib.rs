//! Everything on one machine: the functions of the product over embedded services, one schedule, one clock.
//!
//! Never a second implementation of anything: the same handlers, the same SDK calls, the same template.

pub mod clock;
mod dev;
mod endpoints;
pub mod feed;
mod lane;
pub mod machine;
pub mod market;
pub mod permission;
mod progress;
pub mod remembered;
mod schedule;
mod sockets;
pub mod template;
pub mod up;

pub use endpoints::Endpoints;
pub use lane::LaneBroken;
pub use machine::{Machine, MachineRefused, MinuteFailed, Parts};
pub use market::open::MarketRefused;
pub use progress::Progress;
pub use sockets::NoListener;
pub use up::{Options, Up, UpRefused};
