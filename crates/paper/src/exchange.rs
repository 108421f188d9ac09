//! The whole exchange in memory: accounts, orders, fills and symbols. For backtests and tests; stores have their own.

use std::collections::BTreeMap;

use strategy::market::{Candle, Pair};

use crate::account::{Account, Overdrawn};
use crate::apply::apply_candle;
use crate::cancel::{CancelRefused, cancel};
use crate::fill::Fill;
use crate::order::{NewOrder, Order};
use crate::path::NotACandle;
use crate::place::{PlaceRefused, place};
use crate::profile::Profile;
use crate::symbol::Symbol;

/// Why a candle was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyRefused {
    /// The symbol is not listed.
    #[error("the symbol is not listed")]
    UnknownSymbol,
    /// The candle contradicts itself.
    #[error(transparent)]
    NotACandle(#[from] NotACandle),
    /// Balances and orders do not belong together.
    #[error(transparent)]
    Overdrawn(#[from] Overdrawn),
}

/// One account's exchange.
#[derive(Debug, Clone)]
pub struct Exchange {
    profile: Profile,
    account: Account,
    symbols: BTreeMap<Pair, Symbol>,
    orders: BTreeMap<u64, Order>,
    fills: Vec<Fill>,
}

impl Exchange {
    /// Opens it for one account; accounts do not influence each other.
    pub fn open(profile: Profile, account: Account) -> Self {
        Self { profile, account, symbols: BTreeMap::new(), orders: BTreeMap::new(), fills: Vec::new() }
    }
    /// Lists a symbol, or replaces its rules and status.
    pub fn list(&mut self, symbol: Symbol) {
        self.symbols.insert(symbol.pair.clone(), symbol);
    }
    /// Takes an order; see [`place`].
    pub fn place(&mut self, pair: &Pair, new: NewOrder) -> Result<&Order, PlaceRefused> {
        let symbol = self.symbols.get(pair).ok_or(PlaceRefused::Closed)?;
        let placed = place(symbol, &self.profile, &self.account, &self.open_orders(pair), new)?;
        self.account = placed.account;
        Ok(self.orders.entry(placed.order.id).or_insert(placed.order))
    }
    /// Cancels an order; see [`cancel`].
    pub fn cancel(&mut self, order_id: u64) -> Result<(), CancelRefused> {
        let order = self.orders.get(&order_id).ok_or(CancelRefused::NotOpen)?;
        let cancelled = cancel(&self.account, order)?;
        self.account = cancelled.account;
        self.orders.insert(order_id, cancelled.order);
        Ok(())
    }
    /// Applies a candle to a symbol; a repeated or older one does nothing. True when it was applied.
    pub fn apply_candle(&mut self, pair: &Pair, candle: Candle) -> Result<bool, ApplyRefused> {
        let symbol = self.symbols.get(pair).ok_or(ApplyRefused::UnknownSymbol)?.clone();
        if !symbol.is_due(&candle) {
            return Ok(false);
        }
        let changes = apply_candle(&symbol, &self.profile, &candle, &self.open_orders(pair), &[])?;
        for piece in changes.pieces(&self.account.clone(), usize::MAX)? {
            self.account = piece.account;
            for change in piece.changes {
                self.orders.insert(change.order.id, change.order);
                self.fills.extend(change.fills);
            }
        }
        self.symbols.insert(pair.clone(), symbol.advanced(candle));
        Ok(true)
    }
    /// The account.
    pub const fn account(&self) -> &Account {
        &self.account
    }
    /// Every order ever placed, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }
    /// An order by its number.
    pub fn order(&self, order_id: u64) -> Option<&Order> {
        self.orders.get(&order_id)
    }
    /// Every fill, in the order of recording.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }
    /// A listed symbol.
    pub fn symbol(&self, pair: &Pair) -> Option<&Symbol> {
        self.symbols.get(pair)
    }

    fn open_orders(&self, pair: &Pair) -> Vec<Order> {
        self.orders.values().filter(|order| order.pair == *pair && order.status.is_open()).cloned().collect()
    }
}
