//! Who calls: key, signature, timestamp, in this order.

use account::WallTime;
use http::HeaderMap;
use rust_decimal::Decimal;

use crate::Deps;
use crate::item::key::{self, ApiKey};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::signature;

/// Milliseconds that a request may be old unless it says otherwise.
const WINDOW_MS_DEFAULT: u32 = 5_000;
/// Milliseconds that a request may ask for.
const WINDOW_MS_MAX: u32 = 60_000;
/// Milliseconds that a request's clock may be ahead.
const AHEAD_MS: i64 = 1_000;
/// From here on a timestamp counts microseconds: as milliseconds it would lie beyond the year 5000.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

/// A request's own time and how long it wants to be valid; in microseconds of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    sent_us: i64,
    valid_us: i64,
}

/// The caller of a signed request.
#[derive(Debug)]
pub struct Caller {
    /// The key that signed.
    pub key: ApiKey,
    /// When the request is valid; checked on receipt, and again before an order reaches the engine.
    pub window: Window,
}

impl Window {
    fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let timestamp =
            parameters.needed("timestamp").and_then(|_| parameters.integer("timestamp"))?.unwrap_or_default();
        let overflow = || Refusal::overflow("timestamp");
        let sent = i64::try_from(timestamp).map_err(|_| overflow())?;
        let sent_us =
            if timestamp >= MICROSECONDS_FROM { sent } else { sent.checked_mul(1000).ok_or_else(overflow)? };
        let window = parameters.decimal("recvWindow")?.unwrap_or_else(|| Decimal::from(WINDOW_MS_DEFAULT));
        if window.normalize().scale() > 3 {
            return Err(Refusal::too_precise("recvWindow"));
        }
        if window > Decimal::from(WINDOW_MS_MAX) {
            return Err(Refusal::too_large("recvWindow", WINDOW_MS_MAX));
        }
        let valid_us = i64::try_from(window * Decimal::ONE_THOUSAND).map_err(|_| Refusal::overflow("recvWindow"))?;
        Ok(Self { sent_us, valid_us })
    }
    /// Refuses a request that is too old, or too far ahead, at this moment of the exchange's clock.
    pub fn check(self, now: WallTime) -> Result<(), Refusal> {
        let now_us = now.ms().saturating_mul(1000);
        if self.sent_us >= now_us.saturating_add(AHEAD_MS * 1000) {
            Err(Refusal::ahead_of_server())
        } else if now_us.saturating_sub(self.sent_us) > self.valid_us {
            Err(Refusal::outside_window())
        } else {
            Ok(())
        }
    }
}

/// Finds the caller of a signed request, or refuses.
pub async fn authorise(
    deps: &Deps,
    headers: &HeaderMap,
    query: &[u8],
    body: &[u8],
    parameters: &Parameters,
) -> Result<Caller, Refusal> {
    let api_key =
        headers.get("x-mbx-apikey").and_then(|value| value.to_str().ok()).ok_or_else(Refusal::bad_key_format)?;
    if api_key.len() != 64 || !api_key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Refusal::bad_key_format());
    }
    let signed = signature::split(query, body)?.ok_or_else(|| Refusal::missing("signature"))?;
    let window = Window::of(parameters)?;
    let key = key::find(&deps.store, api_key).await?.ok_or_else(Refusal::rejected_key)?;
    // EXPOSE: the exchange verifies what was signed with the secret it gave out.
    if !key.secret.expose(|secret| signed.is_made_with(secret)) {
        return Err(Refusal::bad_signature());
    }
    window.check(deps.clock.now())?;
    Ok(Caller { key, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_ms(1_700_000_000_000);

    fn check(query: &str, expected: Result<(), Refusal>) {
        let parameters = Parameters::parse(query.as_bytes(), b"").unwrap();
        let checked = Window::of(&parameters).and_then(|window| window.check(NOW));
        assert_eq!(checked, expected, "{query}");
    }

    #[test]
    fn the_window_is_five_seconds_unless_asked_otherwise() {
        check("timestamp=1699999995000", Ok(()));
        check("timestamp=1699999994999", Err(Refusal::outside_window()));
        check("timestamp=1699999940000&recvWindow=60000", Ok(()));
        check("timestamp=1699999939999&recvWindow=60000", Err(Refusal::outside_window()));
        check("timestamp=1699999999999&recvWindow=0.5", Err(Refusal::outside_window()));
        check("timestamp=1700000000000&recvWindow=60000.001", Err(Refusal::too_large("recvWindow", 60_000)));
        check("timestamp=1700000000000&recvWindow=1.0001", Err(Refusal::too_precise("recvWindow")));
    }

    #[test]
    fn a_clock_may_be_less_than_a_second_ahead() {
        check("timestamp=1700000000999", Ok(()));
        check("timestamp=1700000001000", Err(Refusal::ahead_of_server()));
    }

    #[test]
    fn microseconds_are_understood() {
        check("timestamp=1699999995000000", Ok(()));
        check("timestamp=1699999994999999", Err(Refusal::outside_window()));
        check("timestamp=1700000000999999", Ok(()));
    }

    #[test]
    fn a_timestamp_is_a_whole_number_that_must_be_there() {
        check("recvWindow=5000", Err(Refusal::missing("timestamp")));
        check("timestamp=", Err(Refusal::missing("timestamp")));
        check("timestamp=now", Err(Refusal::illegal("timestamp", crate::refusal::INTEGER_RANGE)));
        check("timestamp=99999999999999999999", Err(Refusal::overflow("timestamp")));
    }
}
