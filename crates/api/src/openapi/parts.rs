//! The parts of the document that are the same for every route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::operation::Operation;
use crate::problem::CATALOGUE;
use crate::route::{Policy, Tokens};
use crate::{Problem, Route};

/// What stands before the routes.
pub(super) fn info() -> Value {
    json!({
        "title": "Shearpin",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Self-hosted strategy bots for crypto exchanges.",
        "description": "Amounts, prices and percentages are decimal strings; times are RFC 3339 in UTC; ids are ULIDs with a prefix. \
            Unknown fields in a request are refused. Every refusal is a problem (RFC 9457) with a stable `code`, documented in \
            `docs/problems`. Bodies hold at most 64 KiB.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    })
}

/// How a caller shows who it is.
pub(super) fn security_schemes() -> Value {
    json!({
        "session_cookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-session",
            "description": "A session in a browser. Requests other than GET also need `X-Requested-With: shearpin` and an allowed `Origin`.",
        },
        "session": {
            "type": "http", "scheme": "bearer",
            "description": "The token of a session, from `POST /v1/login`.",
        },
        "api_token": {
            "type": "http", "scheme": "bearer",
            "description": "An API token, from `POST /v1/tokens`. `x-token-scope` of a route names the scope that reaches it.",
        },
    })
}

/// Which of them a route takes; none for a public one.
pub(super) fn security(route: &Route) -> Vec<Value> {
    let mut taken = match route.demands() {
        Policy::Public => return Vec::new(),
        Policy::Session | Policy::StepUp => vec![json!({ "session_cookie": [] }), json!({ "session": [] })],
    };
    if let Some(scope) = scope(route) {
        taken.push(json!({ "api_token": [scope] }));
    }
    taken
}

/// The scope of an API token that reaches the route.
pub(super) const fn scope(route: &Route) -> Option<&'static str> {
    match route.tokens() {
        Tokens::Refused => None,
        Tokens::Read => Some("read"),
        Tokens::Trade => Some("trade"),
    }
}

/// The headers that follow from the route.
pub(super) fn headers(route: &Route) -> Vec<Value> {
    let mut headers = Vec::new();
    if route.demands() == Policy::StepUp {
        headers.push(json!({
            "name": "X-Step-Up", "in": "header", "required": true, "schema": { "type": "string" },
            "description": "A proof from `POST /v1/step-up` for exactly this method, path and body.",
        }));
    }
    if route.creates() {
        headers.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "schema": { "type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-+\\--~]+$" },
            "description": "A fresh key for a fresh request, such as a UUID; the same one when it is repeated, which is then answered again for 24 hours.",
        }));
    }
    headers
}

/// Every problem that a route can answer, by status: its own and those that the layers before it give.
pub(super) fn problems(route: &Route, operation: &Operation) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut all: Vec<fn() -> Problem> = operation.problems.clone();
    // The size of a body and the form of a query are looked at whether a route wants them or not.
    all.extend([Problem::body_too_large as fn() -> Problem, Problem::invalid_fields]);
    // So are headers that stand twice and encodings (crates/api/src/one_meaning.rs).
    all.extend([Problem::ambiguous_request as fn() -> Problem, Problem::unsupported_media_type]);
    if !route.parameters().is_empty() {
        all.push(Problem::cursor_refused);
    }
    if operation.body.is_some() {
        all.extend([Problem::malformed_body as fn() -> Problem, Problem::unsupported_media_type]);
    }
    if route.path().contains('{') {
        all.push(Problem::not_found);
    }
    if !operation.stateless {
        all.extend([Problem::unavailable as fn() -> Problem, Problem::outcome_unknown]);
    }
    match route.demands() {
        Policy::Public => {}
        Policy::Session | Policy::StepUp => {
            all.push(Problem::no_session);
            if route.method() != "GET" {
                all.push(Problem::cross_site_request);
            }
            all.push(match route.tokens() {
                Tokens::Refused => Problem::session_required,
                Tokens::Read | Tokens::Trade => Problem::token_out_of_scope,
            });
        }
    }
    if route.demands() == Policy::StepUp {
        all.push(Problem::step_up_required);
    }
    if route.creates() {
        all.extend([
            Problem::idempotency_key_missing as fn() -> Problem,
            Problem::idempotency_key_invalid,
            Problem::idempotency_key_reused,
            Problem::idempotency_in_flight,
            Problem::idempotency_answered_elsewhere,
        ]);
    }
    let mut by_status: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    for problem in all {
        let problem = problem();
        by_status.entry(problem.status().as_u16()).or_default().insert(problem.code());
    }
    by_status
}

/// The name of that answer among the document's parts.
pub(super) fn refusal_name(status: u16, codes: &BTreeSet<&'static str>) -> String {
    let codes: Vec<&str> = codes.iter().copied().collect();
    format!("{status}.{}", codes.join("."))
}

/// The answer of a status that stands for these problems.
pub(super) fn refusal(status: u16, codes: &BTreeSet<&'static str>) -> Value {
    let lines: Vec<String> = CATALOGUE
        .iter()
        .filter(|kind| codes.contains(kind.code))
        .map(|kind| format!("`{}`: {}.", kind.code, kind.title))
        .collect();
    let mut headers = Map::new();
    if matches!(status, 429 | 503) {
        headers.insert(
            "Retry-After".into(),
            json!({ "description": "Seconds to wait before the next try, where that is known.", "schema": { "type": "integer", "minimum": 0 } }),
        );
    }
    if status == 401 {
        headers.insert(
            "WWW-Authenticate".into(),
            json!({ "description": "How to sign in.", "required": true, "schema": { "const": "Bearer" } }),
        );
    }
    let schema = json!({
        "allOf": [{ "$ref": "#/components/schemas/Problem" }],
        "properties": { "status": { "const": status }, "code": { "enum": codes } },
    });
    let mut answer =
        json!({ "description": lines.join("\n"), "content": { "application/problem+json": { "schema": schema } } });
    if let (Value::Object(answer), false) = (&mut answer, headers.is_empty()) {
        answer.insert("headers".into(), Value::Object(headers));
    }
    answer
}
