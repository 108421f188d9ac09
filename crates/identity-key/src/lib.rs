//! Uses the identity KMS keys: seals TOTP seeds and peppers passwords.
//!
//! Never sees a password (only a salted prehash of it) and never stores anything. A failure says nothing about a
//! credential: the caller answers 503 with nothing changed and no failure counted (RF-31).

use std::fmt;

use account::UserId;
use account::password::{Password, TooLong, prehash};
use account::password_hash::{PasswordHash, PepperId, PepperedInput, UserSalt};
use account::totp::{SEED_BYTES, TotpSeed};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Part of every seal's context (TP-3): a ciphertext made for another use is refused by the key service itself.
const PURPOSE: &str = "totp";

/// The two halves of the identity key: one for TOTP seeds, one for the pepper (docs/decisions/003).
#[derive(Clone)]
pub struct IdentityKey {
    kms: aws_sdk_kms::Client,
    seeds: Option<String>,
    pepper: PepperId,
}

/// The key service did not do it. Nothing is known about the credential.
#[derive(Debug, thiserror::Error)]
pub enum KeyFailed {
    /// Not reachable, throttled, disabled or not granted.
    #[error("identity key unavailable: {0}")]
    Unavailable(String),
    /// A stored seed does not open under this user's context: swapped, tampered or of another installation (TP-3).
    #[error("a stored second factor cannot be opened")]
    SealBroken,
    /// More than 256 bytes: refused before anything is computed (SU-3).
    #[error("the password is too long")]
    PasswordTooLong,
}

impl IdentityKey {
    /// Opens the keys that the environment names: `KEY_IDENTITY_MAC`, and `KEY_IDENTITY` where seeds are used.
    pub fn of(host: &host::Host) -> Result<Self, host::Missing> {
        let name = host.environment.text("KEY_IDENTITY_MAC")?;
        let missing =
            || host::Missing { variable: "KEY_IDENTITY_MAC".into(), expected: "the id, ARN or alias of a KMS key" };
        let pepper = PepperId::new(&name).map_err(|_| missing())?;
        Ok(Self { kms: aws_sdk_kms::Client::new(&host.aws), seeds: host.environment.optional("KEY_IDENTITY"), pepper })
    }
    /// The pepper key that new hashes are made with.
    pub const fn pepper_id(&self) -> &PepperId {
        &self.pepper
    }

    /// The input of a new password's hash (PW-3).
    pub async fn pepper_new(&self, password: &Password, salt: &UserSalt) -> Result<PepperedInput, KeyFailed> {
        self.pepper(password, salt, &self.pepper).await
    }
    /// The input with which a stored hash is compared: its own salt, its own pepper key.
    pub async fn pepper_as(&self, password: &Password, stored: &PasswordHash) -> Result<PepperedInput, KeyFailed> {
        self.pepper(password, stored.salt(), stored.pepper()).await
    }
    async fn pepper(&self, password: &Password, salt: &UserSalt, key: &PepperId) -> Result<PepperedInput, KeyFailed> {
        let prehash = prehash(password, salt).map_err(|TooLong| KeyFailed::PasswordTooLong)?;
        // EXPOSE: the key service computes over the prehash, from which no password can be looked up.
        let message = prehash.expose(|bytes| Blob::new(bytes.to_vec()));
        let answer = self
            .kms
            .generate_mac()
            .key_id(key.as_str())
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(message)
            .send()
            .await
            .map_err(|e| unavailable("GenerateMac", &e))?;
        let mac: [u8; 32] = answer
            .mac()
            .and_then(|m| m.as_ref().try_into().ok())
            .ok_or_else(|| KeyFailed::Unavailable("GenerateMac: not 32 bytes".into()))?;
        Ok(PepperedInput::from_mac(mac))
    }

    /// Seals a seed for one user (TP-3). Base64 of the key service's ciphertext.
    pub async fn seal_seed(&self, user: UserId, seed: &TotpSeed) -> Result<String, KeyFailed> {
        // EXPOSE: the key service encrypts the seed.
        let plaintext = seed.expose(|bytes| Blob::new(bytes.to_vec()));
        let answer = self
            .kms
            .encrypt()
            .key_id(self.seeds_key()?)
            .plaintext(plaintext)
            .encryption_context("user", user.to_string())
            .encryption_context("purpose", PURPOSE)
            .send()
            .await
            .map_err(|e| unavailable("Encrypt", &e))?;
        let sealed = answer.ciphertext_blob().ok_or_else(|| KeyFailed::Unavailable("Encrypt: no ciphertext".into()))?;
        Ok(STANDARD.encode(sealed.as_ref()))
    }
    /// Opens a user's seed. Another user's ciphertext is refused.
    pub async fn open_seed(&self, user: UserId, sealed: &str) -> Result<TotpSeed, KeyFailed> {
        let ciphertext = STANDARD.decode(sealed).map_err(|_| KeyFailed::SealBroken)?;
        let answer = self
            .kms
            .decrypt()
            .key_id(self.seeds_key()?)
            .ciphertext_blob(Blob::new(ciphertext))
            .encryption_context("user", user.to_string())
            .encryption_context("purpose", PURPOSE)
            .send()
            .await
            .map_err(|e| match e.as_service_error().and_then(|s| s.code()) {
                Some("InvalidCiphertextException" | "IncorrectKeyException") => KeyFailed::SealBroken,
                _ => unavailable("Decrypt", &e),
            })?;
        let bytes: [u8; SEED_BYTES] =
            answer.plaintext().and_then(|p| p.as_ref().try_into().ok()).ok_or(KeyFailed::SealBroken)?;
        Ok(TotpSeed::from_decrypted(bytes))
    }
    fn seeds_key(&self) -> Result<&str, KeyFailed> {
        self.seeds
            .as_deref()
            .ok_or_else(|| KeyFailed::Unavailable("KEY_IDENTITY is not among this function's settings".into()))
    }
}
impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}

/// Only the code: an answer's body may hold plaintext, and the SDK prints bodies.
fn unavailable<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> KeyFailed {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or("no answer");
    KeyFailed::Unavailable(format!("{operation}: {code}"))
}
