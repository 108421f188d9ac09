//! `GET /v1/deals/{id}`: one deal with its orders, fills, figures, and every action with its reason.

use std::sync::Arc;

use api::{Answer, Problem, Request};
use serde_json::{Value, json};
use strategy::id::DealId;

use crate::{Deps, view};

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
    let mut shown = view::deal(&stored, &orders);
    let list = |keep: &dyn Fn(&store::entity::order::StoredOrder) -> bool| -> Vec<Value> {
        own.iter().filter(|order| keep(order)).map(|order| view::order(order)).collect()
    };
    let timeline: Vec<Value> = activity.iter().filter(|row| row.deal == Some(id)).flat_map(view::activity).collect();
    if let Value::Object(fields) = &mut shown {
        fields.insert("orders".into(), json!(list(&|_| true)));
        fields.insert("open_orders".into(), json!(list(&|order| !order.status.is_final())));
        fields.insert("fills".into(), json!(list(&|order| !order.filled.quantity.is_zero())));
        fields.insert("timeline".into(), json!(timeline));
    }
    Ok(Answer::ok(&shown))
}
