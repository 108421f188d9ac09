//! Reads and writes the tables: one file per entity, one file per transaction.
//!
//! Every authorising read is a consistent read of a base table. Never sees an exchange key, never calls an exchange.
//! There is no second implementation: the local stack evaluates the same expression strings.

pub mod attribute;
pub mod entity;
pub mod error;
pub mod read;
pub mod table;
pub mod transaction;
pub mod write;

use std::fmt;

pub use error::StoreError;
pub use table::{Key, Table, Tables};
pub use write::{Cancelled, Reason, TransactFailed, Write};

/// The tables of one function, reached through its own role.
#[derive(Clone)]
pub struct Store {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) tables: Tables,
}

impl Store {
    /// Opens the tables that the function's environment names.
    pub fn of(host: &host::Host) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::new(&host.aws), tables: Tables::of(&host.environment) }
    }
    /// The name of a table, as granted.
    pub fn table(&self, table: Table) -> &str {
        self.tables.name(table)
    }
}
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store(..)")
    }
}
