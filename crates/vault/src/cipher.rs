//! The inner layer around a key: AES-256-GCM under a data key that is used for one secret and never again.

use account::Secret;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use aws_smithy_types::base64;
use zeroize::Zeroizing;

use crate::candidate::CandidateKey;
use crate::context::SealContext;

/// The first byte of every ciphertext; a second form would get another.
const FORM: u8 = 1;
/// As AES-GCM wants it, in bytes.
const NONCE_BYTES: usize = 12;
/// As AES-256 wants it, in bytes.
pub(crate) const DATA_KEY_BYTES: usize = 32;

/// A key in plaintext, for one call.
pub(crate) struct OpenKey {
    pub(crate) api_key: Secret<String>,
    pub(crate) api_secret: Secret<String>,
}

/// It does not open: another key, another context, or changed bytes. Which of them is not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

/// `form | nonce | ciphertext` in base64, as the secret's value.
pub(crate) fn close(
    data_key: &[u8],
    nonce: [u8; NONCE_BYTES],
    context: &SealContext,
    key: &CandidateKey,
) -> Result<String, DoesNotOpen> {
    let mut plain = Zeroizing::new(Vec::new());
    // EXPOSE: the three parts are copied into the buffer that is encrypted and wiped below.
    key.api_key.expose(|text| push(&mut plain, text));
    // EXPOSE: as above.
    key.api_secret.expose(|text| push(&mut plain, text));
    // EXPOSE: as above.
    match &key.passphrase {
        Some(text) => text.expose(|text| push(&mut plain, text)),
        None => push(&mut plain, ""),
    }
    let cipher = Aes256Gcm::new_from_slice(data_key).map_err(|_| DoesNotOpen)?;
    let aad = context.associated_data();
    let sealed =
        cipher.encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: aad.as_bytes() }).map_err(|_| DoesNotOpen)?;
    let mut value = vec![FORM];
    value.extend_from_slice(&nonce);
    value.extend_from_slice(&sealed);
    Ok(base64::encode(value))
}

/// Opens what [`close`] made, under the same data key and context alone.
pub(crate) fn open(data_key: &[u8], context: &SealContext, value: &str) -> Result<OpenKey, DoesNotOpen> {
    let value = base64::decode(value).map_err(|_| DoesNotOpen)?;
    let (&form, rest) = value.split_first().ok_or(DoesNotOpen)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
    if form != FORM {
        return Err(DoesNotOpen);
    }
    let cipher = Aes256Gcm::new_from_slice(data_key).map_err(|_| DoesNotOpen)?;
    let aad = context.associated_data();
    let plain =
        cipher.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: aad.as_bytes() }).map_err(|_| DoesNotOpen)?;
    let plain = Zeroizing::new(plain);
    let mut rest = plain.as_slice();
    let api_key = pull(&mut rest)?;
    let api_secret = pull(&mut rest)?;
    let _passphrase = pull(&mut rest)?;
    if rest.is_empty() { Ok(OpenKey { api_key, api_secret }) } else { Err(DoesNotOpen) }
}

/// Length in two bytes, then the text; texts are at most 256 bytes.
fn push(plain: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    // Grown by hand: a vector that grows by itself leaves unwiped copies behind.
    let mut grown = Vec::with_capacity(plain.len() + 2 + text.len());
    grown.extend_from_slice(plain);
    grown.extend_from_slice(&length.to_be_bytes());
    grown.extend_from_slice(text.as_bytes());
    let mut old = std::mem::replace(plain, grown);
    zeroize::Zeroize::zeroize(&mut old);
}

fn pull(rest: &mut &[u8]) -> Result<Secret<String>, DoesNotOpen> {
    let (length, after) = rest.split_first_chunk::<2>().ok_or(DoesNotOpen)?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(DoesNotOpen)?;
    *rest = after;
    std::str::from_utf8(text).map(|text| Secret::new(text.to_owned())).map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use account::{ConnectionId, Epoch, UserId};
    use exchange::Venue;

    use super::*;
    use crate::candidate::KeyForm;

    fn context(user: u128, connection: u128, epoch: u64) -> SealContext {
        SealContext {
            user: UserId::new(ulid::Ulid::from_parts(1, user)),
            connection: ConnectionId::new(ulid::Ulid::from_parts(1, connection)),
            epoch: Epoch::from_stored(epoch),
            exchange: Venue::Paper,
        }
    }
    fn sealed(context: &SealContext) -> String {
        let secret = |text: &str| Secret::new(text.to_owned());
        let form = KeyForm { api_key: secret("the-key"), api_secret: secret("the-secret"), passphrase: None };
        let key = CandidateKey::read(Venue::Paper, form).expect("a key");
        close(&[7; DATA_KEY_BYTES], [9; NONCE_BYTES], context, &key).expect("sealed")
    }

    #[test]
    fn a_key_opens_under_its_own_context() {
        let context = context(1, 2, 3);
        let open = open(&[7; DATA_KEY_BYTES], &context, &sealed(&context)).unwrap_or_else(|_| panic!("does not open"));
        assert!(open.api_key.expose(|k| k == "the-key"));
        assert!(open.api_secret.expose(|k| k == "the-secret"));
    }
    #[test]
    fn a_key_opens_under_no_other_context_or_data_key() {
        let value = sealed(&context(1, 2, 3));
        for other in [context(2, 2, 3), context(1, 3, 3), context(1, 2, 4)] {
            assert!(open(&[7; DATA_KEY_BYTES], &other, &value).is_err());
        }
        assert!(open(&[8; DATA_KEY_BYTES], &context(1, 2, 3), &value).is_err());
        assert!(open(&[7; 16], &context(1, 2, 3), &value).is_err());
    }
    #[test]
    fn changed_bytes_do_not_open() {
        let context = context(1, 2, 3);
        let bytes = base64::decode(sealed(&context)).expect("base64");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(open(&[7; DATA_KEY_BYTES], &context, &base64::encode(&changed)).is_err(), "byte {at}");
        }
        for short in [0, 1, 5, 13, 20] {
            assert!(open(&[7; DATA_KEY_BYTES], &context, &base64::encode(&bytes[..short])).is_err());
        }
        assert!(open(&[7; DATA_KEY_BYTES], &context, "not base64!").is_err());
    }
}
