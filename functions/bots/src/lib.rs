//! Bots, deals and activity over HTTP. What belongs to somebody else does not exist here (SS-8).
//!
//! Never decides about orders and never sees a key: a start only writes that the bot is due.

mod change_bot;
mod config;
mod create_bot;
mod delete_bot;
mod door;
mod health;
mod list_activity;
mod list_bots;
mod list_deals;
mod preview_bot;
mod release_trading;
mod show_bot;
mod show_contract;
mod show_deal;
mod start_bot;
mod stop_bot;
mod stop_trading;
mod tell_bots;
mod view;

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
    to.mount(routes::PREVIEW_BOT, preview_bot::preview_bot, preview_bot::operation)
        .mount(routes::CREATE_BOT, create_bot::create_bot, create_bot::operation)
        .mount(routes::LIST_BOTS, list_bots::list_bots, list_bots::operation)
        .mount(routes::SHOW_BOT, show_bot::show_bot, show_bot::operation)
        .mount(routes::CHANGE_BOT, change_bot::change_bot, change_bot::operation)
        .mount(routes::DELETE_BOT, delete_bot::delete_bot, delete_bot::operation)
        .mount(routes::START_BOT, start_bot::start_bot, start_bot::operation)
        .mount(routes::STOP_BOT, stop_bot::stop_bot, stop_bot::operation)
        .mount(routes::LIST_DEALS, list_deals::list_deals, list_deals::operation)
        .mount(routes::SHOW_DEAL, show_deal::show_deal, show_deal::operation)
        .mount(routes::LIST_ACTIVITY, list_activity::list_activity, list_activity::operation)
        .mount(routes::STOP_TRADING, stop_trading::stop_trading, stop_trading::operation)
        .mount(routes::RELEASE_TRADING, release_trading::release_trading, release_trading::operation)
        .mount(routes::HEALTH, health::health, health::operation)
        .mount(routes::SHOW_CONTRACT, show_contract::show_contract, show_contract::operation)
}
