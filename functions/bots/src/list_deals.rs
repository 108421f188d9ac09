//! `GET /v1/bots/{id}/deals`: a bot's deals with their figures, newest first.

use std::sync::Arc;

use api::{Answer, Operation, Order, Problem, Request};
use strategy::id::BotId;

use crate::view::{Page, ShownDeal};
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_deals", "A bot's deals with their figures, newest first")
        .path::<BotId>("id", "The bot.")
        .paged()
        .answers::<Page<ShownDeal>>(200, "One page.")
}

/// Answers one page.
pub async fn list_deals(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let bot = door::own_bot(&deps, &request).await?;
    let asked = request.page(deps.host.clock.now())?;
    let (mut deals, orders) = tokio::try_join!(deps.store.deals_of(bot.id), deps.store.orders_of(bot.id))?;
    deals.reverse();
    let (page, next) = asked.cut(deals, |deal| deal.deal.id, Order::Falling)?;
    let items = page.iter().map(|deal| view::deal(deal, &orders)).collect();
    Ok(Answer::ok(&Page { items, next_cursor: next }))
}
