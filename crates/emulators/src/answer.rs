//! What a service answers, before it becomes an HTTP response.
//!
//! Never carries a cause that the caller should not see.

use serde_json::{Value, json};

/// One answer of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
    /// The exception's short name, when the answer is one.
    pub error: Option<String>,
}

impl Answer {
    /// A success with this body.
    pub fn ok(body: &Value) -> Self {
        Self::ok_text(body.to_string())
    }

    /// A success with this body, already written.
    pub fn ok_text(body: String) -> Self {
        Self { status: 200, body, error: None }
    }

    /// A refusal: `error` is the exception's short name.
    pub fn refused(status: u16, error: &str, message: &str) -> Self {
        let body = json!({ "__type": error, "message": message, "Message": message });
        Self { status, body: body.to_string(), error: Some(error.to_owned()) }
    }

    /// What a service answers when its own storage fails.
    pub fn broken(cause: impl std::fmt::Display) -> Self {
        Self::refused(500, "InternalServerError", &format!("the local service failed: {cause}"))
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl From<rusqlite::Error> for Answer {
    fn from(cause: rusqlite::Error) -> Self {
        Self::broken(cause)
    }
}
