//! Refuses requests that two readers could read in two ways, before anything looks at what they say.
//!
//! A gateway, a proxy and we must see the same request. What is sent twice, encoded, or meant as another method is refused
//! here for every route, with or without a session. Never guesses which of two readings was meant.

use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use lambda_http::request::RequestContext;

use crate::problem::Problem;
use crate::session_check::SESSION_COOKIE;

/// Headers that decide something here: each stands at most once.
const ONCE: [HeaderName; 12] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::ORIGIN,
    header::HOST,
    HeaderName::from_static("x-step-up"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-requested-with"),
    HeaderName::from_static("sec-fetch-site"),
    header::IF_MATCH,
];
/// Headers by which some servers take another method than the request's.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Checks the head of a request.
pub(crate) fn check(parts: &Parts) -> Result<(), Problem> {
    let headers = &parts.headers;
    if let Some(twice) = ONCE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        return Err(Problem::ambiguous_request().because(format!("Send the header {twice} once.")));
    }
    if OVERRIDES.iter().any(|name| headers.contains_key(*name)) {
        return Err(Problem::ambiguous_request().because("Send the method that is meant; it cannot be overridden."));
    }
    session_stands_once(headers)?;
    let coded = |name: HeaderName, plain: &str| {
        headers.get(name).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()))
    };
    if coded(header::CONTENT_ENCODING, "identity") {
        return Err(Problem::unsupported_media_type().because("Send the body as it is, without Content-Encoding."));
    }
    // A chunked body belongs to a connection; in the gateway's payload there is none, so whoever sends it means a trick.
    let by_gateway = matches!(parts.extensions.get(), Some(RequestContext::ApiGatewayV2(_)));
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    if chunked && (by_gateway || headers.contains_key(header::CONTENT_LENGTH))
        || coded(header::TRANSFER_ENCODING, "chunked")
    {
        return Err(Problem::ambiguous_request().because("Send Content-Length or a chunked body, not both."));
    }
    Ok(())
}

/// Checks the body against its announced length.
pub(crate) fn has_length(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let Some(announced) = headers.get(header::CONTENT_LENGTH) else { return Ok(()) };
    let text = announced.to_str().unwrap_or("");
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits && text.parse() == Ok(body.len()) {
        return Ok(());
    }
    Err(Problem::ambiguous_request().because("The body is not as long as Content-Length says."))
}

/// A session by header or by cookie, and one of it.
fn session_stands_once(headers: &HeaderMap) -> Result<(), Problem> {
    let mut cookies = 0;
    for value in headers.get_all(header::COOKIE) {
        // RFC 6265: a cookie is visible ASCII. Others could end where another reader goes on.
        let text = value.to_str().map_err(|_| Problem::ambiguous_request().because("The cookies cannot be read."))?;
        cookies += text.split(';').filter(|pair| pair.trim().starts_with(SESSION_COOKIE)).count();
    }
    match (cookies, headers.contains_key(header::AUTHORIZATION)) {
        (0, _) | (1, false) => Ok(()),
        _ => Err(Problem::ambiguous_request()
            .because("Show one session: as Authorization: Bearer or as the session cookie, once.")),
    }
}

/// Whether a body is JSON as RFC 8259 has it: UTF-8, with no parameter that says otherwise.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or("");
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_utf_8() {
        check("application/json", true);
        check("Application/JSON", true);
        check("application/json; charset=utf-8", true);
        check("application/json;charset=\"UTF-8\"", true);
        check("application/json; charset=utf-16", false);
        check("application/json; charset=utf-8; charset=utf-16", false);
        check("application/json; boundary=x", false);
        check("application/json;", false);
        check("application/json, text/plain", false);
        check("text/plain; charset=application/json", false);
        check("application/json+x", false);
        check("", false);
    }

    fn check(kind: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        assert_eq!(is_json(&headers), expected, "{kind}");
    }

    #[test]
    fn a_length_is_the_bodys() {
        for (announced, good) in [("2", true), ("1", false), ("3", false), ("+2", false), ("0x2", false), ("2 ", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_LENGTH, announced.parse().unwrap());
            assert_eq!(has_length(&headers, b"{}").is_ok(), good, "{announced}");
        }
        assert!(has_length(&HeaderMap::new(), b"{}").is_ok());
    }
}
