//! Whether the exchange is there, and what time it is by its wall clock.

use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::router::Call;

/// `GET /api/v3/ping`.
pub async fn ping(_: Call) -> Result<Value, Refusal> {
    Ok(json!({}))
}

/// `GET /api/v3/time`: the wall clock, which receive windows are checked against.
pub async fn time(call: Call) -> Result<Value, Refusal> {
    Ok(json!({"serverTime": call.deps.clock.now().ms()}))
}
