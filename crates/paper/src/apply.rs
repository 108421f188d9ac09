//! Runs one candle over one account's open orders of a symbol.
//!
//! At each print of the candle's path the orders that rest fill first, then the orders that arrive at it take. An order
//! that arrives and rests fills at later prints only (never as a maker in the print of its arrival).

use rust_decimal::Decimal;
use strategy::market::{Candle, SymbolStatus};
use strategy::money::{Price, Quantity};
use strategy::order::Side;

use crate::account::Delta;
use crate::cancel::end;
use crate::changes::{Changes, OrderChange};
use crate::fee::fee_on;
use crate::fill::Fill;
use crate::liquidity::Liquidity;
use crate::order::{Kind, Order, Status, TimeInForce};
use crate::path::{self, NotACandle, Print};
use crate::profile::{FillRule, Profile};
use crate::quote::{self, Quote, reaches};
use crate::symbol::Symbol;

/// What one candle does to one account's orders of the symbol.
///
/// `orders` are the account's open orders of the symbol (others are passed over), `already` its stored fills in this
/// candle: none, unless an earlier attempt broke off. Orders that this candle has changed before are not changed again.
/// On a symbol in BREAK nothing trades.
pub fn apply_candle(
    symbol: &Symbol,
    profile: &Profile,
    candle: &Candle,
    orders: &[Order],
    already: &[Fill],
) -> Result<Changes, NotACandle> {
    let path = path::prints(candle, symbol.rules.tick)?;
    match symbol.status {
        SymbolStatus::Trading => {}
        SymbolStatus::Break => return Ok(Changes::default()),
    }
    let mut run = Run {
        symbol,
        profile,
        candle,
        liquidity: Liquidity::new(profile, &symbol.rules, candle, already),
        orders: orders
            .iter()
            .filter(|order| {
                order.pair == symbol.pair && order.status.is_open() && order.changed_in != Some(candle.open_time)
            })
            .map(Working::of)
            .collect(),
    };
    run.orders.sort_by_key(|working| working.order.id);
    let arrival = profile.arrival_print(candle);
    for print in &path {
        run.fill_resting(print);
        if print.index == arrival {
            run.let_arrive(print);
        }
    }
    Ok(run.into_changes())
}

/// One order while the candle runs.
struct Working {
    order: Order,
    fills: Vec<Fill>,
    delta: Delta,
    /// From which print on it fills as a maker; None until it has arrived.
    rests_from: Option<usize>,
    changed: bool,
}

impl Working {
    fn of(order: &Order) -> Self {
        Self {
            order: order.clone(),
            fills: Vec::new(),
            delta: Delta::default(),
            rests_from: order.arrived.then_some(0),
            changed: false,
        }
    }
    fn end(&mut self, status: Status) {
        end(&mut self.order, &mut self.delta, status);
        self.changed = true;
    }
}

struct Run<'a> {
    symbol: &'a Symbol,
    profile: &'a Profile,
    candle: &'a Candle,
    liquidity: Liquidity<'a>,
    orders: Vec<Working>,
}

impl Run<'_> {
    /// Fills the resting orders that the print has gone through, best price first, then the older first.
    fn fill_resting(&mut self, print: &Print) {
        let mut crossed: Vec<(usize, Price)> = (0..self.orders.len())
            .filter_map(|index| {
                self.orders.get(index).and_then(|w| self.crossed_at(w, print)).map(|price| (index, price))
            })
            .collect();
        crossed.sort_by(|(index_a, a), (index_b, b)| {
            let better =
                if self.orders.get(*index_a).is_some_and(|w| w.order.side == Side::Buy) { b.cmp(a) } else { a.cmp(b) };
            better.then(index_a.cmp(index_b))
        });
        for (index, price) in crossed {
            let Some(working) = self.orders.get_mut(index) else { continue };
            let quantity = working.order.remaining().min(self.liquidity.of_print(print));
            if quantity.is_zero() {
                continue;
            }
            self.liquidity.use_print(print.index, quantity);
            trade(working, self.profile, self.candle, print, Trade { price, quantity, maker: true });
            settle(working, Status::PartiallyFilled);
        }
    }

    /// The order's price, if it rests and the print went through it.
    fn crossed_at(&self, working: &Working, print: &Print) -> Option<Price> {
        let rests = working.order.status.is_open() && working.rests_from.is_some_and(|from| from <= print.index);
        let price = working.order.kind.limit().filter(|_| rests)?;
        let crossed = match (self.profile.rule, working.order.side) {
            (FillRule::Through, Side::Buy) => print.price < price,
            (FillRule::Through, Side::Sell) => print.price > price,
        };
        crossed.then_some(price)
    }

    /// Lets the orders that are not in the book yet arrive, the older first.
    fn let_arrive(&mut self, print: &Print) {
        for index in 0..self.orders.len() {
            if self.orders.get(index).is_some_and(|w| w.rests_from.is_none() && w.order.status.is_open()) {
                self.arrive(index, print);
            }
        }
    }

    fn arrive(&mut self, index: usize, print: &Print) {
        let quote = Quote::around(print.price, self.profile, self.symbol.rules.tick);
        let Some(order) = self.orders.get_mut(index).map(|working| {
            working.rests_from = Some(print.index + 1);
            working.order.arrived = true;
            working.changed = true;
            working.order.clone()
        }) else {
            return;
        };
        match order.kind {
            // The book moved between request and arrival: it would take now, so it goes without a fill.
            Kind::LimitMaker { price, .. } => {
                if quote.is_crossed_by(order.side, price) || self.meets_own(index, price) {
                    self.end(index, Status::Expired);
                }
            }
            Kind::Limit { price, quantity, time_in_force } => {
                let wholly = self.on_offer(&order, price, quote, print) >= quantity;
                if time_in_force == TimeInForce::Fok && !wholly {
                    return self.end(index, Status::Expired);
                }
                self.walk(index, quote, print);
                self.expire_own(index, price);
                let rest = match time_in_force {
                    TimeInForce::Gtc => Status::PartiallyFilled,
                    TimeInForce::Ioc | TimeInForce::Fok => Status::Expired,
                };
                self.settle(index, rest);
            }
            Kind::Market { .. } => {
                let walk = self.walk(index, quote, print);
                self.expire_own(index, walk.reached);
                self.settle(index, Status::Expired);
            }
            Kind::MarketByQuote { .. } => {
                let walk = self.walk(index, quote, print);
                self.expire_own(index, walk.reached);
                let filled = walk.satisfied && self.orders.get(index).is_some_and(|w| !w.order.executed.is_zero());
                self.end(index, if filled { Status::Filled } else { Status::Expired });
            }
        }
    }

    /// Takes from level to level until the order is done, its lock is spent, or the book ends.
    fn walk(&mut self, index: usize, quote: Quote, print: &Print) -> Walk {
        let mut walk = Walk { reached: print.price, satisfied: false };
        let Some(working) = self.orders.get_mut(index) else { return walk };
        let side = working.order.side;
        walk.reached = quote.taken_by(side);
        for level in quote::levels(quote, side, self.profile, self.symbol.rules.tick) {
            if working.order.kind.limit().is_some_and(|limit| !reaches(side, limit, level)) {
                break;
            }
            let wanted = wanted_at(&working.order, level).floor_to_lot(self.symbol.rules.lot);
            if wanted.is_zero() {
                walk.satisfied = true;
                break;
            }
            let quantity = wanted.min(self.liquidity.of_level(print.index, side, level));
            walk.reached = level;
            if !quantity.is_zero() {
                self.liquidity.use_level(print.index, side, level, quantity);
                trade(working, self.profile, self.candle, print, Trade { price: level, quantity, maker: false });
            }
        }
        walk.satisfied |= wanted_at(&working.order, walk.reached).floor_to_lot(self.symbol.rules.lot).is_zero();
        walk
    }

    /// What the book offers the order within its limit, on all levels together.
    fn on_offer(&self, order: &Order, limit: Price, quote: Quote, print: &Print) -> Quantity {
        quote::levels(quote, order.side, self.profile, self.symbol.rules.tick)
            .take_while(|level| reaches(order.side, limit, *level))
            .fold(Quantity::ZERO, |sum, level| sum + self.liquidity.of_level(print.index, order.side, level))
            .min(self.liquidity.of_all())
    }

    /// Expires the account's own resting orders that this one would have traded with (EXPIRE_MAKER).
    fn expire_own(&mut self, index: usize, reached: Price) {
        for other in self.own_within(index, reached) {
            self.end(other, Status::ExpiredInMatch);
        }
    }
    fn meets_own(&self, index: usize, price: Price) -> bool {
        !self.own_within(index, price).is_empty()
    }
    fn own_within(&self, index: usize, reached: Price) -> Vec<usize> {
        let Some(side) = self.orders.get(index).map(|working| working.order.side) else { return Vec::new() };
        let opposes = |working: &Working| {
            working.order.side != side
                && working.order.status.is_open()
                && working.rests_from.is_some()
                && working.order.kind.limit().is_some_and(|limit| reaches(side, reached, limit))
        };
        self.orders.iter().enumerate().filter(|(_, working)| opposes(working)).map(|(other, _)| other).collect()
    }

    fn end(&mut self, index: usize, status: Status) {
        if let Some(working) = self.orders.get_mut(index) {
            working.end(status);
        }
    }
    fn settle(&mut self, index: usize, rest: Status) {
        if let Some(working) = self.orders.get_mut(index) {
            settle(working, rest);
        }
    }
    fn into_changes(self) -> Changes {
        let open_time = self.candle.open_time;
        let changed = self.orders.into_iter().filter(|working| working.changed).map(|mut working| {
            working.order.changed_in = Some(open_time);
            OrderChange { order: working.order, fills: working.fills, delta: working.delta }
        });
        Changes::new(changed.collect())
    }
}

/// What the order would take at this level if the level had it: what remains, and what its lock still pays for.
fn wanted_at(order: &Order, level: Price) -> Quantity {
    let payable = |units: Decimal| {
        strategy::money::Amount::admit(units).map_or(Quantity::ZERO, |amount| level.quantity_for(amount))
    };
    let held = || Quantity::admit(order.locked).unwrap_or(Quantity::ZERO);
    match (order.kind, order.side) {
        (Kind::MarketByQuote { .. }, Side::Buy) => payable(order.locked),
        (Kind::MarketByQuote { amount }, Side::Sell) => level.quantity_for(amount - order.value).min(held()),
        (Kind::Market { .. }, Side::Buy) => order.remaining().min(payable(order.locked)),
        (Kind::Limit { .. } | Kind::LimitMaker { .. } | Kind::Market { .. }, _) => order.remaining(),
    }
}

/// How far an order walked through the levels.
struct Walk {
    /// The last price it wanted to take at.
    reached: Price,
    /// Whether it stopped because it wanted no more.
    satisfied: bool,
}

struct Trade {
    price: Price,
    quantity: Quantity,
    maker: bool,
}

/// Books one fill: pays from the lock, receives less the fee, and releases what a better price left over.
fn trade(working: &mut Working, profile: &Profile, candle: &Candle, print: &Print, trade: Trade) {
    let Trade { price, quantity, maker } = trade;
    let rate = if maker { profile.maker } else { profile.taker };
    let value = price * quantity;
    let order = &mut working.order;
    let (base, quote) = (order.pair.base().to_owned(), order.pair.quote().to_owned());
    let (received, received_asset) = match order.side {
        Side::Buy => (quantity.decimal(), base.clone()),
        Side::Sell => (value.decimal(), quote.clone()),
    };
    let fee = fee_on(received, rate);
    let (paid, left_over) = match (order.side, order.kind.limit()) {
        (Side::Buy, Some(limit)) => (value.decimal(), (limit * quantity).decimal() - value.decimal()),
        (Side::Buy, None) => (value.decimal(), Decimal::ZERO),
        (Side::Sell, _) => (quantity.decimal(), Decimal::ZERO),
    };
    let locked_asset = if order.side == Side::Buy { quote } else { base };
    order.locked -= paid + left_over;
    order.executed = order.executed + quantity;
    order.value = order.value + value;
    order.last_fill_at = Some(print.at);
    working.delta.add_locked(&locked_asset, -(paid + left_over));
    working.delta.add_free(&locked_asset, left_over);
    working.delta.add_free(&received_asset, received - fee);
    working.fills.push(Fill {
        trade_id: 0,
        order_id: order.id,
        pair: order.pair.clone(),
        side: order.side,
        price,
        quantity,
        value,
        fee,
        fee_asset: received_asset,
        maker,
        at: print.at,
        candle: candle.open_time,
        print: print.index,
    });
    working.changed = true;
}

/// The order's status after a trade: filled, still open, or ended with `rest`.
fn settle(working: &mut Working, rest: Status) {
    if working.order.remaining().is_zero() {
        working.end(Status::Filled);
    } else if rest.is_open() {
        working.order.status = if working.order.executed.is_zero() { Status::New } else { Status::PartiallyFilled };
    } else {
        working.end(rest);
    }
}
