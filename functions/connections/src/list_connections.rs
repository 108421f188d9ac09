//! `GET /v1/connections`: all keys of the account, without their secrets.

use std::sync::Arc;

use api::{Answer, Operation, Order, Problem, Request};
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
        .paged()
        .answers::<Page>(200, "One page.")
}

/// Lists them, newest last: at most 20 live ones and the revoked ones of 90 days.
pub(crate) async fn list_connections(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let now = deps.host.clock.now();
    let asked = request.page(now)?;
    let mut found = deps.store.list_connections(user).await?;
    found.sort_by_key(|connection| connection.id);
    let (page, next_cursor) = asked.cut(found, |connection| connection.id, Order::Rising)?;
    let items = page.iter().map(|found| ShownConnection::of(found, now)).collect();
    Ok(Answer::ok(&Page { items, next_cursor }))
}
