//! `GET /v1/deals/{id}`: one deal with its orders, fills, figures, and every action with its reason.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Serialize;
use strategy::id::DealId;

use crate::view::{ShownActivity, ShownDeal, ShownOrder};
use crate::{Deps, view};

/// A deal with everything that happened in it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WholeDeal")]
struct WholeDeal {
    #[serde(flatten)]
    deal: ShownDeal,
    /// As they were sent.
    orders: Vec<ShownOrder>,
    /// Those that can still be filled.
    open_orders: Vec<ShownOrder>,
    /// Those of which something was filled.
    fills: Vec<ShownOrder>,
    /// Every action with its reason.
    timeline: Vec<ShownActivity>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("show_deal", "One deal with its orders, fills, figures, and every action with its reason")
        .path::<DealId>("id", "The deal.")
        .reads_header("If-None-Match", "The `ETag` of the answer that the caller has.")
        .answers::<WholeDeal>(200, "The deal.")
        .with_header("ETag", "Names the version, for `If-Match`, and the whole answer, for `If-None-Match`.")
        .answers_nothing(304, "The caller has it.")
}

/// Answers the deal.
pub async fn show_deal(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let id: DealId = request.id("id")?;
    // The index only says which bot's it may be; what is shown is read by its key.
    let bot = deps.store.bot_of_deal(user, id).await?.ok_or_else(Problem::not_found)?;
    let stored =
        deps.store.find_deal(bot, id).await?.filter(|deal| deal.user == user).ok_or_else(Problem::not_found)?;
    let (orders, mut activity) = tokio::try_join!(deps.store.orders_of(bot), deps.store.activity_of(bot))?;
    // Decisions of the same moment are in the order of their versions.
    activity.sort_by_key(|row| (row.at_wall, row.version));
    let mut own: Vec<_> = orders.iter().filter(|order| order.deal == id).collect();
    // As they were sent, not by their derived names.
    own.sort_by_key(|order| (order.sent_at, order.order.key));
    let list = |keep: &dyn Fn(&store::entity::order::StoredOrder) -> bool| -> Vec<ShownOrder> {
        own.iter().filter(|order| keep(order)).map(|order| view::order(order)).collect()
    };
    let whole = WholeDeal {
        deal: view::deal(&stored, &orders),
        orders: list(&|_| true),
        open_orders: list(&|order| !order.status.is_final()),
        fills: list(&|order| !order.filled.quantity.is_zero()),
        timeline: activity.iter().filter(|row| row.deal == Some(id)).flat_map(view::activity).collect(),
    };
    Ok(Answer::versioned(&whole, stored.version))
}
