//! The rows of queues and their messages.
//!
//! Never waits and never wakes anyone; that is the caller's.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::{QueueDepth, QueueSpec, refused, url, whole};
use crate::answer::Answer;
use crate::seal::random_bytes;
use crate::shelf::Shelf;

/// AWS's limit for one message and for one batch.
pub(super) const BODY_BYTES_MAX: usize = 1_048_576;
const VISIBILITY_S_MAX: i64 = 43_200;
const DELAY_S_MAX: i64 = 900;

pub(super) struct Queue {
    pub(super) name: String,
    visibility_s: i64,
    delay_s: i64,
    retention_s: i64,
    redrive: Option<(String, i64)>,
    created_ms: i64,
}

pub(super) fn ensure(shelf: &Shelf, spec: &QueueSpec) -> Result<(), Answer> {
    let (dead_letters, receives_max) = spec.redrive.clone().unzip();
    shelf.connection().execute(
        "INSERT INTO queues VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name) DO UPDATE SET visibility_s = ?2, delay_s = ?3, retention_s = ?4, dead_letters = ?5,
           receives_max = ?6",
        params![
            spec.name,
            spec.visibility_s,
            spec.delay_s,
            spec.retention_s,
            dead_letters,
            receives_max,
            shelf.now_ms()
        ],
    )?;
    Ok(())
}

pub(super) fn find(shelf: &Shelf, name: &str) -> Result<Option<Queue>, Answer> {
    let connection = shelf.connection();
    let found = connection
        .prepare_cached("SELECT * FROM queues WHERE name = ?1")?
        .query_row([name], |row| {
            let dead_letters: Option<String> = row.get("dead_letters")?;
            let receives_max: Option<i64> = row.get("receives_max")?;
            Ok(Queue {
                name: row.get("name")?,
                visibility_s: row.get("visibility_s")?,
                delay_s: row.get("delay_s")?,
                retention_s: row.get("retention_s")?,
                redrive: dead_letters.zip(receives_max),
                created_ms: row.get("created_ms")?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn send(shelf: &Shelf, queue: &Queue, request: &Value) -> Result<Value, Answer> {
    let body = request["MessageBody"].as_str().unwrap_or_default();
    if body.is_empty() {
        return Err(refused("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if body.len() > BODY_BYTES_MAX {
        let text =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {BODY_BYTES_MAX} bytes.");
        return Err(refused("InvalidParameterValue", &text));
    }
    let legal = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r');
    if !body.chars().all(legal) {
        return Err(refused("InvalidMessageContents", "Invalid characters found."));
    }
    let delay_s = whole(request, "DelaySeconds", 0, DELAY_S_MAX)?.unwrap_or(queue.delay_s);
    let id = random_text()?;
    let attributes = match &request["MessageAttributes"] {
        Value::Object(attributes) => Value::Object(attributes.clone()),
        _ => json!({}),
    };
    let now_ms = shelf.now_ms();
    shelf.connection().execute(
        "INSERT INTO messages (queue, id, body, attributes, sent_ms, visible_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![queue.name, id, body, attributes.to_string(), now_ms, now_ms + delay_s * 1000],
    )?;
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5_of(body) }))
}

/// Takes up to the asked number of visible messages; moves those received too often to the dead-letter queue.
pub(super) fn receive(shelf: &Shelf, queue: &Queue, request: &Value) -> Result<Vec<Value>, Answer> {
    let max = whole(request, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let visibility_s = whole(request, "VisibilityTimeout", 0, VISIBILITY_S_MAX)?.unwrap_or(queue.visibility_s);
    let now_ms = shelf.now_ms();
    let mut connection = shelf.connection();
    let transaction = connection.transaction()?;
    redrive(&transaction, queue, now_ms)?;
    let mut found = Vec::new();
    let numbers: Vec<i64> = transaction
        .prepare_cached(
            "SELECT number FROM messages WHERE queue = ?1 AND visible_ms <= ?2 AND sent_ms > ?3
             ORDER BY visible_ms, number LIMIT ?4",
        )?
        .query_map(params![queue.name, now_ms, now_ms - queue.retention_s * 1000, max], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for number in numbers {
        let receipt = random_text()?;
        transaction.execute(
            "UPDATE messages SET visible_ms = ?2, receives = receives + 1, first_ms = coalesce(first_ms, ?3),
             receipt = ?4 WHERE number = ?1",
            params![number, now_ms + visibility_s * 1000, now_ms, receipt],
        )?;
        found.push(received(&transaction, number, request)?);
    }
    transaction.commit()?;
    Ok(found)
}

/// A message that became visible again after its last allowed receive goes to the dead-letter queue instead.
fn redrive(connection: &Connection, queue: &Queue, now_ms: i64) -> rusqlite::Result<()> {
    let Some((dead_letters, receives_max)) = &queue.redrive else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE messages SET queue = ?2, receives = 0, first_ms = NULL, receipt = NULL, visible_ms = ?4
             WHERE queue = ?1 AND receives >= ?3 AND visible_ms <= ?4",
        )?
        .execute(params![queue.name, dead_letters, receives_max, now_ms])?;
    Ok(())
}

fn received(connection: &Connection, number: i64, request: &Value) -> Result<Value, Answer> {
    let (id, body, attributes, sent_ms, receives, first_ms, receipt) = connection
        .prepare_cached(
            "SELECT id, body, attributes, sent_ms, receives, first_ms, receipt FROM messages WHERE number = ?1",
        )?
        .query_row([number], |row| {
            let texts: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let numbers: (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let receipt: String = row.get(6)?;
            Ok((texts.0, texts.1, texts.2, numbers.0, numbers.1, numbers.2, receipt))
        })?;
    let mut message = json!({
        "MessageId": id, "ReceiptHandle": receipt, "MD5OfBody": md5_of(&body), "Body": body,
    });
    let system: Map<String, Value> = [
        ("SenderId", "000000000000".to_owned()),
        ("SentTimestamp", sent_ms.to_string()),
        ("ApproximateReceiveCount", receives.to_string()),
        ("ApproximateFirstReceiveTimestamp", first_ms.to_string()),
    ]
    .into_iter()
    .filter(|(name, _)| asked(request, "MessageSystemAttributeNames", name) || asked(request, "AttributeNames", name))
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect();
    if !system.is_empty() {
        message["Attributes"] = Value::Object(system);
    }
    let attributes: Map<String, Value> = serde_json::from_str(&attributes).unwrap_or_default();
    let attributes: Map<String, Value> =
        attributes.into_iter().filter(|(name, _)| asked(request, "MessageAttributeNames", name)).collect();
    if !attributes.is_empty() {
        message["MessageAttributes"] = Value::Object(attributes);
    }
    Ok(message)
}

fn asked(request: &Value, member: &str, name: &str) -> bool {
    let names = request[member].as_array().into_iter().flatten().filter_map(Value::as_str);
    names.into_iter().any(|asked| asked == name || asked == "All" || asked == ".*")
}

/// Deletes by the receipt of the last receive. An older receipt deletes nothing and is no error, as on AWS.
pub(super) fn delete(shelf: &Shelf, queue: &Queue, request: &Value) -> Result<Value, Answer> {
    let receipt = receipt_of(request)?;
    shelf
        .connection()
        .execute("DELETE FROM messages WHERE receipt = ?1 AND queue = ?2", params![receipt, queue.name])?;
    Ok(json!({}))
}

pub(super) fn change_visibility(shelf: &Shelf, queue: &Queue, request: &Value) -> Result<Value, Answer> {
    let receipt = receipt_of(request)?;
    let visibility_s = whole(request, "VisibilityTimeout", 0, VISIBILITY_S_MAX)?
        .ok_or_else(|| refused("MissingParameter", "The request must contain the parameter VisibilityTimeout."))?;
    let now_ms = shelf.now_ms();
    let changed = shelf.connection().execute(
        "UPDATE messages SET visible_ms = ?3 WHERE receipt = ?1 AND queue = ?2 AND visible_ms > ?4",
        params![receipt, queue.name, now_ms + visibility_s * 1000, now_ms],
    )?;
    if changed == 0 {
        return Err(refused("MessageNotInflight", "The specified message isn't in flight."));
    }
    Ok(json!({}))
}

fn receipt_of(request: &Value) -> Result<&str, Answer> {
    let receipt = request["ReceiptHandle"].as_str().unwrap_or_default();
    if receipt.len() == 32 && receipt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(receipt)
    } else {
        Err(refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid."))
    }
}

pub(super) fn next_visible_ms(shelf: &Shelf, queue: &str) -> Result<Option<i64>, Answer> {
    let connection = shelf.connection();
    let next = connection
        .prepare_cached("SELECT MIN(visible_ms) FROM messages WHERE queue = ?1")?
        .query_row([queue], |row| row.get(0))?;
    Ok(next)
}

pub(super) fn depth(shelf: &Shelf, queue: &str) -> Result<QueueDepth, Answer> {
    let depth = shelf.connection().query_row(
        "SELECT COALESCE(SUM(visible_ms <= ?2), 0), COALESCE(SUM(visible_ms > ?2 AND receives > 0), 0),
                COALESCE(SUM(visible_ms > ?2 AND receives = 0), 0) FROM messages WHERE queue = ?1",
        params![queue, shelf.now_ms()],
        |row| {
            let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(QueueDepth { visible: count(0)?, in_flight: count(1)?, delayed: count(2)? })
        },
    )?;
    Ok(depth)
}

pub(super) fn attributes(shelf: &Shelf, queue: &Queue, request: &Value) -> Result<Value, Answer> {
    let depth = depth(shelf, &queue.name)?;
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let mut all = vec![
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ("VisibilityTimeout", queue.visibility_s.to_string()),
        ("DelaySeconds", queue.delay_s.to_string()),
        ("MessageRetentionPeriod", queue.retention_s.to_string()),
        ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
        ("QueueArn", arn(&queue.name)),
    ];
    if let Some((dead_letters, receives_max)) = &queue.redrive {
        let policy = json!({ "deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": receives_max });
        all.push(("RedrivePolicy", policy.to_string()));
    }
    let found: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| asked(request, "AttributeNames", name))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    Ok(json!({ "Attributes": found, "QueueUrl": url(&queue.name) }))
}

pub(super) fn forget_old(shelf: &Shelf) -> Result<(), Answer> {
    shelf.connection().execute(
        "DELETE FROM messages WHERE sent_ms <= ?1 - 1000 *
           (SELECT retention_s FROM queues WHERE queues.name = messages.queue)",
        [shelf.now_ms()],
    )?;
    Ok(())
}

fn md5_of(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

fn random_text() -> Result<String, Answer> {
    Ok(hex::encode(random_bytes::<16>().map_err(Answer::broken)?))
}
