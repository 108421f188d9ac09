//! Accounts: balances under a version that every change raises.

use std::fmt;
use std::str::FromStr;

use paper::account::Account;
use store::attribute::{Row, json, n};
use store::{Key, Store, StoreError, Table, Write};
use ulid::Ulid;

/// Names an account of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Ulid);

impl AccountId {
    /// Names a new account; the caller brings the ULID.
    pub const fn new(ulid: Ulid) -> Self {
        Self(ulid)
    }
    /// A number for clients that want one (`uid`): the low 48 bits.
    pub fn uid(self) -> u64 {
        u64::try_from(self.0.0 & 0xFFFF_FFFF_FFFF).unwrap_or(0)
    }
    /// The partition of the account and all that belongs to it.
    pub fn partition(self) -> String {
        format!("ACCOUNT#{self}")
    }
}
impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for AccountId {
    type Err = ulid::DecodeError;
    fn from_str(text: &str) -> Result<Self, ulid::DecodeError> {
        Ulid::from_string(text).map(Self)
    }
}

/// An account as it was read.
#[derive(Debug, Clone)]
pub struct Versioned {
    /// The account.
    pub account: Account,
    version: u64,
}

fn key(id: AccountId) -> Key {
    Key::new(id.partition(), "ACCOUNT")
}

/// Reads an account.
pub async fn find(store: &Store, id: AccountId) -> Result<Versioned, StoreError> {
    let row = store
        .read(Table::Paper, &key(id))
        .await?
        .ok_or_else(|| StoreError::Corrupt { what: format!("a key names the account {id}, which does not exist") })?;
    Ok(Versioned { account: row.json("state")?, version: row.number("version")? })
}

/// The write of a new account.
pub fn put_new(id: AccountId, account: &Account) -> Result<Write, StoreError> {
    Ok(Write::put(Table::Paper, key(id), row(id, account, 1)?).when("attribute_not_exists(#pk)"))
}

/// The write of a changed account, on condition that it is still the one that was read.
pub fn put_changed(id: AccountId, read: &Versioned, account: &Account) -> Result<Write, StoreError> {
    let row = row(id, account, read.version + 1)?;
    Ok(Write::put(Table::Paper, key(id), row).when("#version = :read").value(":read", n(read.version)))
}

fn row(id: AccountId, account: &Account, version: u64) -> Result<Row, StoreError> {
    Ok(Row::keyed(&key(id)).with("state", json(account)?).with("version", n(version)))
}
