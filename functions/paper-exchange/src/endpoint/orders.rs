//! Lists of the caller's orders.

use serde_json::Value;

use super::order::describe;
use crate::authorise::Caller;
use crate::item::order::{self, StoredOrder};
use crate::refusal::Refusal;
use crate::router::Call;

/// `GET /api/v3/openOrders`, with and without a symbol.
pub async fn list_open(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let symbol = match call.parameters.symbol_if()? {
        Some(_) => Some(call.symbol().await?.pair.symbol()),
        None => None,
    };
    let open = order::open(&call.deps.store, caller.key.account, symbol.as_deref()).await?;
    Ok(open.iter().map(describe).collect())
}

/// `GET /api/v3/allOrders`: open and ended, oldest first; from `orderId` on, or the latest.
pub async fn list_all(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let (symbol, limit) = (call.symbol().await?.pair.symbol(), call.parameters.limit(500, 1000)?);
    let (from_id, start) = (call.parameters.integer("orderId")?, call.parameters.moment("startTime")?);
    let end = call.parameters.moment("endTime")?;
    let account = caller.key.account;
    // Open first: an order that ends in between is then seen twice, not missed.
    let mut all: Vec<StoredOrder> = order::open(&call.deps.store, account, Some(&symbol)).await?;
    let done = order::done(&call.deps.store, account, &symbol).await?;
    all.retain(|open| done.iter().all(|done| done.order.id != open.order.id));
    all.extend(done);
    all.sort_by_key(|stored| stored.order.id);
    all.retain(|stored| {
        let at = stored.accepted_at.ms();
        from_id.is_none_or(|from| stored.order.id >= from)
            && start.is_none_or(|start| at >= start)
            && end.is_none_or(|end| at <= end)
    });
    let skipped = if from_id.is_some() || start.is_some() { 0 } else { all.len().saturating_sub(limit) };
    Ok(all.iter().skip(skipped).take(limit).map(describe).collect())
}
