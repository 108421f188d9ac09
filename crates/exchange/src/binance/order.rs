//! Orders, fills and balances as answered.

use strategy::market::MarketTime;
use strategy::money::{Price, Quantity};

use super::{read, senseless};
use crate::{Account, Balance, Failure, OrderAnswer, Received, Status, Trade};

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: i64,
    client_order_id: String,
    /// A cancel gives the order a new client id and tells the old one here.
    orig_client_order_id: Option<String>,
    status: String,
    executed_qty: String,
    transact_time: Option<i64>,
    fills: Option<Vec<Fill>>,
}
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fill {
    price: String,
    qty: String,
    commission: String,
    commission_asset: String,
    trade_id: i64,
}
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct MyTrade {
    id: i64,
    order_id: i64,
    price: String,
    qty: String,
    commission: String,
    commission_asset: String,
    time: i64,
}
#[derive(serde::Deserialize)]
struct Held {
    asset: String,
    free: String,
    locked: String,
}
#[derive(serde::Deserialize)]
struct Holdings {
    balances: Vec<Held>,
}

/// Reads the answer to a placement or a query of one order.
pub fn order(received: Received<'_>) -> Result<OrderAnswer, Failure> {
    answer(read(received)?)
}
/// Reads the answer to a cancel.
pub fn cancelled_order(received: Received<'_>) -> Result<OrderAnswer, Failure> {
    answer(read(received)?)
}
/// Reads the open orders of a pair.
pub fn open_orders(received: Received<'_>) -> Result<Vec<OrderAnswer>, Failure> {
    read::<Vec<Order>>(received)?.into_iter().map(answer).collect()
}

fn answer(order: Order) -> Result<OrderAnswer, Failure> {
    let exchange_order_id = order.order_id.to_string();
    let fills = order
        .fills
        .map(|fills| {
            let at = MarketTime::from_ms(order.transact_time.ok_or_else(|| senseless("transactTime"))?);
            fills
                .into_iter()
                .map(|fill| {
                    trade(
                        fill.trade_id,
                        exchange_order_id.clone(),
                        [&fill.price, &fill.qty, &fill.commission],
                        fill.commission_asset,
                        at,
                    )
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    Ok(OrderAnswer {
        client_order_id: order.orig_client_order_id.unwrap_or(order.client_order_id),
        status: status(&order.status)?,
        executed: quantity(&order.executed_qty)?,
        exchange_order_id,
        fills,
    })
}

/// A status this version does not know is no answer: nobody may guess whether such an order can still trade.
fn status(text: &str) -> Result<Status, Failure> {
    Ok(match text {
        "NEW" | "PENDING_NEW" => Status::New,
        "PARTIALLY_FILLED" => Status::PartiallyFilled,
        "FILLED" => Status::Filled,
        "CANCELED" => Status::Cancelled,
        "EXPIRED" | "EXPIRED_IN_MATCH" => Status::Expired,
        "REJECTED" => Status::Rejected,
        _ => return Err(senseless("status")),
    })
}

/// Reads the account's fills.
pub fn trades(received: Received<'_>) -> Result<Vec<Trade>, Failure> {
    read::<Vec<MyTrade>>(received)?
        .into_iter()
        .map(|t| {
            trade(
                t.id,
                t.order_id.to_string(),
                [&t.price, &t.qty, &t.commission],
                t.commission_asset,
                MarketTime::from_ms(t.time),
            )
        })
        .collect()
}

fn trade(
    trade_id: i64,
    exchange_order_id: String,
    [price, qty, fee]: [&str; 3],
    fee_asset: String,
    at: MarketTime,
) -> Result<Trade, Failure> {
    let price = Price::parse(price).map_err(|_| senseless("price"))?;
    Ok(Trade { trade_id, exchange_order_id, price, quantity: quantity(qty)?, fee: quantity(fee)?, fee_asset, at })
}

/// Reads the balances.
pub fn account(received: Received<'_>) -> Result<Account, Failure> {
    let balances = read::<Holdings>(received)?
        .balances
        .into_iter()
        .map(|held| Ok(Balance { free: quantity(&held.free)?, locked: quantity(&held.locked)?, asset: held.asset }))
        .collect::<Result<_, Failure>>()?;
    Ok(Account { balances })
}

fn quantity(text: &str) -> Result<Quantity, Failure> {
    Quantity::parse(text).map_err(|_| senseless("quantity"))
}
