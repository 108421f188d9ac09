//! Which tables there are and how their keys look.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::attribute::s;

/// One table per trust domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    Identity,
    Vault,
    Trading,
    Market,
    Outbox,
    Paper,
}

/// The deployed names of the tables that this function may touch.
#[derive(Debug, Clone)]
pub struct Tables(HashMap<Table, String>);

impl Tables {
    /// From `TABLE_IDENTITY` and its siblings. A table that is not named is not granted: its placeholder name is
    /// refused by every role, so a forgotten grant fails loudly at its first use.
    pub fn of(environment: &host::Environment) -> Self {
        let all = [
            (Table::Identity, "TABLE_IDENTITY"),
            (Table::Vault, "TABLE_VAULT"),
            (Table::Trading, "TABLE_TRADING"),
            (Table::Market, "TABLE_MARKET"),
            (Table::Outbox, "TABLE_OUTBOX"),
            (Table::Paper, "TABLE_PAPER"),
        ];
        Self(all.into_iter().filter_map(|(table, variable)| Some((table, environment.optional(variable)?))).collect())
    }
    /// The deployed name.
    pub fn name(&self, table: Table) -> &str {
        self.0.get(&table).map_or("table-not-granted", String::as_str)
    }
}

/// The primary key of an item; both parts are strings in every table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    /// From both parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([("pk".to_owned(), s(&self.pk)), ("sk".to_owned(), s(&self.sk))])
    }
}
