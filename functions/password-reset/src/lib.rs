//! The reset fence: a new password by mail ends every session and makes every exchange key unusable, in one commit.
//!
//! Never reads a secret, never uses the vault key, never signs anybody in (PR-11).

mod claim;
mod complete_reset;
mod config;
mod inspect_reset;
mod open_orders;
mod request_reset;
mod second_factor;

use api::{Api, Gate, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(Api::new(Gate::of(host)?, Deps::of(host)?)
        .mount(routes::REQUEST_RESET, request_reset::request_reset)
        .mount(routes::INSPECT_RESET, inspect_reset::inspect_reset)
        .mount(routes::COMPLETE_RESET, complete_reset::complete_reset)
        .into_router())
}
