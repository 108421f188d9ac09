//! Consistent reads.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};

use crate::attribute::{Row, s};
use crate::{Key, Store, StoreError, Table};

impl Store {
    /// One item, read consistently (RF-29).
    pub async fn read(&self, table: Table, key: &Key) -> Result<Option<Row>, StoreError> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(self.table(table))
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| StoreError::of("GetItem", &e))?;
        Ok(answer.item.map(Row))
    }

    /// One item without some of its attributes: `projection` names those that are read (RF-29).
    pub async fn read_projected(
        &self,
        table: Table,
        key: &Key,
        attributes: &[&str],
    ) -> Result<Option<Row>, StoreError> {
        let names = attributes.iter().map(|a| (format!("#{a}"), (*a).to_owned())).collect::<HashMap<_, _>>();
        let projection = attributes.iter().map(|a| format!("#{a}")).collect::<Vec<_>>().join(", ");
        let answer = self
            .dynamodb
            .get_item()
            .table_name(self.table(table))
            .set_key(Some(key.attributes()))
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| StoreError::of("GetItem", &e))?;
        Ok(answer.item.map(Row))
    }

    /// All items of a partition whose sort key starts with `prefix`, in key order, read consistently.
    pub async fn read_partition(&self, table: Table, pk: &str, prefix: &str) -> Result<Vec<Row>, StoreError> {
        self.query(table, None, "pk = :pk AND begins_with(sk, :prefix)", [(":pk", s(pk)), (":prefix", s(prefix))], None)
            .await
    }

    /// Up to 100 items by key, read consistently; absent ones are left out; order is not kept.
    pub async fn read_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut left: Vec<_> = keys.iter().map(Key::attributes).collect();
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(100));
            let request = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .map_err(|_| StoreError::Corrupt { what: "BatchGetItem without keys".into() })?;
            let answer = self
                .dynamodb
                .batch_get_item()
                .request_items(self.table(table), request)
                .send()
                .await
                .map_err(|e| StoreError::of("BatchGetItem", &e))?;
            rows.extend(answer.responses.into_iter().flat_map(|mut r| r.remove(self.table(table))).flatten().map(Row));
            let unprocessed = answer
                .unprocessed_keys
                .unwrap_or_default()
                .remove(self.table(table))
                .map(|k| k.keys)
                .unwrap_or_default();
            left = rest;
            left.extend(unprocessed);
        }
        Ok(rows)
    }

    /// At most `limit` items of a partition in key order, those after `after`, read consistently; and whether there may be more.
    /// One call: a partition of any size is read in pieces.
    pub async fn read_page(
        &self,
        table: Table,
        pk: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Row>, bool), StoreError> {
        let answer = self
            .dynamodb
            .query()
            .table_name(self.table(table))
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(pk))
            .consistent_read(true)
            .set_limit(i32::try_from(limit).ok())
            .set_exclusive_start_key(after.map(|sk| Key::new(pk, sk).attributes()))
            .send()
            .await
            .map_err(|e| StoreError::of("Query", &e))?;
        let more = answer.last_evaluated_key.is_some();
        Ok((answer.items.unwrap_or_default().into_iter().map(Row).collect(), more))
    }

    /// The keys of at most `limit` items of a partition, or of an index, and nothing else of them. A partition is read
    /// consistently.
    pub async fn find_keys(
        &self,
        table: Table,
        index: Option<&str>,
        (name, value): (&str, &str),
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        let mut from = None;
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(self.table(table))
                .set_index_name(index.map(str::to_owned))
                .key_condition_expression("#partition = :partition")
                .expression_attribute_names("#partition", name)
                .expression_attribute_names("#pk", "pk")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":partition", s(value))
                .projection_expression("#pk, #sk")
                .select(Select::SpecificAttributes)
                .consistent_read(index.is_none())
                .set_limit(i32::try_from(limit.saturating_sub(keys.len())).ok())
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| StoreError::of("Query", &e))?;
            for row in answer.items.unwrap_or_default().into_iter().map(Row) {
                keys.push(Key::new(row.text("pk")?, row.text("sk")?));
            }
            from = answer.last_evaluated_key;
            if from.is_none() || keys.len() >= limit {
                return Ok(keys);
            }
        }
    }

    /// A query by key condition, all pages. An index finds candidates only; what is found is read again by its key.
    pub async fn query<const N: usize>(
        &self,
        table: Table,
        index: Option<&str>,
        condition: &str,
        values: [(&str, AttributeValue); N],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        let mut from = None;
        let values: HashMap<_, _> = values.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(self.table(table))
                .set_index_name(index.map(str::to_owned))
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                // An index cannot be read consistently; a base table always is.
                .consistent_read(index.is_none())
                .set_limit(limit.and_then(|l| i32::try_from(l.saturating_sub(rows.len())).ok()))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| StoreError::of("Query", &e))?;
            rows.extend(answer.items.unwrap_or_default().into_iter().map(Row));
            from = answer.last_evaluated_key;
            if from.is_none() || limit.is_some_and(|l| rows.len() >= l) {
                return Ok(rows);
            }
        }
    }
}
