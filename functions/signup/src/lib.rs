//! Creates accounts and verifies their addresses. Never tells whether an address has an account (SU-1).

mod config;
mod resend_verification;
mod sign_up;
mod verify_email;

use api::{Api, Gate, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(Api::new(Gate::of(host)?, Deps::of(host)?)
        .mount(routes::SIGN_UP, sign_up::sign_up)
        .mount(routes::VERIFY_EMAIL, verify_email::verify_email)
        .mount(routes::RESEND_VERIFICATION, resend_verification::resend_verification)
        .into_router())
}
