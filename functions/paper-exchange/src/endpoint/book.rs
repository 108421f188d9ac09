//! Last price, best bid and ask, and the depth behind them, as they stand at the close of the last candle.

use paper::quote::{Quote, depth_per_level, levels};
use paper::symbol::Symbol;
use serde_json::{Value, json};
use strategy::market::Candle;
use strategy::order::Side;

use crate::Deps;
use crate::decimal::text;
use crate::refusal::Refusal;
use crate::router::Call;

/// `GET /api/v3/ticker/price`.
pub async fn price(call: Call) -> Result<Value, Refusal> {
    per_symbol(
        &call,
        |_, symbol, candle| json!({"symbol": symbol.pair.symbol(), "price": text(candle.close.decimal())}),
    )
    .await
}

/// `GET /api/v3/ticker/bookTicker`.
pub async fn ticker(call: Call) -> Result<Value, Refusal> {
    per_symbol(&call, |deps, symbol, candle| {
        let quote = Quote::around(candle.close, &deps.profile, symbol.rules.tick);
        let depth = text(depth_per_level(candle.volume, &deps.profile, &symbol.rules).decimal());
        json!({
            "symbol": symbol.pair.symbol(), "bidPrice": text(quote.bid.decimal()), "bidQty": depth,
            "askPrice": text(quote.ask.decimal()), "askQty": depth,
        })
    })
    .await
}

/// `GET /api/v3/depth`.
pub async fn depth(call: Call) -> Result<Value, Refusal> {
    let (symbol, limit) = (call.symbol().await?, call.parameters.limit(100, 5000)?);
    let candle = symbol.last.ok_or_else(Refusal::no_depth)?;
    let quote = Quote::around(candle.close, &call.deps.profile, symbol.rules.tick);
    let quantity = text(depth_per_level(candle.volume, &call.deps.profile, &symbol.rules).decimal());
    let side = |side: Side| -> Vec<Value> {
        levels(quote, side, &call.deps.profile, symbol.rules.tick)
            .take(limit)
            .map(|price| json!([text(price.decimal()), quantity]))
            .collect()
    };
    // One update per candle: the number rises with market time.
    Ok(json!({"lastUpdateId": candle.close_time.ms(), "bids": side(Side::Sell), "asks": side(Side::Buy)}))
}

/// One answer for the symbol asked for, or a list; symbols without a price yet are left out of lists.
async fn per_symbol(call: &Call, one: impl Fn(&Deps, &Symbol, &Candle) -> Value) -> Result<Value, Refusal> {
    let (symbols, single) = call.symbols().await?;
    let mut answers = symbols.iter().filter_map(|symbol| symbol.last.map(|candle| one(&call.deps, symbol, &candle)));
    if single { answers.next().ok_or_else(Refusal::no_depth) } else { Ok(answers.collect()) }
}
