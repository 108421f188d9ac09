//! What a browser's authenticator answers, as received. Nothing in it is trusted before it was verified.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use account::UserId;
use data_encoding::BASE64URL_NOPAD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use ulid::Ulid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

/// The longest credential id in bytes that WebAuthn permits.
const ID_BYTES_MAX: usize = 1023;

/// What an authenticator calls a key of its own, in unpadded base64url. Not secret, and not unguessable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialId(String);

/// Not the id of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url of 1 to 1023 bytes")]
pub struct NotACredentialId;

impl CredentialId {
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, NotACredentialId> {
        let fits = !bytes.is_empty() && bytes.len() <= ID_BYTES_MAX;
        fits.then(|| Self(BASE64URL_NOPAD.encode(bytes))).ok_or(NotACredentialId)
    }
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // It was made by `of` or `from_str`, which take nothing else.
        BASE64URL_NOPAD.decode(self.0.as_bytes()).unwrap_or_default()
    }
    /// Base64url without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for CredentialId {
    type Err = NotACredentialId;
    fn from_str(text: &str) -> Result<Self, NotACredentialId> {
        Self::of(&BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| NotACredentialId)?)
    }
}
impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to a registration: the `toJSON()` of what `navigator.credentials.create` gave. Members that WebAuthn may add
/// are ignored: the object is the browser's, not ours.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Attestation(pub(crate) RegisterPublicKeyCredential);

/// The answer to a sign-in: the `toJSON()` of what `navigator.credentials.get` gave.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Assertion(pub(crate) PublicKeyCredential);

impl Assertion {
    /// Which key claims to have signed. It decides nothing by itself (PK-4).
    pub fn credential_id(&self) -> Result<CredentialId, NotACredentialId> {
        CredentialId::of(self.0.get_credential_id())
    }
    /// Whose key it claims to be: the handle that we gave at the registration. `None` when the authenticator sent none.
    pub fn user(&self) -> Option<Result<UserId, NotACredentialId>> {
        self.0.get_user_unique_id().map(user_of)
    }
}

/// The handle under which an authenticator knows an account: the 16 bytes of its id, which say nothing about its owner.
pub(crate) fn handle_of(user: UserId) -> Option<[u8; 16]> {
    let text = user.to_string();
    text.strip_prefix(UserId::PREFIX).and_then(|t| Ulid::from_string(t).ok()).map(|ulid| ulid.to_bytes())
}
fn user_of(handle: &[u8]) -> Result<UserId, NotACredentialId> {
    let bytes: [u8; 16] = handle.try_into().map_err(|_| NotACredentialId)?;
    Ok(UserId::new(Ulid::from_bytes(bytes)))
}

impl fmt::Debug for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attestation(..)")
    }
}
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(..)")
    }
}
impl JsonSchema for Attestation {
    fn schema_name() -> Cow<'static, str> {
        "PasskeyAttestation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        shown(&["attestationObject", "clientDataJSON"], "create")
    }
}
impl JsonSchema for Assertion {
    fn schema_name() -> Cow<'static, str> {
        "PasskeyAssertion".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        shown(&["authenticatorData", "clientDataJSON", "signature"], "get")
    }
}

/// The object as WebAuthn defines it, by the members that are read.
fn shown(required: &[&str], call: &str) -> Schema {
    json_schema!({
        "type": "object",
        "description": format!("The toJSON() of what navigator.credentials.{call} gave; other members are ignored."),
        "required": ["id", "rawId", "response", "type"],
        "properties": {
            "id": { "type": "string" },
            "rawId": { "type": "string" },
            "type": { "type": "string" },
            "response": { "type": "object", "required": required },
        },
    })
}
