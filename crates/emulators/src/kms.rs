//! KMS: data keys, encryption bound to a context, message authentication.
//!
//! A ciphertext opens only under the key that made it and with the context it was made with. Key material lies sealed
//! under the folder's key and never leaves this file.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::answer::Answer;
use crate::policy::Resource;
use crate::seal::{LocalKey, random_bytes};
use crate::shelf::{Shelf, seconds};

pub(crate) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, alias TEXT NOT NULL UNIQUE, spec TEXT NOT NULL, enabled INTEGER NOT NULL,
    sealed BLOB NOT NULL, created_ms INTEGER NOT NULL)";

const ARN: &str = "arn:aws:kms:us-east-1:000000000000:";
/// AWS's limit for Encrypt and for the message of a MAC.
const PLAIN_BYTES_MAX: usize = 4096;
/// AWS's limit for a ciphertext.
const CIPHERTEXT_BYTES_MAX: usize = 6144;
/// Stands in front of every ciphertext: a version, then the key's id.
const BLOB_MARK: &[u8; 4] = b"LKB1";
const ID_CHARS: usize = 36;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeySpec {
    /// Encrypts and makes data keys: `SYMMETRIC_DEFAULT`.
    Symmetric,
    /// Makes and verifies message authentication codes: `HMAC_256`.
    Hmac256,
}

impl MasterKeySpec {
    fn wire_name(self) -> &'static str {
        match self {
            Self::Symmetric => "SYMMETRIC_DEFAULT",
            Self::Hmac256 => "HMAC_256",
        }
    }
}

pub(crate) struct Kms {
    shelf: Arc<Shelf>,
}

struct MasterKey {
    id: String,
    alias: String,
    spec: String,
    enabled: bool,
    material: LocalKey,
    created_ms: i64,
}

impl Kms {
    pub(crate) fn new(shelf: Arc<Shelf>) -> Self {
        Self { shelf }
    }

    /// The id of the key with this alias, made on first use.
    pub(crate) fn ensure(&self, alias: &str, spec: MasterKeySpec) -> Result<String, Answer> {
        if let Some(key) = self.find(alias)? {
            if key.spec != spec.wire_name() {
                return Err(Answer::broken(format!("{alias} is a {} key, not {}", key.spec, spec.wire_name())));
            }
            return Ok(key.id);
        }
        let id = new_id()?;
        let material = LocalKey::random().map_err(Answer::broken)?;
        let sealed = self.shelf.key.seal(material.bytes(), id.as_bytes()).map_err(Answer::broken)?;
        self.shelf.connection().execute(
            "INSERT INTO keys VALUES (?1, ?2, ?3, 1, ?4, ?5)",
            params![id, alias, spec.wire_name(), sealed, self.shelf.now_ms()],
        )?;
        Ok(id)
    }

    pub(crate) fn call(&self, operation: &str, request: &Value) -> Answer {
        let done = match operation {
            "GenerateDataKey" => self.data_key(request, true),
            "GenerateDataKeyWithoutPlaintext" => self.data_key(request, false),
            "Encrypt" => self.encrypt(request),
            "Decrypt" => self.decrypt(request),
            "GenerateMac" => self.generate_mac(request),
            "VerifyMac" => self.verify_mac(request),
            "DescribeKey" => self.require(request).map(|key| json!({ "KeyMetadata": described(&key) })),
            "EnableKey" => self.set_enabled(request, true),
            "DisableKey" => self.set_enabled(request, false),
            _ => Err(refused("UnknownOperationException", &format!("{operation} is not served by the local KMS"))),
        };
        match done {
            Ok(body) => Answer::ok(&body),
            Err(refused) => refused,
        }
    }

    /// The key that a request is about, as a policy names it.
    pub(crate) fn resource(&self, operation: &str, request: &Value) -> Resource {
        let id = match operation {
            "Decrypt" => blob_of(request).ok().and_then(|blob| split_blob(&blob).map(|(id, _)| id.to_owned())),
            _ => request["KeyId"].as_str().map(str::to_owned),
        };
        let key = id.as_deref().and_then(|id| self.find(id).ok().flatten());
        match (key, id) {
            (Some(key), _) => Resource::Key { id: key.id, alias: Some(key.alias) },
            (None, Some(id)) => Resource::Key { id, alias: None },
            (None, None) => Resource::Any,
        }
    }

    fn data_key(&self, request: &Value, with_plaintext: bool) -> Result<Value, Answer> {
        let key = self.usable(request, MasterKeySpec::Symmetric)?;
        let bytes = match (request["KeySpec"].as_str(), request["NumberOfBytes"].as_u64()) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(bytes @ 1..=1024)) => bytes as usize,
            _ => return Err(validation("Please specify either number of bytes (1 to 1024) or key spec.")),
        };
        let plain = random_bytes::<1024>().map_err(Answer::broken)?;
        let plain = &plain[..bytes];
        let blob = blob(&key, plain, request)?;
        let mut answer = json!({ "KeyId": arn(&key.id), "CiphertextBlob": BASE64.encode(blob) });
        if with_plaintext {
            answer["Plaintext"] = json!(BASE64.encode(plain));
        }
        Ok(answer)
    }

    fn encrypt(&self, request: &Value) -> Result<Value, Answer> {
        let key = self.usable(request, MasterKeySpec::Symmetric)?;
        let plain = bytes_of(request, "Plaintext", PLAIN_BYTES_MAX)?;
        let blob = blob(&key, &plain, request)?;
        Ok(json!({
            "KeyId": arn(&key.id), "CiphertextBlob": BASE64.encode(blob), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }

    fn decrypt(&self, request: &Value) -> Result<Value, Answer> {
        let blob = blob_of(request)?;
        let invalid = || refused("InvalidCiphertextException", "");
        let (id, sealed) = split_blob(&blob).ok_or_else(invalid)?;
        let key = self.find(id)?.ok_or_else(invalid)?;
        if !request["KeyId"].is_null() && self.require(request)?.id != key.id {
            return Err(refused(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ));
        }
        check_usable(&key, MasterKeySpec::Symmetric)?;
        let plain = key.material.open(sealed, &context(&key.id, request)?).ok_or_else(invalid)?;
        Ok(json!({
            "KeyId": arn(&key.id), "Plaintext": BASE64.encode(plain), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }

    fn generate_mac(&self, request: &Value) -> Result<Value, Answer> {
        let (key, mac) = self.mac(request)?;
        let mac = BASE64.encode(mac.finalize().into_bytes());
        Ok(json!({ "KeyId": arn(&key.id), "Mac": mac, "MacAlgorithm": "HMAC_SHA_256" }))
    }

    fn verify_mac(&self, request: &Value) -> Result<Value, Answer> {
        let (key, mac) = self.mac(request)?;
        let claimed = bytes_of(request, "Mac", CIPHERTEXT_BYTES_MAX)?;
        mac.verify_slice(&claimed).map_err(|_| refused("KMSInvalidMacException", "The MAC does not verify."))?;
        Ok(json!({ "KeyId": arn(&key.id), "MacValid": true, "MacAlgorithm": "HMAC_SHA_256" }))
    }

    fn mac(&self, request: &Value) -> Result<(MasterKey, Hmac<Sha256>), Answer> {
        let key = self.usable(request, MasterKeySpec::Hmac256)?;
        if request["MacAlgorithm"] != "HMAC_SHA_256" {
            return Err(refused("InvalidKeyUsageException", "The key does not support this MAC algorithm."));
        }
        let message = bytes_of(request, "Message", PLAIN_BYTES_MAX)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.material.bytes()).map_err(Answer::broken)?;
        mac.update(&message);
        Ok((key, mac))
    }

    fn set_enabled(&self, request: &Value, enabled: bool) -> Result<Value, Answer> {
        let key = self.require(request)?;
        self.shelf.connection().execute("UPDATE keys SET enabled = ?2 WHERE id = ?1", params![key.id, enabled])?;
        Ok(json!({}))
    }

    fn usable(&self, request: &Value, spec: MasterKeySpec) -> Result<MasterKey, Answer> {
        let key = self.require(request)?;
        check_usable(&key, spec)?;
        Ok(key)
    }

    fn require(&self, request: &Value) -> Result<MasterKey, Answer> {
        let id = request["KeyId"].as_str().ok_or_else(|| validation("KeyId is missing"))?;
        let missing = || refused("NotFoundException", &format!("Key '{id}' does not exist"));
        self.find(id)?.ok_or_else(missing)
    }

    /// By id, alias, or the ARN of either.
    fn find(&self, id: &str) -> Result<Option<MasterKey>, Answer> {
        let id = id.strip_prefix(ARN).map_or(id, |rest| rest.strip_prefix("key/").unwrap_or(rest));
        let found = self
            .shelf
            .connection()
            .prepare_cached(
                "SELECT id, alias, spec, enabled, sealed, created_ms FROM keys WHERE id = ?1 OR alias = ?1",
            )?
            .query_row([id], |row| {
                let sealed: Vec<u8> = row.get(4)?;
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, sealed, row.get(5)?))
            })
            .optional()?;
        let Some((id, alias, spec, enabled, sealed, created_ms)) = found else { return Ok(None) };
        let id: String = id;
        let material = self.shelf.key.open(&sealed, id.as_bytes()).and_then(|bytes| bytes.try_into().ok());
        let material = material.map(LocalKey::new);
        let material = material.ok_or_else(|| Answer::broken("a key was sealed under another folder's key"))?;
        Ok(Some(MasterKey { id, alias, spec, enabled, material, created_ms }))
    }
}

fn check_usable(key: &MasterKey, spec: MasterKeySpec) -> Result<(), Answer> {
    if !key.enabled {
        return Err(refused("DisabledException", &format!("{} is disabled.", arn(&key.id))));
    }
    if key.spec != spec.wire_name() {
        return Err(refused(
            "InvalidKeyUsageException",
            &format!("{} key usage is not valid for this operation.", arn(&key.id)),
        ));
    }
    Ok(())
}

fn arn(id: &str) -> String {
    format!("{ARN}key/{id}")
}

fn described(key: &MasterKey) -> Value {
    let usage = if key.spec == MasterKeySpec::Hmac256.wire_name() { "GENERATE_VERIFY_MAC" } else { "ENCRYPT_DECRYPT" };
    json!({
        "KeyId": key.id, "Arn": arn(&key.id), "AWSAccountId": "000000000000", "Enabled": key.enabled,
        "KeyState": if key.enabled { "Enabled" } else { "Disabled" }, "KeyUsage": usage, "KeySpec": key.spec,
        "KeyManager": "CUSTOMER", "Origin": "AWS_KMS", "MultiRegion": false, "CreationDate": seconds(key.created_ms),
        "Description": key.alias,
    })
}

fn blob(key: &MasterKey, plain: &[u8], request: &Value) -> Result<Vec<u8>, Answer> {
    let sealed = key.material.seal(plain, &context(&key.id, request)?).map_err(Answer::broken)?;
    Ok([BLOB_MARK, key.id.as_bytes(), &sealed].concat())
}

fn split_blob(blob: &[u8]) -> Option<(&str, &[u8])> {
    let (id, sealed) = blob.strip_prefix(BLOB_MARK)?.split_at_checked(ID_CHARS)?;
    Some((std::str::from_utf8(id).ok()?, sealed))
}

fn blob_of(request: &Value) -> Result<Vec<u8>, Answer> {
    bytes_of(request, "CiphertextBlob", CIPHERTEXT_BYTES_MAX)
}

/// The key's id and the context, so written that no two contexts give the same bytes.
fn context(id: &str, request: &Value) -> Result<Vec<u8>, Answer> {
    let mut pairs = Vec::new();
    for (name, value) in request["EncryptionContext"].as_object().into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| validation("an encryption context maps strings to strings"))?;
        pairs.push((name.as_str(), value));
    }
    pairs.sort_unstable();
    let mut bytes = id.as_bytes().to_vec();
    for part in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(format!("{}:{part}", part.len()).as_bytes());
    }
    Ok(bytes)
}

fn bytes_of(request: &Value, member: &str, max: usize) -> Result<Vec<u8>, Answer> {
    let text = request[member].as_str().ok_or_else(|| validation(&format!("{member} is missing")))?;
    let bytes =
        BASE64.decode(text).map_err(|_| refused("SerializationException", &format!("{member} is not base64")))?;
    if bytes.is_empty() || bytes.len() > max {
        return Err(validation(&format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
             between 1 and {max}"
        )));
    }
    Ok(bytes)
}

/// A random id in the shape of a UUID of version 4.
fn new_id() -> Result<String, Answer> {
    let mut bytes = random_bytes::<16>().map_err(Answer::broken)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn refused(error: &str, message: &str) -> Answer {
    Answer::refused(400, error, message)
}

fn validation(message: &str) -> Answer {
    refused("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_contexts_give_the_same_bytes() {
        let bytes = |value: Value| context("k", &json!({ "EncryptionContext": value })).unwrap();
        assert_eq!(bytes(json!({ "a": "1", "b": "2" })), bytes(json!({ "b": "2", "a": "1" })));
        for (left, right) in [
            (json!({ "a": "1" }), json!({ "a": "2" })),
            (json!({ "ab": "c" }), json!({ "a": "bc" })),
            (json!({ "a": "1" }), json!({ "a": "1", "b": "" })),
            (json!({}), json!({ "": "" })),
        ] {
            assert_ne!(bytes(left), bytes(right));
        }
        assert!(context("k", &json!({ "EncryptionContext": { "a": 1 } })).is_err());
    }
}
