//! The contract, put together from all functions, and whether an answer keeps it.
//!
//! Every answer that a story gets is looked at here. Paths and methods that the contract does not have are left alone: there
//! the stories say what they expect.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use api::{Operation, Route};
use http::{HeaderMap, StatusCode, header};
use jsonschema::Validator;
use serde_json::{Value, json};

/// What every function says of its routes.
pub fn operations() -> Vec<(Route, Operation)> {
    [
        function_signup::operations(),
        function_login::operations(),
        function_second_factor::operations(),
        function_password_reset::operations(),
        function_connections::operations(),
        function_bots::operations(),
        function_paper_exchange::operations(),
    ]
    .concat()
}

/// The whole document. Errors: everything that does not fit together.
pub fn document() -> Result<Value, Vec<String>> {
    let (document, findings) = api::openapi::document(api::routes::ALL, &operations());
    if findings.is_empty() { Ok(document) } else { Err(findings) }
}

/// As it is committed and served.
pub fn text(document: &Value) -> String {
    serde_json::to_string_pretty(document).expect("JSON") + "\n"
}

/// What an answer of an operation is: itself, or the part that it names.
pub fn resolved<'a>(document: &'a Value, answer: &'a Value) -> &'a Value {
    match answer["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#'))) {
        Some(named) => named,
        None => answer,
    }
}

/// The document with its compiled schemas.
struct Contract {
    document: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract {
    // What does not fit together is said once, by the rule for the committed document, and not by every story.
    document: api::openapi::document(api::routes::ALL, &operations()).0,
    compiled: Mutex::default(),
});

/// Fails the story when an answer is not one that the contract names.
#[track_caller]
pub fn keeps(method: &str, uri: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    if let Err(why) = CONTRACT.check(method, uri, status, headers, body) {
        panic!(
            "the contract does not know this answer to {method} {uri}: {status}: {why}\n  {}\n  See docs/adding-an-endpoint.md.",
            String::from_utf8_lossy(body)
        );
    }
}

impl Contract {
    fn check(
        &self,
        method: &str,
        uri: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        let path = uri.split(['?', '#']).next().unwrap_or("");
        let Some(template) = self.template(path) else { return Ok(()) };
        let Some(operation) = self.document["paths"][template].get(method.to_lowercase()) else { return Ok(()) };
        let answer = operation["responses"].get(status.as_str()).ok_or("its status is not documented")?;
        let answer = resolved(&self.document, answer);
        let found = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let Some(content) = answer.get("content").and_then(Value::as_object) else {
            return if body.is_empty() { Ok(()) } else { Err("a body where none is documented".into()) };
        };
        let kind = found.and_then(|kind| kind.split(';').next()).ok_or("it has no content type")?;
        let schema = content.get(kind).ok_or_else(|| format!("its content type {kind} is not documented"))?;
        if !kind.ends_with("json") {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("its body is no JSON: {error}"))?;
        let validator = self.validator(&format!("{method} {template} {status} {kind}"), &schema["schema"]);
        let faults: Vec<String> =
            validator.iter_errors(&value).map(|fault| format!("{} at {}", fault, fault.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// The path of the document that a path belongs to; one without variable parts goes first.
    fn template(&self, path: &str) -> Option<&str> {
        let paths = self.document["paths"].as_object()?;
        if let Some((exact, _)) = paths.get_key_value(path) {
            return Some(exact);
        }
        paths.keys().map(String::as_str).find(|template| {
            let (theirs, ours) = (template.split('/'), path.split('/'));
            theirs.clone().count() == ours.clone().count()
                && theirs.zip(ours).all(|(part, found)| part == found || (part.starts_with('{') && !found.is_empty()))
        })
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap();
        let made = compiled.entry(name.to_owned()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.document["components"] });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).unwrap_or_else(|error| panic!("{name}: {error}")))
        });
        made.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBLEM: &str = r#"{"type":"https://shearpin.dev/problems/no_session","title":"t","status":401,"detail":"d","code":"no_session"}"#;
    const PAGE: &str = r#"{"items":[],"next_cursor":null}"#;

    #[test]
    fn an_answer_keeps_the_contract_or_is_told_from_it() {
        check("GET", "/v1/sessions", 200, "application/json", PAGE, "");
        check("GET", "/v1/sessions?limit=5", 200, "application/json; charset=utf-8", PAGE, "");
        check("GET", "/v1/sessions", 401, "application/problem+json", PROBLEM, "");
        check("GET", "/v1/health", 401, "application/problem+json", PROBLEM, "status is not documented");
        check("GET", "/v1/sessions", 403, "application/problem+json", PROBLEM, "no_session");
        check("GET", "/v1/sessions", 401, "application/json", PROBLEM, "content type");
        check("GET", "/v1/sessions", 200, "application/json", r#"{"items":[]}"#, "next_cursor");
        check("GET", "/v1/sessions", 200, "application/json", r#"{"items":[],"next_cursor":null,"more":1}"#, "more");
        check("GET", "/v1/sessions", 200, "application/json", r#"{"items":[{"id":1}],"next_cursor":null}"#, "/items/0");
        check("GET", "/v1/sessions", 200, "application/json", "{", "no JSON");
        check("POST", "/v1/logout", 204, "", "", "");
        check("POST", "/v1/logout", 204, "", "{}", "a body where none");
        check("GET", "/v1/bots/bot_1", 200, "application/json", PAGE, "items");
        check("GET", "/v1/nowhere", 418, "text/plain", "", "");
        check("PUT", "/v1/sessions", 405, "text/plain", "", "");
    }

    fn check(method: &str, uri: &str, status: u16, kind: &str, body: &str, fault: &str) {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        match CONTRACT.check(method, uri, status, &headers, body.as_bytes()) {
            Ok(()) => assert_eq!(fault, "", "{method} {uri} {status} {body}"),
            Err(why) => assert!(!fault.is_empty() && why.contains(fault), "{method} {uri} {status} {body}: {why}"),
        }
    }
}
