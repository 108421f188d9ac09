//! The two ceremonies, each begun and finished.

use account::UserId;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, Passkey, PasskeyRegistration, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::answer::handle_of;
use crate::{Assertion, Attestation, CredentialId};

/// What people read in their authenticator's list.
const NAME: &str = "Shearpin";

/// No passkeys can be bound to this origin.
#[derive(Debug, thiserror::Error)]
#[error("passkeys need an origin with a host name, as https://app.example.com or http://localhost:8080")]
pub struct OriginRefused;

/// The answer does not belong to this ceremony, this site or this key, or was not made as demanded. The reason is for the
/// log; a caller is never told which.
#[derive(Debug, thiserror::Error)]
#[error("passkey ceremony refused: {0}")]
pub struct WrongAnswer(String);

impl From<WebauthnError> for WrongAnswer {
    fn from(error: WebauthnError) -> Self {
        Self(error.to_string())
    }
}
impl WrongAnswer {
    /// The answer names a key that is not one of those looked at.
    pub fn unknown_key() -> Self {
        Self::because("no such key in this account")
    }
    fn because(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

/// A ceremony that was begun.
pub struct Begun {
    /// For the browser, as `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` take it. Holds the challenge.
    pub options: Value,
    /// For ourselves until the answer comes: never shown to the client.
    pub state: String,
}
impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Begun(..)")
    }
}

/// A key that was registered: nothing in it is secret.
#[derive(Debug, Clone)]
pub struct Registered {
    pub credential_id: CredentialId,
    /// The public key and what its verification needs, as JSON.
    pub key: String,
    /// How often it has signed, by its own count; 0 for keys that do not count.
    pub counter: u32,
}

/// A key as stored, at its present counter.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub key: &'a str,
    pub counter: u32,
}

/// The one site that passkeys are bound to.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    webauthn: Webauthn,
}

impl RelyingParty {
    /// The site of `origin`: scheme, host and port must be exactly this; keys are bound to the host.
    pub fn at(origin: &str) -> Result<Self, OriginRefused> {
        let url = Url::parse(origin).map_err(|_| OriginRefused)?;
        let host = url.domain().ok_or(OriginRefused)?;
        let webauthn =
            WebauthnBuilder::new(host, &url).and_then(|b| b.rp_name(NAME).build()).map_err(|_| OriginRefused)?;
        Ok(Self { webauthn })
    }

    /// Begins a registration. `registered` are the account's keys: an authenticator that holds one of them refuses.
    pub fn begin_registration(
        &self,
        user: UserId,
        name: &str,
        registered: &[CredentialId],
    ) -> Result<Begun, WrongAnswer> {
        let handle = handle_of(user).ok_or_else(|| WrongAnswer::because("no handle for this account"))?;
        let exclude = registered.iter().map(CredentialId::bytes).collect();
        let (options, state) =
            self.webauthn.start_passkey_registration(Uuid::from_bytes(handle), name, name, Some(exclude))?;
        let mut options = public_key(&options)?;
        // The key should be found without a name, for the sole login; a device without room for that is a factor all the same.
        if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
            selection.insert("residentKey".into(), json!("preferred"));
            selection.insert("requireResidentKey".into(), json!(false));
        }
        Ok(Begun { options, state: stored(&state)? })
    }

    /// Verifies the answer to a registration.
    pub fn finish_registration(&self, state: &str, shown: &Attestation) -> Result<Registered, WrongAnswer> {
        let state: PasskeyRegistration = read(state)?;
        let passkey = self.webauthn.finish_passkey_registration(&shown.0, &state)?;
        let credential_id =
            CredentialId::of(passkey.cred_id()).map_err(|_| WrongAnswer::because("the key's id is too long"))?;
        let key = stored(&passkey)?;
        Ok(Registered { credential_id, key, counter: Credential::from(passkey).counter })
    }

    /// Begins a sign-in with one of `allowed`; with none, the authenticator says whose key it is.
    pub fn begin_assertion(&self, allowed: &[CredentialId]) -> Result<Begun, WrongAnswer> {
        let (options, state) = self.webauthn.start_discoverable_authentication()?;
        let mut options = public_key(&options)?;
        let allowed: Vec<Value> = allowed.iter().map(|id| json!({ "type": "public-key", "id": id.as_str() })).collect();
        if let Some(options) = options.as_object_mut() {
            options.insert("allowCredentials".into(), Value::Array(allowed));
        }
        Ok(Begun { options, state: stored(&state)? })
    }

    /// Verifies the answer to a sign-in with the key that was looked up for it, and gives the counter after it. PK-1: a
    /// counter that does not rise is refused, unless the key does not count at all.
    pub fn finish_assertion(&self, state: &str, shown: &Assertion, key: Stored<'_>) -> Result<u32, WrongAnswer> {
        let state: DiscoverableAuthentication = read(state)?;
        let passkey: Passkey = read(key.key)?;
        let mut credential = Credential::from(passkey);
        credential.counter = key.counter;
        let result = self.webauthn.finish_discoverable_authentication_v2(&shown.0, state, &credential)?;
        // PK-1: the library demands it by the state; said again here because everything rests on it.
        if !result.user_verified() {
            return Err(WrongAnswer::because("the user was not verified"));
        }
        Ok(result.counter())
    }
}

/// What the browser's parser takes: the inner object.
fn public_key(options: &impl serde::Serialize) -> Result<Value, WrongAnswer> {
    let mut whole = serde_json::to_value(options).map_err(|e| WrongAnswer(e.to_string()))?;
    match whole.get_mut("publicKey") {
        Some(options) => Ok(options.take()),
        None => Err(WrongAnswer::because("options without a publicKey")),
    }
}
fn stored(state: &impl serde::Serialize) -> Result<String, WrongAnswer> {
    serde_json::to_string(state).map_err(|e| WrongAnswer(e.to_string()))
}
fn read<T: serde::de::DeserializeOwned>(state: &str) -> Result<T, WrongAnswer> {
    serde_json::from_str(state).map_err(|e| WrongAnswer(e.to_string()))
}
