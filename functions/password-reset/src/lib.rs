//! The reset fence: a new password by mail ends every session and makes every exchange key unusable, in one commit.
//!
//! Never reads a secret, never uses the vault key, never signs anybody in (PR-11).

mod claim;
mod complete_reset;
mod config;
mod inspect_reset;
mod life;
mod new_password;
mod open_orders;
mod passkey_answer;
mod recovery;
mod request_reset;
mod second_factor;

use api::{Api, Gate, Mounts, Operation, Operations, Route, routes};

pub use config::{Deps, StartRefused};
use life::{
    change_password, confirm_email, delete_account, disown_reset, export_account, release_account, revoke_email,
    start_email_change,
};
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
        .mount(routes::DISOWN_RESET, disown_reset::disown_reset, disown_reset::operation)
        .mount(routes::CHANGE_PASSWORD, change_password::change_password, change_password::operation)
        .mount(routes::START_EMAIL_CHANGE, start_email_change::start_email_change, start_email_change::operation)
        .mount(routes::CONFIRM_EMAIL, confirm_email::confirm_email, confirm_email::operation)
        .mount(routes::REVOKE_EMAIL, revoke_email::revoke_email, revoke_email::operation)
        .mount(routes::RELEASE_ACCOUNT, release_account::release_account, release_account::operation)
        .mount(routes::EXPORT_ACCOUNT, export_account::export_account, export_account::operation)
        .mount(routes::DELETE_ACCOUNT, delete_account::delete_account, delete_account::operation)
        .mount(routes::START_RECOVERY, start_recovery::start_recovery, start_recovery::operation)
        .mount(routes::CANCEL_RECOVERY_BY_LINK, cancel_by_link::cancel_by_link, cancel_by_link::operation)
        .mount(routes::CANCEL_RECOVERY, cancel_by_session::cancel_by_session, cancel_by_session::operation)
        .mount(routes::COMPLETE_RECOVERY, complete_recovery::complete_recovery, complete_recovery::operation)
}
