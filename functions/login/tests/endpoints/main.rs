//! The login's endpoints through its router, over the embedded AWS.
#![allow(clippy::allow_attributes, reason = "expect would warn where a lint is off in tests anyway")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_debug_implementations, reason = "a test")]

mod devices;
#[path = "../../../../crates/breached-passwords/tests/list/mod.rs"]
mod list;
mod log;
mod passkeys;
mod passwords;
mod second_factor;
mod sessions;
mod step_up;
mod stolen;
mod tokens;
mod unlock;
mod world;
