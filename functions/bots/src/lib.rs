//! Bots, deals and activity over HTTP. What belongs to somebody else does not exist here (SS-8).
//!
//! Never decides about orders and never sees a key: a start only writes that the bot is due.

mod config;
mod create_bot;
mod delete_bot;
mod door;
mod health;
mod list_activity;
mod list_bots;
mod list_deals;
mod preview_bot;
mod show_bot;
mod show_deal;
mod start_bot;
mod stop_bot;
mod view;

use api::{Api, Gate, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    Ok(Api::new(Gate::of(host)?, Deps::of(host)?)
        .mount(routes::PREVIEW_BOT, preview_bot::preview_bot)
        .mount(routes::CREATE_BOT, create_bot::create_bot)
        .mount(routes::LIST_BOTS, list_bots::list_bots)
        .mount(routes::SHOW_BOT, show_bot::show_bot)
        .mount(routes::DELETE_BOT, delete_bot::delete_bot)
        .mount(routes::START_BOT, start_bot::start_bot)
        .mount(routes::STOP_BOT, stop_bot::stop_bot)
        .mount(routes::LIST_DEALS, list_deals::list_deals)
        .mount(routes::SHOW_DEAL, show_deal::show_deal)
        .mount(routes::LIST_ACTIVITY, list_activity::list_activity)
        .mount(routes::HEALTH, health::health)
        .into_router())
}
