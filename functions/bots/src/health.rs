//! `GET /v1/health`: whether this function answers at all. Touches nothing.

use std::sync::Arc;

use api::{Answer, Problem, Request};
use serde_json::json;

use crate::Deps;

/// Answers 200.
pub async fn health(_: Arc<Deps>, _: Request) -> Result<Answer, Problem> {
    Ok(Answer::ok(&json!({ "status": "ok" })))
}
