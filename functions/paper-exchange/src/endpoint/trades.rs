//! `GET /api/v3/myTrades`: the caller's fills. Their times are market time, so look up by `fromId`, not by time.

use paper::fill::Fill;
use serde_json::{Value, json};
use strategy::order::Side;

use crate::authorise::Caller;
use crate::decimal::text;
use crate::item::fills;
use crate::refusal::Refusal;
use crate::router::Call;

/// As on Binance: a lookup by time spans at most a day.
const SPAN_MS_MAX: i64 = 24 * 3600 * 1000;

/// Answers fills by trade number: from `fromId` or a start on, or the latest.
pub async fn list(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let (symbol, limit) = (call.symbol().await?.pair.symbol(), call.parameters.limit(500, 1000)?);
    let (order_id, from_id) = (call.parameters.integer("orderId")?, call.parameters.integer("fromId")?);
    let (start, end) = (call.parameters.moment("startTime")?, call.parameters.moment("endTime")?);
    if from_id.is_some() && (start.is_some() || end.is_some()) {
        return Err(Refusal::bad_combination());
    }
    if let (Some(start), Some(end)) = (start, end)
        && end.saturating_sub(start) > SPAN_MS_MAX
    {
        return Err(Refusal::lookup_too_wide());
    }
    let mut found = fills::of_symbol(&call.deps.store, caller.key.account, &symbol).await?;
    found.retain(|fill| {
        order_id.is_none_or(|id| fill.order_id == id)
            && from_id.is_none_or(|from| fill.trade_id >= from)
            && start.is_none_or(|start| fill.at.ms() >= start)
            && end.is_none_or(|end| fill.at.ms() <= end)
    });
    let skipped = if from_id.is_some() || start.is_some() { 0 } else { found.len().saturating_sub(limit) };
    Ok(found.iter().skip(skipped).take(limit).map(describe).collect())
}

fn describe(fill: &Fill) -> Value {
    json!({
        "symbol": fill.pair.symbol(), "id": fill.trade_id, "orderId": fill.order_id, "orderListId": -1,
        "price": text(fill.price.decimal()), "qty": text(fill.quantity.decimal()), "quoteQty": text(fill.value.decimal()),
        "commission": text(fill.fee), "commissionAsset": fill.fee_asset, "time": fill.at.ms(),
        "isBuyer": fill.side == Side::Buy, "isMaker": fill.maker, "isBestMatch": true,
    })
}
