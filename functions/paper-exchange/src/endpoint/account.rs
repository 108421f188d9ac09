//! What the caller's account holds and pays, and what its key may do.

use serde_json::{Value, json};

use crate::authorise::Caller;
use crate::decimal::text;
use crate::item::account;
use crate::refusal::Refusal;
use crate::router::Call;

/// Ten years: keys of the paper exchange do not expire, but the field must say something that lies ahead.
const TRADING_AUTHORITY_S: i64 = 10 * 365 * 86_400;
const NOTHING: &str = "0.00000000";

/// `GET /api/v3/account`.
pub async fn show(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let omit_zero = match call.parameters.text("omitZeroBalances")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::bad_value("omitZeroBalances")),
    };
    let account = account::find(&call.deps.store, caller.key.account).await?.account;
    let balances: Vec<Value> = account
        .balances()
        .filter(|(_, balance)| !(omit_zero && balance.total().is_zero()))
        .map(|(asset, balance)| json!({"asset": asset, "free": text(balance.free), "locked": text(balance.locked)}))
        .collect();
    let profile = &call.deps.profile;
    let (maker, taker) = (text(profile.maker.fraction()), text(profile.taker.fraction()));
    // Binance counts whole hundredths of a percent here.
    let hundredths = |percent: strategy::money::Percent| {
        (percent.decimal() * rust_decimal::Decimal::ONE_HUNDRED).trunc().to_string()
    };
    Ok(json!({
        "makerCommission": hundredths(profile.maker).parse::<u32>().unwrap_or(0),
        "takerCommission": hundredths(profile.taker).parse::<u32>().unwrap_or(0),
        "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": {"maker": maker, "taker": taker, "buyer": NOTHING, "seller": NOTHING},
        "canTrade": true, "canWithdraw": caller.key.withdraw, "canDeposit": false, "brokered": false,
        "requireSelfTradePrevention": false, "preventSor": false, "updateTime": call.deps.clock.now().ms(),
        "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"], "uid": caller.key.account.uid(),
    }))
}

/// `GET /api/v3/account/commission`.
pub async fn commission(call: Call, _: Caller) -> Result<Value, Refusal> {
    let symbol = call.symbol().await?;
    let rates = |maker: &str, taker: &str| json!({"maker": maker, "taker": taker, "buyer": NOTHING, "seller": NOTHING});
    let profile = &call.deps.profile;
    Ok(json!({
        "symbol": symbol.pair.symbol(),
        "standardCommission": rates(&text(profile.maker.fraction()), &text(profile.taker.fraction())),
        "specialCommission": rates(NOTHING, NOTHING), "taxCommission": rates(NOTHING, NOTHING),
        "discount": {"enabledForAccount": false, "enabledForSymbol": false, "discountAsset": "BNB", "discount": NOTHING},
    }))
}

/// `GET /sapi/v1/account/apiRestrictions` (KX-1): every field that a positive list asks for.
pub async fn permissions(_: Call, caller: Caller) -> Result<Value, Refusal> {
    let key = caller.key;
    Ok(json!({
        "ipRestrict": key.ip_restrict, "createTime": key.created_at.ms(), "enableReading": true,
        "enableSpotAndMarginTrading": true, "enableWithdrawals": key.withdraw, "enableInternalTransfer": false,
        "permitsUniversalTransfer": false, "enableMargin": false, "enableFutures": false, "enableVanillaOptions": false,
        "enablePortfolioMarginTrading": false, "enableFixApiTrade": false,
        "tradingAuthorityExpirationTime": key.created_at.plus_seconds(TRADING_AUTHORITY_S).ms(),
    }))
}
