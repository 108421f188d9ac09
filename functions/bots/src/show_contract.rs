//! `GET /v1/openapi.json`: the contract of this version, as it is committed. Touches nothing.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request, shape};

use crate::Deps;

/// A test compares it with what the code says.
const CONTRACT: &str = include_str!("../../../docs/openapi.json");

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("show_contract", "This document")
        .reads_header("If-None-Match", "The `ETag` of the version that the caller has.")
        .stateless()
        .answers::<shape::AnyObject>(200, "OpenAPI 3.1.")
        .with_header("ETag", "Names the version.")
        .answers_nothing(304, "The caller has it already.")
}

/// Answers it, or 304.
pub async fn show_contract(_: Arc<Deps>, _: Request) -> Result<Answer, Problem> {
    Ok(Answer::text(CONTRACT))
}
