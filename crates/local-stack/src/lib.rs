//! Everything on one machine: the functions of the product over embedded services, one schedule, one clock.
//!
//! Never a second implementation of anything: the same handlers, the same SDK calls, the same template.

pub mod clock;
mod dev;
pub mod feed;
mod lane;
pub mod machine;
pub mod market;
pub mod permission;
pub mod template;
pub mod up;

pub use lane::LaneBroken;
pub use machine::{Machine, MachineRefused, MinuteFailed, Parts};
pub use up::{Endpoints, Happening, Options, Up, UpRefused};
