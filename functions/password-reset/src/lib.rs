//! The reset fence: a new password by mail ends every session and makes every exchange key unusable, in one commit.
//!
//! Never reads a secret, never uses the vault key, never signs anybody in (PR-11).

mod claim;
mod complete_reset;
mod config;
mod inspect_reset;
mod new_password;
mod open_orders;
mod passkey_answer;
mod recovery;
mod request_reset;
mod second_factor;

use api::{Api, Gate, Mounts, Operation, Operations, Route, routes};

pub use config::{Deps, StartRefused};
use recovery::{cancel_by_link, cancel_by_session, complete_recovery, start_recovery};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(mount(Api::new(Gate::of(host)?, Deps::of(host)?)).into_router())
}

/// What these routes take and answer: this function's part of the contract.
pub fn operations() -> Vec<(Route, Operation)> {
    mount(Operations::new()).into_vec()
}

fn mount<M: Mounts<Deps>>(to: M) -> M {
    to.mount(routes::REQUEST_RESET, request_reset::request_reset, request_reset::operation)
        .mount(routes::INSPECT_RESET, inspect_reset::inspect_reset, inspect_reset::operation)
        .mount(routes::COMPLETE_RESET, complete_reset::complete_reset, complete_reset::operation)
        .mount(routes::START_RECOVERY, start_recovery::start_recovery, start_recovery::operation)
        .mount(routes::CANCEL_RECOVERY_BY_LINK, cancel_by_link::cancel_by_link, cancel_by_link::operation)
        .mount(routes::CANCEL_RECOVERY, cancel_by_session::cancel_by_session, cancel_by_session::operation)
        .mount(routes::COMPLETE_RECOVERY, complete_recovery::complete_recovery, complete_recovery::operation)
}
