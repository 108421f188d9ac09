//! The fields that tell a caller its limits (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and `RateLimit`.
//!
//! Only limits that belong to where a request comes from are told. What an account, an address or a password has left is
//! never told: it would say whether there is one (SU-1, PR-3, RL-6).

use account::WallTime;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use store::entity::budget::HASHES_PER_MINUTE_MAX;

use crate::Problem;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// The window of the budget of password hashes, in seconds.
const WINDOW_S: u32 = 60;

/// A limit of a source and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name, in small letters.
    pub policy: &'static str,
    /// Requests in a window.
    pub quota: u32,
    /// The window, in seconds.
    pub window_s: u32,
    /// Requests left in this window.
    pub left: u32,
    /// When the next window begins, in seconds from now.
    pub resets_in_s: u32,
}

impl RateLimit {
    /// A limit that is used up.
    pub const fn used_up(policy: &'static str, quota: u32, window_s: u32, resets_in_s: u32) -> Self {
        Self { policy, quota, window_s, left: 0, resets_in_s }
    }
    /// Writes the fields; `Retry-After` too when nothing is left.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { policy, quota, window_s, left, resets_in_s } = self;
        let fields = [
            (POLICY, format!("\"{policy}\";q={quota};w={window_s}")),
            (LEFT, format!("\"{policy}\";r={left};t={resets_in_s}")),
        ];
        for (name, text) in fields {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        if *left == 0 {
            headers.insert(RETRY_AFTER, HeaderValue::from((*resets_in_s).max(1)));
        }
    }
}

impl Problem {
    /// RL-5: the source has caused as many password hashes as it may in this minute. Says nothing of an account.
    pub fn hashes_used_up(now: WallTime) -> Self {
        let resets_in_s = WINDOW_S - u32::try_from(now.seconds().rem_euclid(i64::from(WINDOW_S))).unwrap_or(0);
        let limit = RateLimit::used_up("hashes", HASHES_PER_MINUTE_MAX, WINDOW_S, resets_in_s);
        Self::too_many_requests().with_rate_limit(limit)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn the_fields_are_structured() {
        check(RateLimit::used_up("hashes", 300, 60, 17), "\"hashes\";r=0;t=17", Some("17"));
        check(RateLimit::used_up("hashes", 300, 60, 0), "\"hashes\";r=0;t=0", Some("1"));
        check(RateLimit { left: 299, ..RateLimit::used_up("hashes", 300, 60, 17) }, "\"hashes\";r=299;t=17", None);
    }

    #[test]
    fn rl_5_the_next_minute_is_named() {
        let at = |s: i64| Problem::hashes_used_up(WallTime::from_ms(s * 1000)).into_response();
        for (s, wait) in [(1_764_000_000, "60"), (1_764_000_001, "59"), (1_764_000_059, "1")] {
            assert_eq!(at(s).headers()["retry-after"], wait);
            assert_eq!(at(s).status(), 429);
        }
    }

    fn check(limit: RateLimit, left: &str, retry_after: Option<&str>) {
        let mut headers = HeaderMap::new();
        limit.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"hashes\";q=300;w=60");
        assert_eq!(headers["ratelimit"], left);
        assert_eq!(headers.get(RETRY_AFTER).map(|v| v.to_str().unwrap()), retry_after);
    }
}
