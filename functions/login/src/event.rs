//! Authentication events for the log (LG-6): what happened to whom, with which factor, from where. Never a code, token,
//! password or address: an address field may hold a mistyped password.

use std::net::IpAddr;

use account::UserId;

/// Logs one; the time is the log line's own.
pub(crate) fn note(event: &'static str, user: Option<UserId>, factor: Option<&'static str>, source: Option<IpAddr>) {
    let user = user.map_or_else(|| "unknown".to_owned(), |u| u.to_string());
    let source = source.map_or_else(|| "unknown".to_owned(), |s| s.to_string());
    tracing::info!(event, user, factor, source, "authentication");
}
