//! A request whose policy was enforced: what a handler may look at.

use std::collections::BTreeMap;
use std::net::IpAddr;

use account::UserId;
use account::token::TokenHash;
use serde::de::DeserializeOwned;
use store::entity::user::User;
use store::transaction::spend_step_up::StepUpProof;

use crate::problem::{Fault, Problem};

/// A live session, as the session check found it.
#[derive(Debug, Clone)]
pub struct Session { pub stored: store::entity::session::Session, pub hash: TokenHash, /** Read consistently for this request. */ pub user: User }

impl Session {
    /// Whose session it is.
    pub const fn user_id(&self) -> UserId { self.user.id }
}

/// One request.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) json: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) session: Option<Session>,
    pub(crate) step_up: Option<StepUpProof>,
}

impl Request {
    /// The body as a form. Unknown fields, duplicates and wrong types are refused with a JSON pointer; values are not repeated.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.json { return Err(Problem::unsupported_media_type()); }
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let form = serde_path_to_error::deserialize(&mut reader).map_err(|error| malformed(&error))?;
        reader.end().map_err(|_| Problem::malformed_body().because("There is more after the JSON object."))?;
        Ok(form)
    }
    /// A variable part of the path, parsed; anything that is no such id is not found.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.parameters.get(name).and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
    }
    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> { self.query.get(name).map(String::as_str) }
    /// The session. Its absence under a session policy is a bug of the route table and answers 401, never lets through.
    pub fn session(&self) -> Result<&Session, Problem> { self.session.as_ref().ok_or_else(Problem::no_session) }
    /// The spent step-up proof, once.
    pub fn take_step_up(&mut self) -> Result<StepUpProof, Problem> { self.step_up.take().ok_or_else(Problem::step_up_required) }
    /// The caller's address, from the gateway's request context or the socket; never from a header (RL-4).
    pub const fn source(&self) -> Option<IpAddr> { self.source }
    /// The body's bytes as received.
    pub fn body(&self) -> &[u8] { &self.body }
    /// The method in capitals.
    pub fn method(&self) -> &str { &self.method }
    /// The path as called.
    pub fn path(&self) -> &str { &self.path }
}

fn malformed(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    let pointer = pointer(&error.path().to_string());
    let text = inner.to_string();
    // serde's sentences may repeat the value that was sent; only those that name fields and types are passed on.
    let (code, detail) = if text.starts_with("unknown field") || text.starts_with("missing field") || text.starts_with("duplicate field") {
        let code = if text.starts_with("unknown") { "unknown_field" } else if text.starts_with("missing") { "missing_field" } else { "duplicate_field" };
        (code, text.split(" at line").next().unwrap_or("").to_owned())
    } else if inner.is_data() {
        ("wrong_type_or_value", text.split_once("expected ").map_or_else(
            || "This is not a permitted value.".to_owned(),
            |(_, expected)| format!("Expected {}.", expected.split(" at line").next().unwrap_or(expected)),
        ))
    } else {
        return Problem::malformed_body().because(format!("Not valid JSON at line {}, column {}.", inner.line(), inner.column()));
    };
    Problem::invalid_fields().with_faults(vec![Fault { pointer, code: code.into(), detail }])
}

/// `a.b[2].c` to `/a/b/2/c`.
fn pointer(path: &str) -> String {
    if path == "." || path.is_empty() { return String::new(); }
    format!("/{}", path.replace('[', ".").replace(']', "").replace('.', "/"))
}
