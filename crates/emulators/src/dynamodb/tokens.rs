//! The client tokens of transactions: AWS's ten minutes of idempotency, by the local wall clock, across restarts.
//!
//! The engine forgets its tokens at a restart and times them by the machine, so it never sees one. Ours is written by
//! a trigger on the data tables, inside the very SQLite transaction that has the effect: after a crash both are there
//! or neither is. Only a transaction that changes nothing (conditions alone, deletes of absent items) has its token
//! written afterwards; losing that one loses nothing. Never remembers a token of a failed transaction.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use sha2::{Digest, Sha256};

use dynoxide::storage::Storage;

use super::{Engine, dispatch};
use crate::answer::Answer;

/// AWS documents ten minutes after the request finished.
const REMEMBERED_MS: i64 = 10 * 60 * 1000;

/// AWS documents 1 to 36 characters.
const TOKEN_CHARS_MAX: usize = 36;

pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS _local_tokens
           (token TEXT PRIMARY KEY, digest BLOB NOT NULL, at_ms INTEGER NOT NULL);
         CREATE INDEX IF NOT EXISTS _local_tokens_age ON _local_tokens(at_ms);
         CREATE TEMP TABLE armed_token (token TEXT, digest BLOB, at_ms INTEGER);",
    )?;
    watch_tables(connection)
}

/// Puts the trigger on every data table. The triggers are temporary, so an engine without us never meets them.
pub(super) fn watch_tables(connection: &Connection) -> rusqlite::Result<()> {
    let mut names = connection.prepare("SELECT table_name FROM _tables")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in names {
        let quoted = name.replace('"', "\"\"");
        for (event, short) in [("INSERT", "i"), ("UPDATE", "u"), ("DELETE", "d")] {
            connection.execute_batch(&format!(
                "CREATE TEMP TRIGGER IF NOT EXISTS \"token_{short}_{quoted}\" AFTER {event} ON main.\"{quoted}\"
                 WHEN EXISTS (SELECT 1 FROM armed_token)
                 BEGIN
                   INSERT OR REPLACE INTO _local_tokens SELECT token, digest, at_ms FROM armed_token;
                   DELETE FROM armed_token;
                 END"
            ))?;
        }
    }
    Ok(())
}

/// Runs a transaction once per token.
pub(super) fn transact(engine: &Engine, mut request: Value, now_ms: i64) -> Result<Answer, Answer> {
    let token = request.as_object_mut().and_then(|request| request.remove("ClientRequestToken"));
    let text = request.to_string();
    let token = match token {
        None | Some(Value::Null) => return dispatch::run(engine, "TransactWriteItems", &text),
        Some(Value::String(token)) => token,
        Some(_) => return Err(Answer::refused(400, "SerializationException", "ClientRequestToken is not a string")),
    };
    check_length(&token)?;
    let connection = engine.storage.conn();
    let digest = digest(request.get("TransactItems").unwrap_or(&Value::Null));
    if let Some(known) = remembered(connection, &token, now_ms)? {
        return if known == digest {
            Ok(Answer::ok(&serde_json::json!({})))
        } else {
            Err(Answer::refused(
                400,
                "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
                "Request parameters do not match those of the earlier request with the same client token",
            ))
        };
    }
    let armed = params![token, digest, now_ms];
    connection.execute("INSERT INTO armed_token VALUES (?1, ?2, ?3)", armed)?;
    let answer = dispatch::run(engine, "TransactWriteItems", &text);
    // Whatever happened: the next plain write must not find it. A rollback put it back, a commit took it out.
    let unspent = connection.execute("DELETE FROM armed_token", [])?;
    if answer.is_ok() && unspent > 0 {
        connection.execute("INSERT OR REPLACE INTO _local_tokens VALUES (?1, ?2, ?3)", armed)?;
    }
    answer
}

/// Forgets the tokens whose time is over.
pub(super) fn forget_old(storage: &Storage, now_ms: i64) -> Result<(), Answer> {
    storage.conn().execute("DELETE FROM _local_tokens WHERE at_ms <= ?1", [now_ms - REMEMBERED_MS])?;
    Ok(())
}

fn remembered(connection: &Connection, token: &str, now_ms: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT digest FROM _local_tokens WHERE token = ?1 AND at_ms > ?2")?
        .query_row(params![token, now_ms - REMEMBERED_MS], |row| row.get(0))
        .optional()
}

fn check_length(token: &str) -> Result<(), Answer> {
    let bound = match token.chars().count() {
        0 => "greater than or equal to 1".to_owned(),
        1..=TOKEN_CHARS_MAX => return Ok(()),
        _ => format!("less than or equal to {TOKEN_CHARS_MAX}"),
    };
    let text = format!(
        "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: \
         Member must have length {bound}"
    );
    Err(Answer::refused(400, "com.amazon.coral.validate#ValidationException", &text))
}

/// A digest that does not depend on the order of members, because an SDK writes them in any.
fn digest(value: &Value) -> Vec<u8> {
    let mut hash = Sha256::new();
    feed(&mut hash, value);
    hash.finalize().to_vec()
}

fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            members.sort_by_key(|(name, _)| *name);
            hash.update(format!("{{{}:", members.len()));
            for (name, value) in members {
                hash.update(format!("{}:{name}", name.len()));
                feed(hash, value);
            }
        }
        Value::Array(items) => {
            hash.update(format!("[{}:", items.len()));
            items.iter().for_each(|item| feed(hash, item));
        }
        Value::String(text) => hash.update(format!("s{}:{text}", text.len())),
        Value::Null | Value::Bool(_) | Value::Number(_) => hash.update(format!("v{value};")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_digest_ignores_member_order_and_sees_everything_else() {
        let first: Value = serde_json::from_str(r#"[{"a":{"S":"1"},"b":{"N":"2"}}]"#).unwrap();
        let second: Value = serde_json::from_str(r#"[{"b":{"N":"2"},"a":{"S":"1"}}]"#).unwrap();
        assert_eq!(digest(&first), digest(&second));
        for other in
            [json!([{"a":{"S":"1"}}]), json!([{"a":{"S":"2"},"b":{"N":"1"}}]), json!(["ab"]), json!(["a", "b"])]
        {
            assert_ne!(digest(&first), digest(&other));
        }
        assert_ne!(digest(&json!(["ab", "c"])), digest(&json!(["a", "bc"])));
    }

    #[test]
    fn the_token_is_written_by_the_very_transaction_that_has_the_effect() {
        let storage = Storage::memory().unwrap();
        prepare(storage.conn()).unwrap();
        let engine = Engine { storage, lifecycle: Default::default(), lags: Vec::new() };
        let key = json!([{ "AttributeName": "pk", "KeyType": "HASH" }]);
        let definitions = json!([{ "AttributeName": "pk", "AttributeType": "S" }]);
        let table = json!({
            "TableName": "items", "KeySchema": key, "AttributeDefinitions": definitions, "BillingMode": "PAY_PER_REQUEST",
        });
        dispatch::run(&engine, "CreateTable", &table.to_string()).unwrap();
        let key = json!({ "pk": { "S": "a" } });
        let update = json!({ "TableName": "items", "Key": key, "UpdateExpression": "REMOVE x" });
        for (token, action) in [
            ("put", json!({ "Put": { "TableName": "items", "Item": key } })),
            ("update", json!({ "Update": update })),
            ("delete", json!({ "Delete": { "TableName": "items", "Key": key } })),
        ] {
            let armed = params![token, vec![1_u8], 5];
            engine.storage.conn().execute("INSERT INTO armed_token VALUES (?1, ?2, ?3)", armed).unwrap();
            // As if the process ended right after the engine's commit: nothing of ours runs any more.
            let request = json!({ "TransactItems": [action] });
            dispatch::run(&engine, "TransactWriteItems", &request.to_string()).unwrap();
            assert_eq!(remembered(engine.storage.conn(), token, 6).unwrap(), Some(vec![1]), "{token}");
        }
    }
}
