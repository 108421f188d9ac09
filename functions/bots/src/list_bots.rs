//! `GET /v1/bots`: the caller's bots, oldest first. The list comes from an index and is for display.

use std::sync::Arc;

use api::{Answer, Operation, Order, Problem, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::view::ShownBot;
use crate::{Deps, view};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOfBot")]
struct Page {
    items: Vec<ShownBot>,
    next_cursor: Option<String>,
    /// Whether the kill switch is on: no bot opens a position or adds to one.
    trading_stopped: bool,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_bots", "The account's bots, oldest first").paged().answers::<Page>(200, "One page.")
}

/// Answers one page.
pub async fn list_bots(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = &request.session()?.user;
    let mut bots = deps.store.list_bots(user.id).await?;
    bots.sort_by_key(|bot| bot.id);
    let (page, next) = request.page(deps.host.clock.now())?.cut(bots, |bot| bot.id, Order::Rising)?;
    let connections = view::connections(&deps, user.id, &page).await?;
    let items =
        page.iter().map(|bot| view::bot(bot, connections.get(&bot.connection.to_string()), user.trade_epoch)).collect();
    let trading_stopped = deps.store.is_trading_stopped(user.id).await?;
    Ok(Answer::ok(&Page { items, next_cursor: next, trading_stopped }))
}
