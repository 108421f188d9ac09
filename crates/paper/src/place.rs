//! Takes a new order: filters, the client id's uniqueness, and the lock of the most it can cost.

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::Side;

use crate::account::{Account, Delta, Overdrawn};
use crate::filter::{self, Filter, OPEN_ORDERS_MAX};
use crate::order::{Kind, NewOrder, Order, Status};
use crate::profile::Profile;
use crate::quote::Quote;
use crate::symbol::Symbol;

/// Why an order is not taken, in the order in which it is checked. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceRefused {
    /// The symbol does not trade or has no price yet.
    #[error("the market is closed")]
    Closed,
    /// It fails a filter.
    #[error("filter failure: {0}")]
    Filter(Filter),
    /// An open order of the account and symbol has this client id.
    #[error("an open order has this client order id")]
    Duplicate,
    /// A maker order that would take at the present quote.
    #[error("a maker order that would take")]
    WouldTake,
    /// Less is free than the order can cost.
    #[error("not enough free balance")]
    InsufficientBalance,
}

/// An order that was taken, and the account with its cost locked. Both are stored together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub account: Account,
    pub order: Order,
}

/// Takes a new order, or says why not. `open` are the account's open orders of this symbol.
///
/// Orders reach the book at the open of the next candle: the answer is NEW without a fill for every kind, and a market
/// order takes when that candle is applied.
pub fn place(
    symbol: &Symbol,
    profile: &Profile,
    account: &Account,
    open: &[Order],
    new: NewOrder,
) -> Result<Placed, PlaceRefused> {
    let last = symbol.last_price().filter(|_| symbol.is_open()).ok_or(PlaceRefused::Closed)?;
    filter::check(symbol, new.kind, last).map_err(PlaceRefused::Filter)?;
    let mut account = account.clone();
    let id = account.take_order_id();
    let client_id = new.client_id.unwrap_or_else(|| derived_client_id(&symbol.pair.symbol(), id));
    if open.iter().any(|order| order.status.is_open() && order.client_id == client_id) {
        return Err(PlaceRefused::Duplicate);
    }
    if open.len() >= OPEN_ORDERS_MAX {
        return Err(PlaceRefused::Filter(Filter::MaxNumOrders));
    }
    let quote = Quote::around(last, profile, symbol.rules.tick);
    if let Kind::LimitMaker { price, .. } = new.kind
        && quote.is_crossed_by(new.side, price)
    {
        return Err(PlaceRefused::WouldTake);
    }
    let mut order = Order {
        id,
        client_id,
        pair: symbol.pair.clone(),
        side: new.side,
        kind: new.kind,
        status: Status::New,
        executed: Quantity::ZERO,
        value: Amount::ZERO,
        locked: Decimal::ZERO,
        arrived: false,
        changed_in: None,
        last_fill_at: None,
    };
    let free = account.balance(order.locked_asset()).free;
    order.locked = worst_case(&order, symbol, quote, profile, free)
        .filter(|cost| *cost <= free)
        .ok_or(PlaceRefused::InsufficientBalance)?;
    let mut delta = Delta::default();
    delta.add_free(order.locked_asset(), -order.locked);
    delta.add_locked(order.locked_asset(), order.locked);
    account.apply(&delta).map_err(|Overdrawn { .. }| PlaceRefused::InsufficientBalance)?;
    Ok(Placed { account, order })
}

/// The most the order can cost in its locked asset; None when not even the present quote can be paid.
///
/// A market order's price is not known yet. It locks its cost at the present quote plus the collar, or all that is
/// free if that is less; it never spends more than it locked, and what that does not cover expires.
fn worst_case(order: &Order, symbol: &Symbol, quote: Quote, profile: &Profile, free: Decimal) -> Option<Decimal> {
    let at_quote = quote.taken_by(order.side).decimal();
    let with_collar = |cost: Decimal| (cost <= free).then(|| free.min(cost + cost * profile.market_collar.fraction()));
    match (order.side, order.kind) {
        (Side::Buy, Kind::Limit { price, quantity, .. } | Kind::LimitMaker { price, quantity }) => {
            Some(cost(price, quantity))
        }
        (Side::Sell, Kind::Limit { quantity, .. } | Kind::LimitMaker { quantity, .. } | Kind::Market { quantity }) => {
            Some(quantity.decimal())
        }
        (Side::Buy, Kind::Market { quantity }) => with_collar(at_quote * quantity.decimal()),
        (Side::Buy, Kind::MarketByQuote { amount }) => Some(amount.decimal()),
        (Side::Sell, Kind::MarketByQuote { amount }) => {
            // Whole lots, so that what is locked has no endless decimals.
            let base = quote.taken_by(Side::Sell).quantity_for(amount).ceil_to_lot(symbol.rules.lot);
            with_collar(base.decimal())
        }
    }
}

fn cost(price: Price, quantity: Quantity) -> Decimal {
    (price * quantity).decimal()
}

/// A client id for an order that came without one: 22 hex characters, the same for the same order every time.
fn derived_client_id(symbol: &str, id: u64) -> String {
    let digest = hex::encode(Sha256::digest(format!("paper exchange order|{symbol}|{id}")));
    digest.get(..22).unwrap_or(&digest).to_owned()
}
