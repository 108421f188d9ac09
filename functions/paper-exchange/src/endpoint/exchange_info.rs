//! `GET /api/v3/exchangeInfo`: the listed symbols and their filters.

use paper::filter::OPEN_ORDERS_MAX;
use paper::symbol::Symbol;
use serde_json::{Value, json};

use crate::decimal::text;
use crate::item::symbol::status;
use crate::refusal::Refusal;
use crate::router::Call;

/// Answers all symbols or those asked for.
pub async fn show(call: Call) -> Result<Value, Refusal> {
    let (symbols, _) = call.symbols().await?;
    Ok(json!({
        "timezone": "UTC", "serverTime": call.deps.clock.now().ms(), "rateLimits": [], "exchangeFilters": [],
        "symbols": symbols.iter().map(describe).collect::<Vec<_>>(),
    }))
}

fn describe(symbol: &Symbol) -> Value {
    let (tick, lot) = (text(symbol.rules.tick.decimal()), text(symbol.rules.lot.decimal()));
    let (notional_min, quantity_max) =
        (text(symbol.rules.notional_min.decimal()), text(symbol.quantity_max().decimal()));
    json!({
        "symbol": symbol.pair.symbol(), "status": status(symbol.status),
        "baseAsset": symbol.pair.base(), "baseAssetPrecision": 8, "quoteAsset": symbol.pair.quote(), "quotePrecision": 8,
        "quoteAssetPrecision": 8, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "icebergAllowed": false, "ocoAllowed": false, "otoAllowed": false,
        "opoAllowed": false, "quoteOrderQtyMarketAllowed": true, "allowTrailingStop": false, "cancelReplaceAllowed": false,
        "amendAllowed": false, "pegInstructionsAllowed": false, "isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": text(symbol.price_max()), "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": quantity_max, "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": quantity_max, "stepSize": "0.00000000"},
            {"filterType": "NOTIONAL", "minNotional": notional_min, "applyMinToMarket": true, "maxNotional": "0.00000000",
             "applyMaxToMarket": false, "avgPriceMins": 0},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": OPEN_ORDERS_MAX},
        ],
        "permissions": [], "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    })
}
