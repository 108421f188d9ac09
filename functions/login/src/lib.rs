//! Passwords, second-factor challenges, sessions and step-up proofs. Never hands out a session before all factors (LG-2).

mod answer_challenge;
mod config;
mod end_other_sessions;
mod end_session;
mod event;
mod factor;
mod list_sessions;
mod list_tokens;
mod log_in;
mod log_out;
mod make_token;
mod revoke_token;
mod show_me;
mod step_up;
mod verify_password;

use api::{Api, Gate, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(Api::new(Gate::of(host)?, Deps::of(host)?)
        .mount(routes::LOG_IN, log_in::log_in)
        .mount(routes::ANSWER_CHALLENGE, answer_challenge::answer_challenge)
        .mount(routes::LOG_OUT, log_out::log_out)
        .mount(routes::LIST_SESSIONS, list_sessions::list_sessions)
        .mount(routes::END_OTHER_SESSIONS, end_other_sessions::end_other_sessions)
        .mount(routes::END_SESSION, end_session::end_session)
        .mount(routes::LIST_TOKENS, list_tokens::list_tokens)
        .mount(routes::MAKE_TOKEN, make_token::make_token)
        .mount(routes::REVOKE_TOKEN, revoke_token::revoke_token)
        .mount(routes::SHOW_ME, show_me::show_me)
        .mount(routes::STEP_UP, step_up::step_up)
        .into_router())
}
