//! Funds: how much of a connection's quote is set aside for open deals, so that two bots never count the same money.
//!
//! The item is described in [`super::bot`]. Never says what is on the account: that is the connection's recorded equity.

use std::collections::BTreeMap;

use account::{ConnectionId, UserId};
use strategy::id::DealId;
use strategy::money::Amount;

use crate::attribute::{Row, json, n};
use crate::entity::bot::funds_key;
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// Quote set aside on a connection, by deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    user: UserId,
    connection: ConnectionId,
    reserved: BTreeMap<String, Amount>,
    /// 0: nothing was ever set aside.
    version: u64,
}

impl Funds {
    /// Everything that is set aside, in quote.
    pub fn total(&self) -> Amount {
        self.reserved.values().fold(Amount::ZERO, |sum, amount| sum + *amount)
    }
    /// Sets an amount aside for a deal.
    #[must_use]
    pub fn with(mut self, deal: DealId, amount: Amount) -> Self {
        self.reserved.insert(deal.to_string(), amount);
        self
    }
    /// Gives back what was set aside for a deal.
    #[must_use]
    pub fn without(mut self, deal: DealId) -> Self {
        self.reserved.remove(&deal.to_string());
        self
    }
    /// The write that stores it; a change since it was read refuses it, so that a race between two bots has one winner.
    pub fn write(&self) -> Result<Write, StoreError> {
        let key = funds_key(self.user, self.connection);
        let row = Row::keyed(&key).with("reserved", json(&self.reserved)?).with("version", n(self.version + 1));
        let write = Write::put(Table::Trading, key, row);
        Ok(if self.version == 0 {
            write.when("attribute_not_exists(pk)")
        } else {
            write.when("#version = :read").value(":read", n(self.version))
        })
    }
}

impl Store {
    /// What is set aside on a connection, read consistently.
    pub async fn find_funds(&self, user: UserId, connection: ConnectionId) -> Result<Funds, StoreError> {
        Ok(match self.read(Table::Trading, &funds_key(user, connection)).await? {
            None => Funds { user, connection, reserved: BTreeMap::new(), version: 0 },
            Some(row) => Funds { user, connection, reserved: row.json("reserved")?, version: row.number("version")? },
        })
    }
}
