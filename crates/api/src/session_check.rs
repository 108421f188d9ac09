//! The session check: one code path in the cloud, on the laptop and in tests. Two consistent reads, no cache.

use std::collections::BTreeMap;

use account::token::{API_TOKEN_PREFIX, Purpose, TokenHash};
use account::{Secret, WallTime};
use http::{HeaderMap, header};
use store::Store;
use store::entity::api_token::Scope;

use crate::problem::Problem;
use crate::request::{By, Session, ShownDevice, SignedIn};
use crate::route::{Route, Tokens};

/// How often a use is noted: at most once in so many milliseconds, so that a busy page does not write at every call.
const TOUCHED_MS: i64 = 60_000;

/// How a session's cookie begins.
pub(crate) const SESSION_COOKIE: &str = "__Host-session=";

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
        .find_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE).map(|t| Shown::Cookie(t.to_owned())))
}

/// The token that a request shows.
pub(crate) fn shown_text(headers: &HeaderMap) -> Option<Secret<String>> {
    match shown(headers)? {
        Shown::Bearer(token) | Shown::Cookie(token) => Some(Secret::new(token)),
    }
}

/// The stored form of the token that a request shows, however it shows it.
pub(crate) fn shown_hash(headers: &HeaderMap) -> Option<TokenHash> {
    match shown(headers)? {
        Shown::Bearer(token) | Shown::Cookie(token) => Some(TokenHash::of(Purpose::Session, &token)),
    }
}

/// The mark of a device that a browser shows (RL-2). Never looked for in another header: programs have none.
pub(crate) fn shown_device(headers: &HeaderMap) -> Option<ShownDevice> {
    let text = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("__Host-device="))?;
    Some(ShownDevice { hash: TokenHash::of(Purpose::KnownDevice, text), text: Secret::new(text.to_owned()) })
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

/// Finds who calls. Dead, unknown and outdated sessions and tokens all answer `no_session`. Two consistent reads.
pub(crate) async fn check(
    store: &Store,
    now: WallTime,
    headers: &HeaderMap,
    method: &http::Method,
    allowed_origin: &str,
) -> Result<Session, Problem> {
    let text = match shown(headers).ok_or_else(Problem::no_session)? {
        Shown::Bearer(text) if text.starts_with(API_TOKEN_PREFIX) => return by_token(store, now, &text).await,
        Shown::Bearer(text) => text,
        Shown::Cookie(text) => {
            if !same_site(headers, method, allowed_origin) {
                return Err(Problem::cross_site_request());
            }
            text
        }
    };
    let hash = TokenHash::of(Purpose::Session, &text);
    let stored = store.find_session(&hash).await?.ok_or_else(Problem::no_session)?;
    if !stored.is_alive(now) {
        return Err(Problem::no_session());
    }
    let user = store.find_user(stored.user).await?.ok_or_else(Problem::no_session)?;
    // SS-1, PR-11: the generation was raised in the commit that ended all sessions.
    if user.session_gen != stored.session_gen {
        return Err(Problem::no_session());
    }
    if now.ms_since(stored.seen_at) > TOUCHED_MS {
        store.touch_session(&hash, now).await?;
    }
    Ok(Session { user, by: By::Session(SignedIn { stored, hash }) })
}

/// PR-11: a token dies with the credentials and the epoch it was made under.
async fn by_token(store: &Store, now: WallTime, text: &str) -> Result<Session, Problem> {
    let hash = TokenHash::of(Purpose::ApiToken, text);
    let token = store.find_api_token(&hash).await?.ok_or_else(Problem::no_session)?;
    let user = store.find_user(token.user).await?.ok_or_else(Problem::no_session)?;
    if !token.is_alive(&user, now) {
        return Err(Problem::no_session());
    }
    if token.used_at.is_none_or(|at| now.ms_since(at) > TOUCHED_MS) {
        store.touch_api_token(&hash, now).await?;
    }
    Ok(Session { user, by: By::Token(token) })
}

/// Whether what was shown reaches the route (LG-4): a session reaches all, a token those of its scope, and where it is for
/// certain bots the routes below one of them alone.
pub(crate) fn reaches(session: &Session, route: &Route, parameters: &BTreeMap<String, String>) -> Result<(), Problem> {
    let Some(token) = session.api_token() else { return Ok(()) };
    match (route.tokens(), token.scope) {
        (Tokens::Refused, Scope::Read | Scope::Trade) => return Err(Problem::session_required()),
        (Tokens::Trade, Scope::Read) => return Err(Problem::token_out_of_scope()),
        (Tokens::Read, Scope::Read | Scope::Trade) | (Tokens::Trade, Scope::Trade) => {}
    }
    let Some(bots) = &token.bots else { return Ok(()) };
    let named = route.path().strip_prefix("/v1/bots/{id}").and_then(|_| parameters.get("id"));
    let is_one_of_them = named.is_some_and(|id| bots.iter().any(|bot| bot.to_string() == *id));
    if is_one_of_them { Ok(()) } else { Err(Problem::token_out_of_scope()) }
}
