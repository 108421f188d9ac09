//! The fields that tell a caller its limits (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and `RateLimit`.
//!
//! Only limits that belong to where a request comes from are told. What an account, an address or a password has left is
//! never told: it would say whether there is one (SU-1, PR-3, RL-6).

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_structured() {
        check(RateLimit::used_up("hashes", 300, 60, 17), "\"hashes\";r=0;t=17", Some("17"));
        check(RateLimit::used_up("hashes", 300, 60, 0), "\"hashes\";r=0;t=0", Some("1"));
        check(RateLimit { left: 299, ..RateLimit::used_up("hashes", 300, 60, 17) }, "\"hashes\";r=299;t=17", None);
    }

    fn check(limit: RateLimit, left: &str, retry_after: Option<&str>) {
        let mut headers = HeaderMap::new();
        limit.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"hashes\";q=300;w=60");
        assert_eq!(headers["ratelimit"], left);
        assert_eq!(headers.get(RETRY_AFTER).map(|v| v.to_str().unwrap()), retry_after);
    }
}
