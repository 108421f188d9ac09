//! Enrols, confirms and removes second factors (an authenticator, passkeys), and makes recovery codes.
//!
//! Never reads an exchange key or its share: of a connection it sees the status alone (LG-5).

mod config;
mod confirm_totp;
mod enrol_totp;
mod passkeys;
mod qr;
mod refusal;
mod remove_totp;
mod replace_recovery_codes;

use api::{Api, Gate, Mounts, Operation, Operations, Route, routes};

use crate::passkeys::{begin_passkey, finish_passkey, list_passkeys, remove_passkey};

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
        .mount(routes::BEGIN_PASSKEY, begin_passkey::begin_passkey, begin_passkey::operation)
        .mount(routes::FINISH_PASSKEY, finish_passkey::finish_passkey, finish_passkey::operation)
        .mount(routes::LIST_PASSKEYS, list_passkeys::list_passkeys, list_passkeys::operation)
        .mount(routes::REMOVE_PASSKEY, remove_passkey::remove_passkey, remove_passkey::operation)
}
