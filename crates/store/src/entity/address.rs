//! Where an account's notices go, for the functions that may not read credentials.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `USER#<user>` | `ADDRESS` | `email` S: the verified or last given address; written with the credentials |
//!
//! Never used to find a user: whose address it is says `EMAIL#` alone.

use account::{EmailAddress, UserId};

use crate::attribute::{Row, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Where it is.
pub fn key(user: UserId) -> Key {
    Key::new(format!("USER#{user}"), "ADDRESS")
}

/// The write of an address; part of the transaction that gives or changes it.
pub fn put(user: UserId, email: &EmailAddress) -> Write {
    Write::put(Table::Identity, key(user), Row::keyed(&key(user)).with("email", s(email)))
}

impl Store {
    /// The address of an account, read consistently. Every account has one.
    pub async fn find_address(&self, user: UserId) -> Result<EmailAddress, StoreError> {
        let row = self
            .read(Table::Identity, &key(user))
            .await?
            .ok_or_else(|| StoreError::Corrupt { what: "an account without address".into() })?;
        row.parse("email")
    }
}
