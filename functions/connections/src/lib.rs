//! Attaches, shows and detaches exchange keys.
//!
//! A key is asked what it may do, sealed, and made LIVE in one transaction. Never reads a key back: its role can make data
//! keys and secrets and open neither. Never answers with a secret (KX-5).

mod attach;
mod attach_connection;
mod cancel_loosening;
mod change_limits;
mod config;
mod detach_connection;
mod list_connections;
mod show_connection;
mod shown;

use std::sync::Arc;

use api::{Api, Gate, Mounts, Operation, Operations, Route, routes};

pub use config::{Deps, StartRefused};

/// The routes of this function, on Lambda and on the local host alike.
pub fn router(host: &host::Host) -> Result<axum::Router, StartRefused> {
    router_over(host, Arc::new(wire::HttpTransport::new()?))
}

/// The same with another way to the exchanges; tests bring their own.
pub fn router_over(host: &host::Host, transport: Arc<dyn wire::Transport>) -> Result<axum::Router, StartRefused> {
    Ok(mount(Api::new(Gate::of(host)?, Deps::of(host, transport)?)).into_router())
}

/// What these routes take and answer: this function's part of the contract.
pub fn operations() -> Vec<(Route, Operation)> {
    mount(Operations::new()).into_vec()
}

fn mount<M: Mounts<Deps>>(to: M) -> M {
    to.mount(routes::ATTACH_CONNECTION, attach_connection::attach_connection, attach_connection::operation)
        .mount(routes::LIST_CONNECTIONS, list_connections::list_connections, list_connections::operation)
        .mount(routes::SHOW_CONNECTION, show_connection::show_connection, show_connection::operation)
        .mount(routes::DETACH_CONNECTION, detach_connection::detach_connection, detach_connection::operation)
        .mount(routes::CHANGE_LIMITS, change_limits::change_limits, change_limits::operation)
        .mount(routes::CANCEL_LOOSENING, cancel_loosening::cancel_loosening, cancel_loosening::operation)
}
