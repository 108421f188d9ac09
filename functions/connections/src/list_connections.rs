//! `GET /v1/connections`: all keys of the account, without their secrets.

use std::sync::Arc;

use api::{Answer, Problem, Request};
use serde::Serialize;

use crate::config::Deps;
use crate::shown::ShownConnection;

#[derive(Debug, Serialize)]
struct Page {
    items: Vec<ShownConnection>,
    next_cursor: Option<String>,
}

/// Lists them, newest last. An account has at most 20 live ones and the revoked ones of 90 days: one page.
pub(crate) async fn list_connections(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let items = deps.store.list_connections(user).await?.iter().map(ShownConnection::of).collect();
    Ok(Answer::ok(&Page { items, next_cursor: None }))
}
