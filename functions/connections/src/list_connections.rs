//! `GET /v1/connections`: all keys of the account, without their secrets.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::Deps;
use crate::shown::ShownConnection;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOfConnection")]
struct Page {
    items: Vec<ShownConnection>,
    next_cursor: Option<String>,
}

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("list_connections", "All exchange keys of the account, without their secrets; newest last")
        .answers::<Page>(200, "All of them on one page.")
}

/// Lists them, newest last. An account has at most 20 live ones and the revoked ones of 90 days: one page.
pub(crate) async fn list_connections(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let now = deps.host.clock.now();
    let items = deps.store.list_connections(user).await?.iter().map(|found| ShownConnection::of(found, now)).collect();
    Ok(Answer::ok(&Page { items, next_cursor: None }))
}
