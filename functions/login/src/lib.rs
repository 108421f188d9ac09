//! Passwords, second-factor challenges, sessions and step-up proofs. Never hands out a session before all factors (LG-2).

mod answer_challenge;
mod arrival;
mod config;
mod end_other_sessions;
mod end_session;
mod event;
mod factor;
mod list_sessions;
mod list_tokens;
mod locked;
mod log_in;
mod log_out;
mod make_token;
mod passkey_begin;
mod passkey_factor;
mod passkey_finish;
mod recheck_password;
mod revoke_token;
mod show_me;
mod step_up;
mod step_up_begin;
mod unlock;
mod unlock_confirm;
mod verify_password;

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
    to.mount(routes::LOG_IN, log_in::log_in, log_in::operation)
        .mount(routes::ANSWER_CHALLENGE, answer_challenge::answer_challenge, answer_challenge::operation)
        .mount(routes::UNLOCK_LOGIN, unlock::unlock, unlock::operation)
        .mount(routes::CONFIRM_UNLOCK, unlock_confirm::unlock_confirm, unlock_confirm::operation)
        .mount(routes::LOG_OUT, log_out::log_out, log_out::operation)
        .mount(routes::LIST_SESSIONS, list_sessions::list_sessions, list_sessions::operation)
        .mount(routes::END_OTHER_SESSIONS, end_other_sessions::end_other_sessions, end_other_sessions::operation)
        .mount(routes::END_SESSION, end_session::end_session, end_session::operation)
        .mount(routes::LIST_TOKENS, list_tokens::list_tokens, list_tokens::operation)
        .mount(routes::MAKE_TOKEN, make_token::make_token, make_token::operation)
        .mount(routes::REVOKE_TOKEN, revoke_token::revoke_token, revoke_token::operation)
        .mount(routes::SHOW_ME, show_me::show_me, show_me::operation)
        .mount(routes::STEP_UP, step_up::step_up, step_up::operation)
        .mount(routes::BEGIN_STEP_UP, step_up_begin::step_up_begin, step_up_begin::operation)
        .mount(routes::BEGIN_PASSKEY_LOGIN, passkey_begin::passkey_begin, passkey_begin::operation)
        .mount(routes::FINISH_PASSKEY_LOGIN, passkey_finish::passkey_finish, passkey_finish::operation)
}
