//! Enrols, confirms and removes the second factor, and makes recovery codes.
//!
//! Never reads an exchange key or its share: of a connection it sees the status alone (LG-5).

mod config;
mod confirm_totp;
mod enrol_totp;
mod qr;
mod refusal;
mod remove_totp;
mod replace_recovery_codes;

use api::{Api, Gate, Mounts, Operation, Operations, Route, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(mount(Api::new(Gate::of(host)?, Deps::of(host)?)).into_router())
}

/// What these routes take and answer: this function's part of the contract.
pub fn operations() -> Vec<(Route, Operation)> {
    mount(Operations::new()).into_vec()
}

fn mount<M: Mounts<Deps>>(to: M) -> M {
    to.mount(routes::ENROL_TOTP, enrol_totp::enrol_totp, enrol_totp::operation)
        .mount(routes::CONFIRM_TOTP, confirm_totp::confirm_totp, confirm_totp::operation)
        .mount(routes::REMOVE_TOTP, remove_totp::remove_totp, remove_totp::operation)
        .mount(
            routes::REPLACE_RECOVERY_CODES,
            replace_recovery_codes::replace_recovery_codes,
            replace_recovery_codes::operation,
        )
}
