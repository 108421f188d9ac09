//! `/api/v3/order`: place, show, cancel.

use paper::cancel::CancelRefused;
use paper::order::{Kind, NewOrder, Order, Status, TimeInForce};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use strategy::money::{Amount, NotMoney, Price, Quantity};
use strategy::order::Side;

use crate::authorise::Caller;
use crate::commit::{Committed, ROUNDS_MAX, commit};
use crate::decimal::text;
use crate::item::order::StoredOrder;
use crate::item::{account, book, log, order, symbol};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::router::Call;

/// How much the answer to a placement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Ack,
    Result,
    Full,
}

/// `POST /api/v3/order`: accepts an order, in one transaction with its lock and its log entry.
///
/// It reaches the book at the open of the next candle, so the answer is NEW without fills for every type.
pub async fn place(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let name = call.parameters.symbol()?;
    let (new, detail) = (parse(&call.parameters)?, detail(&call.parameters)?);
    let (deps, id) = (&call.deps, caller.key.account);
    for _ in 0..ROUNDS_MAX {
        let listed = call.listed(name).await?;
        let read = account::find(&deps.store, id).await?;
        let open: Vec<Order> =
            order::open(&deps.store, id, Some(name)).await?.into_iter().map(|stored| stored.order).collect();
        let placed = paper::place::place(&listed, &deps.profile, &read.account, &open, new.clone())?;
        // The second check of the receive window, right before the order reaches the engine.
        let now = deps.clock.now();
        caller.window.check(now)?;
        let stored = StoredOrder { order: placed.order, accepted_at: now, updated_at: now };
        let mut writes = vec![account::put_changed(id, &read, &placed.account)?, symbol::check_trading(&listed)];
        writes.extend(order::put_new(id, &stored)?);
        writes.push(book::write(id, &stored.order));
        writes.push(log::put(id, &stored));
        if commit(deps, &writes).await? == Committed::Yes {
            return Ok(accepted(&stored, detail));
        }
    }
    Err(Refusal::overloaded())
}

/// `GET /api/v3/order`, by `orderId` or `origClientOrderId`.
pub async fn show(call: Call, caller: Caller) -> Result<Value, Refusal> {
    Ok(describe(&find(&call, &caller).await?.ok_or_else(Refusal::no_such_order)?))
}

/// `DELETE /api/v3/order`: holds at once, also for an order that has not reached the book yet.
pub async fn cancel(call: Call, caller: Caller) -> Result<Value, Refusal> {
    let (deps, id) = (&call.deps, caller.key.account);
    let cancel_id = call.parameters.client_id("newClientOrderId")?;
    for _ in 0..ROUNDS_MAX {
        let read = account::find(&deps.store, id).await?;
        let found = find(&call, &caller).await?.ok_or_else(Refusal::cancel_of_unknown)?;
        let cancelled = paper::cancel::cancel(&read.account, &found.order);
        let now = deps.clock.now();
        caller.window.check(now)?;
        let (account, order) = match cancelled {
            Ok(cancelled) => (cancelled.account, cancelled.order),
            Err(CancelRefused::NotOpen) => return Err(Refusal::cancel_of_unknown()),
            // Account and order were read one after the other: an order placed in between is newer than the account.
            Err(CancelRefused::Overdrawn(_)) => continue,
        };
        let stored = StoredOrder { order, updated_at: now, ..found };
        let mut writes = vec![account::put_changed(id, &read, &account)?, book::write(id, &stored.order)];
        writes.extend(order::put_changed(id, &stored)?);
        if commit(deps, &writes).await? == Committed::Yes {
            return Ok(cancelled_answer(&stored, cancel_id));
        }
    }
    Err(Refusal::overloaded())
}

/// The order that the request names. Both ids: the number is searched, and the client id must be its own.
async fn find(call: &Call, caller: &Caller) -> Result<Option<StoredOrder>, Refusal> {
    let symbol = call.symbol().await?.pair.symbol();
    let (by_id, by_client) = (call.parameters.integer("orderId")?, call.parameters.client_id("origClientOrderId")?);
    let (store, account) = (&call.deps.store, caller.key.account);
    let id = match (by_id, by_client) {
        (Some(id), _) => id,
        (None, Some(client_id)) => match order::find_client_id(store, account, &symbol, client_id).await? {
            Some(id) => id,
            None => return Ok(None),
        },
        (None, None) => return Err(Refusal::missing_both("origClientOrderId", "orderId")),
    };
    let found = order::find(store, account, &symbol, id).await?;
    match (found, by_client) {
        (Some(found), Some(client_id)) if found.order.client_id != client_id => Err(Refusal::ids_disagree()),
        (found, _) => Ok(found),
    }
}

fn parse(parameters: &Parameters) -> Result<NewOrder, Refusal> {
    let side = match parameters.needed("side")? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(Refusal::bad_side()),
    };
    let kind = match parameters.needed("type")? {
        "LIMIT" => {
            let time_in_force = match parameters.needed("timeInForce")? {
                "GTC" => TimeInForce::Gtc,
                "IOC" => TimeInForce::Ioc,
                "FOK" => TimeInForce::Fok,
                _ => return Err(Refusal::bad_time_in_force()),
            };
            parameters.refuse("quoteOrderQty")?;
            Kind::Limit { price: price(parameters)?, quantity: quantity(parameters)?, time_in_force }
        }
        "LIMIT_MAKER" => {
            parameters.refuse("quoteOrderQty")?;
            parameters.refuse("timeInForce")?;
            Kind::LimitMaker { price: price(parameters)?, quantity: quantity(parameters)? }
        }
        "MARKET" => {
            parameters.refuse("price")?;
            parameters.refuse("timeInForce")?;
            match (parameters.decimal("quantity")?, parameters.decimal("quoteOrderQty")?) {
                (Some(_), Some(_)) => return Err(Refusal::bad_combination()),
                (Some(_), None) => Kind::Market { quantity: quantity(parameters)? },
                (None, Some(amount)) => Kind::MarketByQuote {
                    amount: Amount::admit(amount).map_err(|_| Refusal::overflow("quoteOrderQty"))?,
                },
                (None, None) => return Err(Refusal::missing_both("quantity", "quoteOrderQty")),
            }
        }
        "STOP_LOSS" => return Err(Refusal::unsupported_type("Stop loss")),
        "STOP_LOSS_LIMIT" => return Err(Refusal::unsupported_type("Stop loss limit")),
        "TAKE_PROFIT" => return Err(Refusal::unsupported_type("Take profit")),
        "TAKE_PROFIT_LIMIT" => return Err(Refusal::unsupported_type("Take profit limit")),
        _ => return Err(Refusal::bad_order_type()),
    };
    for name in ["stopPrice", "icebergQty", "trailingDelta"] {
        parameters.refuse(name)?;
    }
    if parameters.text("selfTradePreventionMode")?.is_some_and(|mode| mode != "EXPIRE_MAKER") {
        return Err(Refusal::bad_value("selfTradePreventionMode"));
    }
    let client_id = parameters.client_id("newClientOrderId")?.map(str::to_owned);
    Ok(NewOrder { client_id, side, kind })
}

fn price(parameters: &Parameters) -> Result<Price, Refusal> {
    let value = parameters.decimal("price")?.ok_or_else(|| Refusal::missing("price"))?;
    Price::admit(value).map_err(|error| match error {
        NotMoney::TooLarge => Refusal::overflow("price"),
        NotMoney::NotADecimal | NotMoney::TooFine | NotMoney::NotPositive | NotMoney::Negative => {
            Refusal::filter(paper::filter::Filter::Price)
        }
    })
}
fn quantity(parameters: &Parameters) -> Result<Quantity, Refusal> {
    let value = parameters.decimal("quantity")?.ok_or_else(|| Refusal::missing("quantity"))?;
    Quantity::admit(value).map_err(|_| Refusal::overflow("quantity"))
}

fn detail(parameters: &Parameters) -> Result<Detail, Refusal> {
    match parameters.text("newOrderRespType")? {
        Some("ACK") => Ok(Detail::Ack),
        Some("RESULT") => Ok(Detail::Result),
        Some("FULL") => Ok(Detail::Full),
        Some(_) => Err(Refusal::bad_value("newOrderRespType")),
        // Binance's defaults.
        None if matches!(parameters.text("type")?, Some("MARKET" | "LIMIT")) => Ok(Detail::Full),
        None => Ok(Detail::Ack),
    }
}

/// The answer to a placement. `transactTime` is wall time.
fn accepted(stored: &StoredOrder, detail: Detail) -> Value {
    let mut answer = Map::new();
    let order = &stored.order;
    answer.insert("symbol".into(), json!(order.pair.symbol()));
    answer.insert("orderId".into(), json!(order.id));
    answer.insert("orderListId".into(), json!(-1));
    answer.insert("clientOrderId".into(), json!(order.client_id));
    answer.insert("transactTime".into(), json!(stored.accepted_at.ms()));
    if detail != Detail::Ack {
        answer.extend(figures(order));
        answer.insert("workingTime".into(), json!(stored.accepted_at.ms()));
    }
    if detail == Detail::Full {
        answer.insert("fills".into(), json!([]));
    }
    Value::Object(answer)
}

fn cancelled_answer(stored: &StoredOrder, cancel_id: Option<&str>) -> Value {
    let order = &stored.order;
    let mut answer = figures(order);
    answer.insert("symbol".into(), json!(order.pair.symbol()));
    answer.insert("origClientOrderId".into(), json!(order.client_id));
    answer.insert("orderId".into(), json!(order.id));
    answer.insert("orderListId".into(), json!(-1));
    let own = || format!("cancel-{}", order.id);
    answer.insert("clientOrderId".into(), json!(cancel_id.map_or_else(own, str::to_owned)));
    answer.insert("transactTime".into(), json!(stored.updated_at.ms()));
    Value::Object(answer)
}

/// An order as `GET order` and the lists show it. `time` and `updateTime` are wall time.
pub fn describe(stored: &StoredOrder) -> Value {
    let order = &stored.order;
    let mut answer = figures(order);
    answer.insert("symbol".into(), json!(order.pair.symbol()));
    answer.insert("orderId".into(), json!(order.id));
    answer.insert("orderListId".into(), json!(-1));
    answer.insert("clientOrderId".into(), json!(order.client_id));
    answer.insert("stopPrice".into(), json!(text(Decimal::ZERO)));
    answer.insert("icebergQty".into(), json!(text(Decimal::ZERO)));
    answer.insert("time".into(), json!(stored.accepted_at.ms()));
    answer.insert("updateTime".into(), json!(stored.updated_at.ms()));
    answer.insert("isWorking".into(), json!(true));
    answer.insert("workingTime".into(), json!(stored.accepted_at.ms()));
    Value::Object(answer)
}

/// What was asked and what became of it. A market order by quote has no `origQty` before it has traded.
fn figures(order: &Order) -> Map<String, Value> {
    let (kind, time_in_force, asked_quote) = match order.kind {
        Kind::Limit { time_in_force, .. } => ("LIMIT", time_in_force, Amount::ZERO),
        Kind::LimitMaker { .. } => ("LIMIT_MAKER", TimeInForce::Gtc, Amount::ZERO),
        Kind::Market { .. } => ("MARKET", TimeInForce::Gtc, Amount::ZERO),
        Kind::MarketByQuote { amount } => ("MARKET", TimeInForce::Gtc, amount),
    };
    let time_in_force = match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    };
    let side = match order.side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    };
    let values = [
        ("price", text(order.kind.limit().map_or(Decimal::ZERO, Price::decimal))),
        ("origQty", text(order.kind.quantity().unwrap_or(order.executed).decimal())),
        ("executedQty", text(order.executed.decimal())),
        ("origQuoteOrderQty", text(asked_quote.decimal())),
        ("cummulativeQuoteQty", text(order.value.decimal())),
        ("status", status(order.status).to_owned()),
        ("timeInForce", time_in_force.to_owned()),
        ("type", kind.to_owned()),
        ("side", side.to_owned()),
        ("selfTradePreventionMode", "EXPIRE_MAKER".to_owned()),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::New => "NEW",
        Status::PartiallyFilled => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Canceled => "CANCELED",
        Status::Expired => "EXPIRED",
        Status::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}
