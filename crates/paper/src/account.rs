//! What an account holds: free and locked units per asset, and its own order and trade numbers.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Units of one asset. Neither part is ever negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// May be spent.
    pub free: Decimal,
    /// Held for open orders: the most they can still cost.
    pub locked: Decimal,
}

impl Balance {
    /// Free and locked together.
    pub fn total(self) -> Decimal {
        self.free + self.locked
    }
}

/// A change of one asset's balance; either part may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Move {
    /// Added to the free part.
    pub free: Decimal,
    /// Added to the locked part.
    pub locked: Decimal,
}

/// Changes per asset that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta(BTreeMap<String, Move>);

impl Delta {
    /// Adds to the free part of an asset.
    pub fn add_free(&mut self, asset: &str, units: Decimal) {
        self.0.entry(asset.to_owned()).or_default().free += units;
    }
    /// Adds to the locked part of an asset.
    pub fn add_locked(&mut self, asset: &str, units: Decimal) {
        self.0.entry(asset.to_owned()).or_default().locked += units;
    }
    /// The change of every touched asset.
    pub fn moves(&self) -> impl Iterator<Item = (&str, Move)> {
        self.0.iter().map(|(asset, m)| (asset.as_str(), *m))
    }
}

/// A balance would have become negative: the engine's own arithmetic is wrong, so nothing may be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the balance of {asset} would become negative")]
pub struct Overdrawn {
    /// Which asset.
    pub asset: String,
}

/// One account of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    balances: BTreeMap<String, Balance>,
    next_order_id: u64,
    next_trade_id: u64,
}

impl Account {
    /// Opens an account with free balances.
    pub fn open(balances: impl IntoIterator<Item = (String, Decimal)>) -> Result<Self, Overdrawn> {
        let mut account = Self { balances: BTreeMap::new(), next_order_id: 1, next_trade_id: 1 };
        let mut delta = Delta::default();
        for (asset, units) in balances {
            delta.add_free(&asset, units);
        }
        account.apply(&delta)?;
        Ok(account)
    }
    /// The balance of an asset; nothing for an asset never held.
    pub fn balance(&self, asset: &str) -> Balance {
        self.balances.get(asset).copied().unwrap_or_default()
    }
    /// Every asset ever held, in alphabetical order.
    pub fn balances(&self) -> impl Iterator<Item = (&str, Balance)> {
        self.balances.iter().map(|(a, b)| (a.as_str(), *b))
    }
    /// The number the next order gets; numbers rise by one per order of this account.
    pub const fn next_order_id(&self) -> u64 {
        self.next_order_id
    }
    /// The number the next trade gets; numbers rise by one per trade of this account, in the order of recording.
    pub const fn next_trade_id(&self) -> u64 {
        self.next_trade_id
    }

    pub(crate) fn take_order_id(&mut self) -> u64 {
        self.next_order_id += 1;
        self.next_order_id - 1
    }
    pub(crate) fn take_trade_id(&mut self) -> u64 {
        self.next_trade_id += 1;
        self.next_trade_id - 1
    }
    /// Moves balances, all or none.
    pub(crate) fn apply(&mut self, delta: &Delta) -> Result<(), Overdrawn> {
        let mut after = self.balances.clone();
        for (asset, change) in delta.moves() {
            let balance = after.entry(asset.to_owned()).or_default();
            balance.free = (balance.free + change.free).normalize();
            balance.locked = (balance.locked + change.locked).normalize();
            if balance.free < Decimal::ZERO || balance.locked < Decimal::ZERO {
                return Err(Overdrawn { asset: asset.to_owned() });
            }
        }
        self.balances = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_would_overdraw_one_asset_moves_none() {
        let mut account = Account::open([("USDT".to_owned(), Decimal::TEN)]).unwrap();
        let before = account.clone();
        let mut delta = Delta::default();
        delta.add_free("BTC", Decimal::ONE);
        delta.add_free("USDT", Decimal::from(-11));
        assert_eq!(account.apply(&delta), Err(Overdrawn { asset: "USDT".into() }));
        assert_eq!(account, before);
    }

    #[test]
    fn a_negative_opening_balance_is_refused() {
        assert!(Account::open([("USDT".to_owned(), Decimal::NEGATIVE_ONE)]).is_err());
    }
}
