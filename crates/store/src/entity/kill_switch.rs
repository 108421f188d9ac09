//! The kill switch of an account: while it is on, no entry is authorised (ST-5).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `USER#<user>` | `KILL` | `on` BOOL; `changed_at` N (wall ms) |
//!
//! Absent is off. Outlives resets, and belongs to no epoch: only its owner, with all factors, turns it off.

use account::UserId;

use crate::attribute::Row;
use crate::{Key, Store, StoreError, Table};

/// Where it is.
pub fn key(user: UserId) -> Key {
    Key::new(format!("USER#{user}"), "KILL")
}
/// Whether this item is a switch that is on.
pub fn is_on(row: &Row) -> bool {
    row.text_if("sk") == Some("KILL") && row.is("on")
}

impl Store {
    /// Whether it is on, read consistently.
    pub async fn is_trading_stopped(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.read(Table::Trading, &key(user)).await?.is_some_and(|row| is_on(&row)))
    }
}
