//! The session check: one code path in the cloud, on the laptop and in tests. Two consistent reads, no cache.

use account::WallTime;
use account::token::{Purpose, TokenHash};
use http::{HeaderMap, header};
use store::Store;

use crate::problem::Problem;
use crate::request::Session;

/// How the token was shown; cookies need the cross-site rules on top.
enum Shown {
    Bearer(String),
    Cookie(String),
}

fn shown(headers: &HeaderMap) -> Option<Shown> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().ok()?;
        let (scheme, token) = text.split_once(' ')?;
        // An Authorization header decides alone: a request never falls back from it to a cookie.
        return scheme.eq_ignore_ascii_case("bearer").then(|| Shown::Bearer(token.trim().to_owned()));
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("__Host-session=").map(|t| Shown::Cookie(t.to_owned())))
}

/// The stored form of the token that a request shows, however it shows it.
pub(crate) fn shown_hash(headers: &HeaderMap) -> Option<TokenHash> {
    match shown(headers)? {
        Shown::Bearer(token) | Shown::Cookie(token) => Some(TokenHash::of(Purpose::Session, &token)),
    }
}

/// SS-5: a changing request with a cookie comes from our own page or not at all.
fn same_site(headers: &HeaderMap, method: &http::Method, allowed_origin: &str) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    text("x-requested-with") == Some("shearpin")
        && text("origin") == Some(allowed_origin)
        && matches!(text("sec-fetch-site"), None | Some("same-origin" | "none"))
}

/// Finds the live session of a request. Dead, unknown and outdated sessions all answer `no_session`.
pub(crate) async fn check(
    store: &Store,
    now: WallTime,
    headers: &HeaderMap,
    method: &http::Method,
    allowed_origin: &str,
) -> Result<Session, Problem> {
    let token = match shown(headers).ok_or_else(Problem::no_session)? {
        Shown::Bearer(token) => token,
        Shown::Cookie(token) => {
            if !same_site(headers, method, allowed_origin) {
                return Err(Problem::cross_site_request());
            }
            token
        }
    };
    let hash = TokenHash::of(Purpose::Session, &token);
    let stored = store.find_session(&hash).await?.ok_or_else(Problem::no_session)?;
    if !stored.is_alive(now) {
        return Err(Problem::no_session());
    }
    let user = store.find_user(stored.user).await?.ok_or_else(Problem::no_session)?;
    // SS-1, PR-11: the generation was raised in the commit that ended all sessions.
    if user.session_gen != stored.session_gen {
        return Err(Problem::no_session());
    }
    if now.ms_since(stored.seen_at) > 60_000 {
        store.touch_session(&hash, now).await?;
    }
    Ok(Session { stored, hash, user })
}
