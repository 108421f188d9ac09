//! `GET /v1/health`: whether this function answers at all. Touches nothing.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Deps;

#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    status: Status,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "HealthStatus")]
enum Status {
    Ok,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("health", "Whether the API answers at all").stateless().answers::<Health>(200, "It does.")
}

/// Answers 200.
pub async fn health(_: Arc<Deps>, _: Request) -> Result<Answer, Problem> {
    Ok(Answer::ok(&Health { status: Status::Ok }))
}
