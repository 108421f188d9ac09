//! Picks the engine's function for an operation and words its refusals as AWS does.
//!
//! Never evaluates an expression itself: conditions, updates and filters are the engine's.

use dynoxide::DynoxideError;
use dynoxide::actions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Engine, lag, ready, streams, tokens};
use crate::answer::Answer;

/// The region and account that the engine writes into its ARNs.
const ENGINE_ARN: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
const LOCAL_ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:";

/// How a shard's id begins in the engine, and how it must begin to be as long as clients demand (28 characters).
const ENGINE_SHARD: &str = "shardId-00000001-";
const LOCAL_SHARD: &str = "shardId-00000000000000000001-";

/// Whether a success of this operation may have written to a stream.
pub(super) fn writes(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems")
}

/// Runs one operation of DynamoDB or DynamoDB Streams.
pub(super) fn call(engine: &mut Engine, operation: &str, body: &[u8], now_ms: i64) -> Answer {
    let Ok(text) = std::str::from_utf8(body) else { return not_json() };
    match checked(engine, operation, text, now_ms) {
        Ok(answer) | Err(answer) => answer,
    }
}

fn checked(engine: &mut Engine, operation: &str, text: &str, now_ms: i64) -> Result<Answer, Answer> {
    let request: Value = serde_json::from_str(text).map_err(|_| not_json())?;
    if !request.is_object() {
        return Err(not_json());
    }
    if let Some(answer) = lag::read(engine, operation, &request, text, now_ms)? {
        return Ok(answer);
    }
    let answer = if operation == "TransactWriteItems" {
        tokens::transact(engine, request.clone(), now_ms)?
    } else {
        run(engine, operation, text)?
    };
    if writes(operation) {
        lag::record(engine, operation, &request, now_ms)?;
    }
    Ok(answer)
}

/// Runs one operation that is not a transaction with a token.
pub(super) fn run(engine: &Engine, operation: &str, text: &str) -> Result<Answer, Answer> {
    let storage = &engine.storage;
    let lifecycle = &engine.lifecycle;
    macro_rules! run {
        ($module:ident $(, $extra:expr)?) => {{
            let request = decode(text)?;
            finish(operation, ready(actions::$module::execute(storage, request $(, $extra)?))?)
        }};
    }
    match operation {
        "PutItem" => run!(put_item),
        "GetItem" => run!(get_item),
        "UpdateItem" => run!(update_item),
        "DeleteItem" => run!(delete_item),
        "Query" => run!(query),
        "Scan" => run!(scan),
        "BatchGetItem" => run!(batch_get_item),
        "BatchWriteItem" => run!(batch_write_item),
        "TransactGetItems" => run!(transact_get_items),
        "TransactWriteItems" => run!(transact_write_items),
        "CreateTable" => {
            let answer = with_local_arns(run!(create_table))?;
            tokens::watch_tables(storage.conn())?;
            Ok(answer)
        }
        "DeleteTable" => with_local_arns(run!(delete_table, lifecycle)),
        "DescribeTable" => with_local_arns(run!(describe_table, lifecycle)),
        "UpdateTable" => with_local_arns(run!(update_table, lifecycle)),
        "ListTables" => run!(list_tables),
        "UpdateTimeToLive" => run!(update_time_to_live),
        "DescribeTimeToLive" => run!(describe_time_to_live),
        "ListStreams" => with_local_arns(run!(list_streams)),
        "DescribeStream" => {
            let answer = with_local_arns(run!(describe_stream))?;
            Ok(Answer { body: answer.body.replace(ENGINE_SHARD, LOCAL_SHARD), ..answer })
        }
        "GetShardIterator" => {
            let text = text.replace(LOCAL_SHARD, ENGINE_SHARD);
            finish(operation, ready(actions::get_shard_iterator::execute(storage, decode(&text)?))?)
        }
        "GetRecords" => run!(get_records).map(streams::like_aws),
        _ => Err(Answer::refused(
            400,
            "UnknownOperationException",
            &format!("{operation} is not served by the local DynamoDB"),
        )),
    }
}

fn finish<T: Serialize>(operation: &str, result: Result<T, DynoxideError>) -> Result<Answer, Answer> {
    match result {
        Ok(response) => Ok(Answer::ok_text(serde_json::to_string(&response).map_err(Answer::broken)?)),
        Err(refused) => Err(refusal(operation, refused)),
    }
}

/// Words an engine error as AWS does.
fn refusal(operation: &str, error: DynoxideError) -> Answer {
    let error = match error {
        // The engine's mark for a family that three operations wrap; the mark itself must not reach the caller.
        DynoxideError::EnvelopedValidation(text) => {
            let wrapped = matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem");
            let text = if wrapped { format!("1 validation error detected: {text}") } else { text };
            DynoxideError::ValidationException(text)
        }
        other => other,
    };
    let name = error.error_type().rsplit('#').next().map(str::to_owned);
    Answer { status: error.status_code(), body: error.to_json(), error: name }
}

/// Reads a request; the engine marks its own refusals inside the text of the parse error.
fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Answer> {
    serde_json::from_str(text).map_err(|cause| {
        let cause = cause.to_string();
        let (kind, message) = classify(&cause);
        Answer::refused(400, kind, message)
    })
}

fn classify(cause: &str) -> (&'static str, &str) {
    const VALIDATION: &str = "ValidationException";
    const SERIALIZATION: &str = "SerializationException";
    let marked = [
        ("SERIALIZATION_AS_READ:", SERIALIZATION),
        ("VALIDATION_AS_READ:", VALIDATION),
        ("SERIALIZATION:", SERIALIZATION),
        ("VALIDATION_REQUEST:", VALIDATION),
        ("VALIDATION:", VALIDATION),
    ];
    let bare = cause.rfind(" at line ").map_or(cause, |at| &cause[..at]);
    if let Some((mark, kind)) = marked.iter().find(|(mark, _)| cause.starts_with(mark)) {
        let text = if mark.ends_with("AS_READ:") { cause } else { bare };
        return (kind, &text[mark.len()..]);
    }
    let invalid = ["missing field", "unknown variant", "invalid type: null", "AttributeValue"];
    let kind = if invalid.iter().any(|part| cause.contains(part)) { VALIDATION } else { SERIALIZATION };
    (kind, bare)
}

fn with_local_arns(answer: Result<Answer, Answer>) -> Result<Answer, Answer> {
    answer.map(|answer| Answer { body: answer.body.replace(ENGINE_ARN, LOCAL_ARN), ..answer })
}

fn not_json() -> Answer {
    Answer::refused(400, "SerializationException", "the body is not a JSON object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cause: &str, kind: &str, message: &str) {
        assert_eq!(classify(cause), (kind, message));
    }

    #[test]
    fn the_engines_marks_never_reach_the_caller() {
        check("VALIDATION:no good at line 1 column 9", "ValidationException", "no good");
        check("VALIDATION_REQUEST:no good at line 1 column 9", "ValidationException", "no good");
        check("SERIALIZATION:odd at line 1 column 9", "SerializationException", "odd");
        check("VALIDATION_AS_READ:odd at line 1 column 9", "ValidationException", "odd at line 1 column 9");
        check("missing field `TableName` at line 1 column 2", "ValidationException", "missing field `TableName`");
        check("invalid type: integer `5` at line 1 column 2", "SerializationException", "invalid type: integer `5`");
    }
}
