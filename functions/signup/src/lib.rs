//! Creates accounts and verifies their addresses. Never tells whether an address has an account (SU-1).

mod config;
mod resend_verification;
mod sign_up;
mod verify_email;

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
    to.mount(routes::SIGN_UP, sign_up::sign_up, sign_up::operation)
        .mount(routes::VERIFY_EMAIL, verify_email::verify_email, verify_email::operation)
        .mount(routes::RESEND_VERIFICATION, resend_verification::resend_verification, resend_verification::operation)
}
