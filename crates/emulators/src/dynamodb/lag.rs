//! Makes an index lag on demand: its reads answer as the table was a given time of local wall clock ago.
//!
//! A copy of the whole database is taken when the lag begins; later changes are held back and reach the copy once they
//! are old enough. Never touches what other reads and all writes see. Expiry by TTL does not reach the copy.

use std::collections::VecDeque;

use dynoxide::storage::Storage;
use serde_json::{Map, Value, json};

use super::{Engine, dispatch};
use crate::answer::Answer;

/// One lagging index.
pub(super) struct Lag {
    table: String,
    index: String,
    lag_ms: i64,
    copy: Engine,
    // Oldest first: when it happened, and the write that repeats it on the copy.
    held: VecDeque<(i64, &'static str, String)>,
}

/// Begins, changes or (with 0) ends the lag of an index. A change of the duration keeps what is held back.
pub(super) fn set(engine: &mut Engine, table: &str, index: &str, lag_ms: i64) -> Result<(), Answer> {
    let at = engine.lags.iter().position(|lag| lag.table == table && lag.index == index);
    match (at, lag_ms > 0) {
        (Some(at), true) => engine.lags[at].lag_ms = lag_ms,
        (Some(at), false) => drop(engine.lags.remove(at)),
        (None, false) => {}
        (None, true) => {
            let source = engine.storage.backup_to_memory().map_err(Answer::broken)?;
            let mut storage = Storage::memory().map_err(Answer::broken)?;
            storage.restore_from_connection(&source).map_err(Answer::broken)?;
            let copy = Engine { storage, lifecycle: Default::default(), lags: Vec::new() };
            let lag = Lag { table: table.to_owned(), index: index.to_owned(), lag_ms, copy, held: VecDeque::new() };
            engine.lags.push(lag);
        }
    }
    Ok(())
}

/// Answers a read of a lagging index from its copy; `None` for every other operation.
pub(super) fn read(
    engine: &mut Engine,
    operation: &str,
    request: &Value,
    text: &str,
    now_ms: i64,
) -> Result<Option<Answer>, Answer> {
    if !matches!(operation, "Query" | "Scan") {
        return Ok(None);
    }
    let (table, index) = (&request["TableName"], &request["IndexName"]);
    let lag = engine.lags.iter_mut().find(|lag| table == lag.table.as_str() && index == lag.index.as_str());
    let Some(lag) = lag else { return Ok(None) };
    while lag.held.front().is_some_and(|(at_ms, _, _)| at_ms + lag.lag_ms <= now_ms) {
        let Some((_, operation, text)) = lag.held.pop_front() else { break };
        dispatch::run(&lag.copy, operation, &text)?;
    }
    dispatch::run(&lag.copy, operation, text).map(Some)
}

/// Holds back what a successful write did to the tables of lagging indexes.
pub(super) fn record(engine: &mut Engine, operation: &str, request: &Value, now_ms: i64) -> Result<(), Answer> {
    if engine.lags.is_empty() {
        return Ok(());
    }
    for (table, attributes) in written(operation, request) {
        if !engine.lags.iter().any(|lag| lag.table == table) {
            continue;
        }
        let key = key_of(&engine.storage, table, attributes)?;
        let get = json!({ "TableName": table, "Key": key, "ConsistentRead": true }).to_string();
        let item = dispatch::run(engine, "GetItem", &get)?.json()["Item"].take();
        let change = if item.is_object() {
            ("PutItem", json!({ "TableName": table, "Item": item }).to_string())
        } else {
            ("DeleteItem", json!({ "TableName": table, "Key": key }).to_string())
        };
        for lag in engine.lags.iter_mut().filter(|lag| lag.table == table) {
            lag.held.push_back((now_ms, change.0, change.1.clone()));
        }
    }
    Ok(())
}

/// The (table, item or key) pairs that a write names.
fn written<'a>(operation: &str, request: &'a Value) -> Vec<(&'a str, &'a Value)> {
    let mut found = Vec::new();
    let mut add = |table: &'a Value, attributes: &'a Value| {
        if let Some(table) = table.as_str() {
            found.push((table, attributes));
        }
    };
    match operation {
        "PutItem" => add(&request["TableName"], &request["Item"]),
        "UpdateItem" | "DeleteItem" => add(&request["TableName"], &request["Key"]),
        "TransactWriteItems" => {
            for action in request["TransactItems"].as_array().into_iter().flatten() {
                add(&action["Put"]["TableName"], &action["Put"]["Item"]);
                add(&action["Update"]["TableName"], &action["Update"]["Key"]);
                add(&action["Delete"]["TableName"], &action["Delete"]["Key"]);
            }
        }
        "BatchWriteItem" => {
            for (table, requests) in request["RequestItems"].as_object().into_iter().flatten() {
                for request in requests.as_array().into_iter().flatten() {
                    let put = &request["PutRequest"]["Item"];
                    let attributes = if put.is_object() { put } else { &request["DeleteRequest"]["Key"] };
                    found.push((table.as_str(), attributes));
                }
            }
        }
        _ => {}
    }
    found
}

fn key_of(storage: &Storage, table: &str, attributes: &Value) -> Result<Value, Answer> {
    let metadata = storage.get_table_metadata(table).map_err(Answer::broken)?;
    let schema = metadata.map(|metadata| metadata.key_schema).unwrap_or_default();
    let schema: Value = serde_json::from_str(&schema).map_err(Answer::broken)?;
    let names = schema.as_array().into_iter().flatten().filter_map(|part| part["AttributeName"].as_str());
    let key: Map<String, Value> = names.map(|name| (name.to_owned(), attributes[name].clone())).collect();
    Ok(Value::Object(key))
}
