//! `GET /v1/bots`: the caller's bots, oldest first. The list comes from an index and is for display.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};

use crate::view::{Page, ShownBot};
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_bots", "The account's bots, oldest first").paged().answers::<Page<ShownBot>>(200, "One page.")
}

/// Answers one page.
pub async fn list_bots(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = &request.session()?.user;
    let mut bots = deps.store.list_bots(user.id).await?;
    bots.sort_by_key(|bot| bot.id);
    let (page, next) = door::page(bots, |bot| bot.id.to_string(), &request)?;
    let connections = view::connections(&deps, user.id, &page).await?;
    let items =
        page.iter().map(|bot| view::bot(bot, connections.get(&bot.connection.to_string()), user.trade_epoch)).collect();
    Ok(Answer::ok(&Page { items, next_cursor: next }))
}
