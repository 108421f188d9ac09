//! Seals bytes with AES-256-GCM: secret values and key material at rest, and the ciphertexts KMS hands out.
//!
//! Never prints or logs key material, and never opens what was sealed for another context.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};

/// Bytes of the nonce that stands in front of every sealed value.
const NONCE_BYTES: usize = 12;

/// A 256-bit key.
#[derive(Clone)]
pub struct LocalKey([u8; 32]);

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalKey(..)")
    }
}

impl LocalKey {
    /// A key of the given bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new random key.
    pub fn random() -> Result<Self, String> {
        Ok(Self(random_bytes()?))
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plain` so that it opens only with the same `context`.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, String> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.0));
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: context })
            .map_err(|_| "sealing failed".to_owned())?;
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`seal`](Self::seal) made; `None` for another key, another context or changed bytes.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.0));
        cipher.decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: context }).ok()
    }
}

/// Random bytes from the system.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| cause.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open_the_same_bytes() {
        let key = LocalKey::new([7; 32]);
        let sealed = key.seal(b"value", b"here").unwrap();
        assert_eq!(key.open(&sealed, b"here").unwrap(), b"value");
        assert!(key.open(&sealed, b"there").is_none());
        assert!(LocalKey::new([8; 32]).open(&sealed, b"here").is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, b"here").is_none(), "byte {at}");
        }
        assert!(key.open(b"short", b"here").is_none());
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", LocalKey::new([7; 32])), "LocalKey(..)");
    }
}
