//! The exchange's clock.

use crate::{ExchangeTimeMs, Failure, Received};

#[derive(serde::Deserialize)]
struct Time {
    #[serde(rename = "serverTime")]
    server_time: i64,
}

/// Reads `GET /api/v3/time`.
pub fn server_time(received: Received<'_>) -> Result<ExchangeTimeMs, Failure> {
    super::read::<Time>(received).map(|time| ExchangeTimeMs::from_ms(time.server_time))
}
