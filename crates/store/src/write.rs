//! Conditional writes, alone and in transactions.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use crate::attribute::Row;
use crate::{Key, Store, StoreError, Table};

enum Kind {
    Put(Row),
    Update(Cow<'static, str>),
    Delete,
    Check,
}

/// One write with its condition. In expressions every attribute is written `#name`, so that reserved words need no
/// thought; values are written `:name`.
pub struct Write {
    table: Table,
    key: Key,
    kind: Kind,
    condition: Option<Cow<'static, str>>,
    values: HashMap<String, AttributeValue>,
}

impl std::fmt::Debug for Write {
    /// Where it writes, never what: values are hashes, wrapped keys and mails with links (KX-5, LG-6).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Write({:?} {} {})", self.table, self.key.pk, self.key.sk)
    }
}

impl Write {
    /// Puts a whole item.
    pub fn put(table: Table, key: Key, row: Row) -> Self {
        Self::of(table, key, Kind::Put(row))
    }
    /// Updates by an expression such as `SET #state = :state`.
    pub fn update(table: Table, key: Key, expression: impl Into<Cow<'static, str>>) -> Self {
        Self::of(table, key, Kind::Update(expression.into()))
    }
    /// Deletes an item.
    pub fn delete(table: Table, key: Key) -> Self {
        Self::of(table, key, Kind::Delete)
    }
    /// Checks a condition and writes nothing.
    pub fn check(table: Table, key: Key) -> Self {
        Self::of(table, key, Kind::Check)
    }
    fn of(table: Table, key: Key, kind: Kind) -> Self {
        Self { table, key, kind, condition: None, values: HashMap::new() }
    }
    /// Demands a condition.
    #[must_use]
    pub fn when(mut self, condition: impl Into<Cow<'static, str>>) -> Self {
        self.condition = Some(condition.into());
        self
    }
    /// Gives a value its `:name`.
    #[must_use]
    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// The whole item, when this is a put.
    pub fn row(&self) -> Option<&Row> {
        match &self.kind {
            Kind::Put(row) => Some(row),
            Kind::Update(_) | Kind::Delete | Kind::Check => None,
        }
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        let update = if let Kind::Update(expression) = &self.kind { expression.as_ref() } else { "" };
        let names: HashMap<_, _> =
            [update, self.condition.as_deref().unwrap_or("")].iter().flat_map(|text| aliases(text)).collect();
        (!names.is_empty()).then_some(names)
    }
    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn in_transaction(&self, store: &Store) -> Result<TransactWriteItem, StoreError> {
        let table = store.table(self.table);
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let condition = self.condition.as_deref().map(str::to_owned);
        let item = TransactWriteItem::builder();
        let built = match &self.kind {
            Kind::Put(row) => Put::builder()
                .table_name(table)
                .set_item(Some(row.0.clone()))
                .set_condition_expression(condition)
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(old)
                .build()
                .map(|w| item.put(w)),
            Kind::Update(expression) => Update::builder()
                .table_name(table)
                .set_key(Some(self.key.attributes()))
                .update_expression(expression.as_ref())
                .set_condition_expression(condition)
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(old)
                .build()
                .map(|w| item.update(w)),
            Kind::Delete => Delete::builder()
                .table_name(table)
                .set_key(Some(self.key.attributes()))
                .set_condition_expression(condition)
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(old)
                .build()
                .map(|w| item.delete(w)),
            Kind::Check => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(self.key.attributes()))
                .set_condition_expression(condition)
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(old)
                .build()
                .map(|w| item.condition_check(w)),
        };
        built.map(|b| b.build()).map_err(|e| StoreError::Corrupt { what: format!("a write lacks a part: {e}") })
    }
}

/// Every `#name` of an expression, with the attribute it stands for.
fn aliases(expression: &str) -> Vec<(String, String)> {
    expression
        .split('#')
        .skip(1)
        .map(|rest| {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            (format!("#{name}"), name)
        })
        .collect()
}

/// Why one write of a transaction did not happen; `Fine` for those that would have.
#[derive(Debug, Clone)]
pub enum Reason {
    Fine,
    ConditionFailed(Option<Row>),
    Conflict,
    Throttled,
    Other(String),
}

/// A cancelled transaction: one reason per write, in write order.
#[derive(Debug, Clone)]
pub struct Cancelled(pub Vec<Reason>);

impl Cancelled {
    /// The first write whose condition failed, with the item found there.
    pub fn first_failed_condition(&self) -> Option<(usize, Option<&Row>)> {
        self.0.iter().enumerate().find_map(|(i, r)| match r {
            Reason::ConditionFailed(row) => Some((i, row.as_ref())),
            _ => None,
        })
    }
    /// Whether the write at `index` failed on its condition.
    pub fn failed_at(&self, index: usize) -> bool {
        matches!(self.0.get(index), Some(Reason::ConditionFailed(_)))
    }
    /// Whether only contention stopped it, so that the same transaction may be tried again.
    pub fn only_contention(&self) -> bool {
        self.0.iter().all(|r| matches!(r, Reason::Fine | Reason::Conflict | Reason::Throttled))
            && self.0.iter().any(|r| !matches!(r, Reason::Fine))
    }
}

/// How a transaction failed.
#[derive(Debug)]
pub enum TransactFailed {
    Cancelled(Cancelled),
    Store(StoreError),
}

impl Store {
    /// Runs a transaction of at most 100 writes. `token` (at most 36 characters) makes a repeated call harmless for ten minutes.
    pub async fn transact(&self, token: &str, writes: &[Write]) -> Result<(), TransactFailed> {
        let items = writes
            .iter()
            .map(|w| w.in_transaction(self))
            .collect::<Result<Vec<_>, _>>()
            .map_err(TransactFailed::Store)?;
        let sent = self
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(service)) => match service.err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => Err(TransactFailed::Cancelled(
                    Cancelled(cancelled.cancellation_reasons().iter().map(reason).collect()),
                )),
                TransactWriteItemsError::TransactionInProgressException(_) => {
                    Err(TransactFailed::Cancelled(Cancelled(vec![Reason::Conflict])))
                }
                _ => Err(TransactFailed::Store(StoreError::of("TransactWriteItems", &SdkError::ServiceError(service)))),
            },
            Err(other) => Err(TransactFailed::Store(StoreError::of("TransactWriteItems", &other))),
        }
    }

    /// Runs one conditional write. `Ok(Err(row))` tells that the condition failed, with the item found.
    pub async fn write_one(&self, write: Write) -> Result<Result<(), Option<Row>>, StoreError> {
        let table = self.table(write.table).to_owned();
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let condition = write.condition.as_deref().map(str::to_owned);
        let (names, values) = (write.names(), write.values());
        macro_rules! settle {
            ($operation:literal, $call:expr, $module:ident, $error:ident) => {
                match $call.send().await {
                    Ok(_) => Ok(Ok(())),
                    Err(error) => match error.as_service_error() {
                        Some(aws_sdk_dynamodb::operation::$module::$error::ConditionalCheckFailedException(failed)) => {
                            Ok(Err(failed.item().map(|item| Row(item.clone()))))
                        }
                        _ => Err(StoreError::of($operation, &error)),
                    },
                }
            };
        }
        match write.kind {
            Kind::Put(row) => settle!(
                "PutItem",
                self.dynamodb
                    .put_item()
                    .table_name(table)
                    .set_item(Some(row.0))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(old),
                put_item,
                PutItemError
            ),
            Kind::Update(expression) => settle!(
                "UpdateItem",
                self.dynamodb
                    .update_item()
                    .table_name(table)
                    .set_key(Some(write.key.attributes()))
                    .update_expression(expression)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(old),
                update_item,
                UpdateItemError
            ),
            Kind::Delete => settle!(
                "DeleteItem",
                self.dynamodb
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(write.key.attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(old),
                delete_item,
                DeleteItemError
            ),
            Kind::Check => {
                Err(StoreError::Corrupt { what: "a check alone writes nothing: read the item instead".into() })
            }
        }
    }
}

fn reason(reason: &CancellationReason) -> Reason {
    match reason.code() {
        None | Some("None") => Reason::Fine,
        Some("ConditionalCheckFailed") => Reason::ConditionFailed(reason.item().map(|item| Row(item.clone()))),
        Some("TransactionConflict") => Reason::Conflict,
        Some("ThrottlingError" | "ProvisionedThroughputExceeded") => Reason::Throttled,
        Some(other) => Reason::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::s;

    #[test]
    fn kx_5_a_write_prints_where_and_never_what() {
        let key = Key::new("USER#u".to_owned(), "CONN#c");
        let put = Write::put(Table::Vault, key.clone(), Row::keyed(&key).with("wrapped_dk", s("canary")));
        let update = Write::update(Table::Vault, key, "SET #hash = :hash").value(":hash", s("canary"));
        for write in [put, update] {
            assert_eq!(format!("{write:?}"), "Write(Vault USER#u CONN#c)");
        }
    }
}
