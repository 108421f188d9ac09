//! What one candle did to one account: a list that can be stored piece by piece, each piece a whole.

use strategy::order::Side;

use crate::account::{Account, Delta, Overdrawn};
use crate::fill::Fill;
use crate::order::{Kind, Order, Status};

/// One changed order with everything that changed along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The order afterwards.
    pub order: Order,
    /// Its new fills, oldest first; numbered when they are committed.
    pub fills: Vec<Fill>,
    /// What it moved in the account.
    pub delta: Delta,
}

/// What one candle did to one account, in the order in which it must be stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(Vec<OrderChange>);

/// A part of the changes, and the account as it is once they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub account: Account,
    pub changes: Vec<OrderChange>,
}

impl Changes {
    /// Puts them into the order of storing. What depends on another order being there comes before that order is gone:
    /// first the maker orders that met an own order, then the orders that an own one expired, then the rest. Were one of
    /// them left behind by a crash after its counterpart is stored, a repetition would decide differently.
    pub(crate) fn new(mut changes: Vec<OrderChange>) -> Self {
        changes.sort_by_key(|change| {
            let rank = match (change.order.kind, change.order.status) {
                (Kind::LimitMaker { .. }, Status::Expired) => 0,
                (_, Status::ExpiredInMatch) => 1,
                (_, Status::New | Status::PartiallyFilled | Status::Filled | Status::Canceled | Status::Expired) => 2,
            };
            (rank, change.order.id)
        });
        Self(changes)
    }
    /// Whether the candle did nothing to this account.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The changed orders.
    pub fn orders(&self) -> impl Iterator<Item = &OrderChange> {
        self.0.iter()
    }
    /// Cuts the changes into pieces of at most `orders_max` orders. Each piece with its account is consistent, so that
    /// a store with bounded transactions can write one after the other: money never half-moves, and applying the same
    /// candle again to what is stored gives exactly the pieces that are missing.
    pub fn pieces(self, account: &Account, orders_max: usize) -> Result<Vec<Piece>, Overdrawn> {
        let mut account = account.clone();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut piece: Vec<OrderChange> = Vec::new();
        for mut change in self.0 {
            for fill in &mut change.fills {
                fill.trade_id = account.take_trade_id();
            }
            account.apply(&change.delta)?;
            piece.push(change);
            if piece.len() >= orders_max.max(1) {
                pieces.push(Piece { account: account.clone(), changes: std::mem::take(&mut piece) });
            }
        }
        if !piece.is_empty() {
            pieces.push(Piece { account, changes: piece });
        }
        Ok(pieces)
    }
}

/// What must be known of an open order to tell whether a candle can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// Whether it has reached the book.
    pub arrived: bool,
    /// Buy or sell.
    pub side: Side,
    /// Its price; None for a market order.
    pub limit: Option<strategy::money::Price>,
}

impl Resting {
    /// Whether the candle can change the order by itself. If not for any order of an account, the candle does nothing
    /// to the account, and none of its orders need be read.
    pub fn is_touched_by(self, candle: &strategy::market::Candle) -> bool {
        match (self.arrived, self.limit, self.side) {
            (false, _, _) | (_, None, _) => true,
            (true, Some(limit), Side::Buy) => candle.low < limit,
            (true, Some(limit), Side::Sell) => candle.high > limit,
        }
    }
}
impl From<&Order> for Resting {
    fn from(order: &Order) -> Self {
        Self { arrived: order.arrived, side: order.side, limit: order.kind.limit() }
    }
}
