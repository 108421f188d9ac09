//! A request whose policy was enforced: what a handler may look at.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::IpAddr;

use account::token::TokenHash;
use account::{Secret, UserId, WallTime};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use store::Store;
use store::entity::api_token::ApiToken;
use store::entity::user::User;
use store::transaction::spend_step_up::{Spending, StepUpProof};

use crate::problem::{Fault, Problem};
use crate::unambiguous;

/// Who calls, as the session check found it: a live session, or an API token on a route that takes them.
#[derive(Debug, Clone)]
pub struct Session {
    /** Read consistently for this request. */
    pub user: User,
    pub(crate) by: By,
}

/// What was shown.
#[derive(Debug, Clone)]
pub(crate) enum By {
    Session(SignedIn),
    Token(ApiToken),
}

/// A live session, signed in with all factors of its account.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub stored: store::entity::session::Session,
    pub hash: TokenHash,
}

/// The mark of a device that came with a request; whether anybody knows it is not looked up yet.
#[derive(Debug)]
pub struct ShownDevice {
    pub hash: TokenHash,
    /** To be set once more when it is known, so that it lasts. */
    pub text: Secret<String>,
}

impl Session {
    /// Whose session it is.
    pub const fn user_id(&self) -> UserId {
        self.user.id
    }
    /// The session itself; an API token is refused, whatever the route says (LG-4).
    pub fn signed_in(&self) -> Result<&SignedIn, Problem> {
        match &self.by {
            By::Session(signed_in) => Ok(signed_in),
            By::Token(_) => Err(Problem::session_required()),
        }
    }
    /// The API token in place of a session.
    pub const fn api_token(&self) -> Option<&ApiToken> {
        match &self.by {
            By::Session(_) => None,
            By::Token(token) => Some(token),
        }
    }
}

/// One request.
pub struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) json: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) shown: Option<TokenHash>,
    pub(crate) device: Option<ShownDevice>,
    pub(crate) session: Option<Session>,
    pub(crate) step_up: Option<StepUpProof>,
    pub(crate) shown_proof: Option<TokenHash>,
    pub(crate) creation: Option<Creation>,
    pub(crate) if_match: Option<http::HeaderValue>,
}

/// What a creating request creates (`Idempotency-Key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation {
    /** Names it, at the first try and at every repetition, so that a repetition meets what the first has made. */
    pub id: ulid::Ulid,
    /** An earlier try broke off: what it creates may be there already. */
    pub repeated: bool,
}

impl std::fmt::Debug for Request {
    /// Method and path alone: the body holds passwords, codes and exchange keys (LG-6, KX-5).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} {})", self.method, self.path)
    }
}

impl Request {
    /// The body as a form. Unknown fields, duplicates and wrong types are refused with a JSON pointer; values are not repeated.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.json {
            return Err(Problem::unsupported_media_type());
        }
        // Derived readers take an array of the fields in order for an object; the contract does not.
        if !self.body.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::malformed_body());
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let form =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| malformed(&error, is_json(&self.body)))?;
        reader.end().map_err(|_| Problem::malformed_body().because("There is more after the JSON object."))?;
        // A form notices its own fields; maps and values of any kind would keep the last of two.
        if !unambiguous::names_stand_once(&self.body) {
            let detail = "A name stands twice in one object.".to_owned();
            let fault = Fault { pointer: String::new(), code: "duplicate_field".into(), detail };
            return Err(Problem::invalid_fields().with_faults(vec![fault]));
        }
        Ok(form)
    }
    /// For routes that take nothing: no body, or an empty object. A field that nobody reads is refused, as everywhere: who
    /// sent it meant something by it.
    pub fn no_fields(&self) -> Result<(), Problem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        if self.body.is_empty() {
            return Ok(());
        }
        self.json::<Nothing>().map(|Nothing {}| ())
    }
    /// A variable part of the path, parsed; anything that is no such id is not found.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.parameters.get(name).and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
    }
    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
    /// The session. Its absence under a session policy is a bug of the route table and answers 401, never lets through.
    pub fn session(&self) -> Result<&Session, Problem> {
        self.session.as_ref().ok_or_else(Problem::no_session)
    }
    /// The stored form of a session token that came with the request, whatever the policy and whether it lives or not. It
    /// proves nothing: a sign-in ends what it names (LG-3).
    pub const fn shown_session(&self) -> Option<&TokenHash> {
        self.shown.as_ref()
    }
    /// The mark of a device that came with the request (RL-2).
    pub const fn shown_device(&self) -> Option<&ShownDevice> {
        self.device.as_ref()
    }
    /// The spent step-up proof, once.
    pub fn take_step_up(&mut self) -> Result<StepUpProof, Problem> {
        self.step_up.take().ok_or_else(Problem::step_up_required)
    }
    /// ST-2, ST-4: demands the proof from within a handler, where only what is asked for tells whether one is needed. Spends
    /// it for exactly this method, path and body; `step_up_required` without. An API token has none to show.
    pub async fn demand_step_up(&self, store: &Store, now: WallTime) -> Result<StepUpProof, Problem> {
        let session = self.session()?;
        session.signed_in()?;
        let hash = self.shown_proof.as_ref().ok_or_else(Problem::step_up_required)?;
        let body_sha256 = hex::encode(Sha256::digest(&self.body));
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let spending = Spending { hash, user: &session.user, method, path, body_sha256: &body_sha256 };
        store.spend_step_up(spending, now).await?.ok_or_else(Problem::step_up_required)
    }
    /// What this request creates. A repetition under the same `Idempotency-Key` has the same id: it answers what is there
    /// instead of making another. On a route that creates nothing its absence is a bug of the route table.
    pub fn creation(&self) -> Result<Creation, Problem> {
        self.creation.ok_or_else(|| Problem::unavailable().logged("a creation on a route that is not creating"))
    }
    /// Whether the caller means this version (`If-Match`): without the header, or with `*`, which would overwrite whatever
    /// is there, it is asked to say; with another version it has to read again.
    pub fn means_version(&self, version: u64) -> Result<(), Problem> {
        let said = self.if_match.as_ref().ok_or_else(Problem::if_match_required)?;
        let said = said.to_str().map_err(|_| Problem::stale_version())?;
        if said.trim() == "*" {
            return Err(Problem::if_match_required());
        }
        // Compared strongly (RFC 9110, 13.1.1): a weak tag names no version.
        let names = |tag: &str| {
            let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            // The version alone, or an `ETag` as it was sent; what is derived is nobody's to overwrite.
            Some(tag.split_once('-').map_or(tag, |(named, _)| named) == version.to_string())
        };
        if said.split(',').any(|tag| names(tag) == Some(true)) { Ok(()) } else { Err(Problem::stale_version()) }
    }
    /// The same where the caller need not say.
    pub fn means_version_if_said(&self, version: u64) -> Result<(), Problem> {
        if self.if_match.is_none() { Ok(()) } else { self.means_version(version) }
    }
    /// The caller's address, from the gateway's request context or the socket; never from a header (RL-4).
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }
    /// The body's bytes as received.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
    /// The method in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }
    /// The path as called.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Reads a form inside a form: `#[serde(deserialize_with = "api::request::object")]`. A derived reader would take an array of
/// the fields in order for the object as well; the contract does not.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_map(Object(PhantomData))
}

/// The longest field name that is repeated in a pointer.
const NAME_BYTES_MAX: usize = 64;

/// What was wrong, without what was sent: serde's sentences may repeat a value, so only the parts that name our own fields
/// and types are passed on. The pointer names the field.
fn malformed(error: &serde_path_to_error::Error<serde_json::Error>, is_json: bool) -> Problem {
    let inner = error.inner();
    // The reader calls it a syntax error too when it wants a word and finds null, or a list that is too long.
    if !inner.is_data() && !is_json {
        return Problem::malformed_body().because(format!(
            "Not valid JSON at line {}, column {}.",
            inner.line(),
            inner.column()
        ));
    }
    let text = inner.to_string();
    // The position that serde appends, after the last " at line ": what stands before it may hold sent text.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| format!("Expected {expected}."));
    let (code, detail) = if text.starts_with("missing field") || text.starts_with("duplicate field") {
        let code = if text.starts_with("missing") { "missing_field" } else { "duplicate_field" };
        (code, format!("There is a {text}."))
    } else if text.starts_with("unknown field") {
        ("unknown_field", expected.unwrap_or_else(|| "There is no such field.".to_owned()))
    } else {
        ("wrong_type_or_value", expected.unwrap_or_else(|| "This is not a permitted value.".to_owned()))
    };
    Problem::invalid_fields().with_faults(vec![Fault { pointer: pointer(error.path()), code: code.into(), detail }])
}

/// What is ignored is not read as text, so that is looked at first.
fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// RFC 6901; stops at a name that is too long to be one of ours.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                if name.len() > NAME_BYTES_MAX {
                    break;
                }
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => break,
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Form {
        name: String,
        #[serde(default)]
        parts: Vec<Part>,
    }
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Part {
        side: Side,
        count: u32,
    }
    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "snake_case")]
    enum Side {
        Buy,
        Sell,
    }

    #[test]
    fn every_refusal_has_a_code_and_a_pointer() {
        check(r#"{"name":"a"}"#, "fine", "");
        check("{}", "missing_field", "");
        check(r#"{"name":"a","canary":1}"#, "unknown_field", "/canary");
        check(r#"{"name":"a","name":"b"}"#, "duplicate_field", "");
        check(r#"{"name":["canary","b"]}"#, "wrong_type_or_value", "/name");
        check(r#"{"name":null}"#, "wrong_type_or_value", "/name");
        check(
            r#"{"name":"a","parts":[{"side":"buy","count":1},{"side":"canary","count":1}]}"#,
            "wrong_type_or_value",
            "/parts/1/side",
        );
        check(r#"{"name":"a","parts":[{"side":null,"count":1}]}"#, "wrong_type_or_value", "/parts/0/side");
        check(r#"{"name":"a","parts":[{"side":["buy","canary"],"count":1}]}"#, "wrong_type_or_value", "/parts/0/side");
        check(r#"{"name":"a","parts":[{"side":"buy","count":"canary"}]}"#, "wrong_type_or_value", "/parts/0/count");
        check(r#"{"name":"a","parts":[{"side":"buy","count":-77}]}"#, "wrong_type_or_value", "/parts/0/count");
        check(r#"{"name":"a","a/b~c":1}"#, "unknown_field", "/a~1b~0c");
        check(&format!(r#"{{"name":"a","{}":1}}"#, "x".repeat(65)), "unknown_field", "");
    }

    #[test]
    fn an_array_of_the_fields_in_order_is_no_form_inside_a_form() {
        #[derive(Deserialize, Debug)]
        struct Outer {
            #[serde(deserialize_with = "object")]
            #[expect(dead_code, reason = "only parsed")]
            part: Part,
        }
        for (text, fine) in [(r#"{"side":"buy","count":1}"#, true), (r#"["buy",1]"#, false), ("[]", false)] {
            let read = serde_json::from_str::<Outer>(&format!(r#"{{"part":{text}}}"#));
            assert_eq!(read.is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in [
            "",
            "null",
            "[\"canary\"]",
            "\"canary\"",
            "{",
            "{\"name\":canary}",
            "{\"name\":\"a\"} {}",
            "{\"name\":\"\t\"}",
        ] {
            check(body, "malformed_body", "");
        }
    }

    #[test]
    fn su_5_values_are_never_repeated_even_when_they_imitate_our_sentences() {
        for value in [
            "canary, expected canary at line 1",
            "canary at line 2 column 3",
            "unknown field `canary`, expected canary",
        ] {
            let body = format!(r#"{{"name":"a","parts":[{{"side":{value:?},"count":1}}]}}"#);
            check(&body, "wrong_type_or_value", "/parts/0/side");
            let body = format!(r#"{{"name":"a","parts":[{{"side":"buy","count":{value:?}}}]}}"#);
            check(&body, "wrong_type_or_value", "/parts/0/count");
        }
    }

    fn check(body: &str, code: &str, pointer: &str) {
        let request = Request {
            method: "POST".into(),
            path: "/v1/x".into(),
            parameters: BTreeMap::new(),
            query: BTreeMap::new(),
            body: body.as_bytes().to_vec(),
            json: true,
            source: None,
            shown: None,
            device: None,
            session: None,
            step_up: None,
            shown_proof: None,
            creation: None,
            if_match: None,
        };
        let Err(problem) = request.json::<Form>() else { return assert_eq!(code, "fine", "{body}") };
        match problem.faults() {
            [] => assert_eq!((problem.code(), ""), (code, pointer), "{body}"),
            [fault] => {
                assert_eq!((fault.code.as_str(), fault.pointer.as_str()), (code, pointer), "{body}");
                assert!(!fault.detail.contains("canary") && !fault.detail.contains("77"), "{}", fault.detail);
            }
            more => panic!("{more:?}"),
        }
        assert!(!problem.detail().contains("canary"), "{}", problem.detail());
    }

    #[test]
    fn lg_6_a_request_prints_nothing_of_its_body() {
        let request = Request {
            method: "POST".into(),
            path: "/v1/login".into(),
            parameters: BTreeMap::new(),
            query: BTreeMap::from([("q".to_owned(), "canary".to_owned())]),
            body: b"canary".to_vec(),
            json: true,
            source: None,
            shown: None,
            device: None,
            session: None,
            step_up: None,
            shown_proof: None,
            creation: None,
            if_match: None,
        };
        assert_eq!(format!("{request:?}"), "Request(POST /v1/login)");
    }
}
