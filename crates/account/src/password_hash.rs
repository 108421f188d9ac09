//! How a password is kept: Argon2id over a keyed MAC of it (PW-1, PW-3).
//!
//! Never sees a password: `password::prehash` goes to the key service, whose HMAC comes back as `PepperedInput`.

mod cost;
mod memory;

use std::fmt;

use argon2::{Params, Version};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use cost::{CostRefused, HashParameters};

use crate::secret::Secret;
use memory::Memory;

/// Bytes of Argon2's output and of the MAC that goes in.
const OUTPUT_BYTES: usize = 32;

/// Sixteen random bytes per password, stored inside its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSalt([u8; 16]);

impl UserSalt {
    /// From fresh random bytes; a new salt for every new password.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The key service's HMAC-SHA-256 over `password::prehash` (PW-3): without that key a stolen table verifies nothing.
///
/// The prehash itself is no such input, so the key service cannot be forgotten:
/// ```
/// use account::password_hash::{HashParameters, HashPolicy, PepperId, PepperedInput, UserSalt, hash};
/// # let salt = UserSalt::new([1; 16]);
/// # let policy = HashPolicy { parameters: HashParameters::FLOOR, pepper: PepperId::new("k").unwrap() };
/// assert!(hash(&PepperedInput::from_mac([7; 32]), &salt, &policy).is_ok());
/// ```
/// ```compile_fail,E0308
/// use account::password_hash::{HashParameters, HashPolicy, PepperId, PepperedInput, UserSalt, hash};
/// # let salt = UserSalt::new([1; 16]);
/// # let policy = HashPolicy { parameters: HashParameters::FLOOR, pepper: PepperId::new("k").unwrap() };
/// assert!(hash(&account::Secret::new([7; 32]), &salt, &policy).is_ok());
/// ```
#[derive(Debug)]
pub struct PepperedInput(Secret<[u8; OUTPUT_BYTES]>);

impl PepperedInput {
    /// What the key service answered.
    pub const fn from_mac(mac: [u8; OUTPUT_BYTES]) -> Self {
        Self(Secret::new(mac))
    }
}

/// Which pepper key made the MAC: stored beside the hash, so that the pepper can be rotated (PW-3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PepperId(String);

/// A text that is no key id: empty, longer than 256, or with anything but letters, digits and `:/_-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pepper key id has 1 to 256 characters from A-Z a-z 0-9 : / _ -")]
pub struct NotAPepperId;

impl PepperId {
    /// A key id, alias or ARN of the key service.
    pub fn new(id: &str) -> Result<Self, NotAPepperId> {
        let fits = (1..=256).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte));
        if fits { Ok(Self(id.to_owned())) } else { Err(NotAPepperId) }
    }
    /// As given and stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl<'de> Deserialize<'de> for PepperId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// How new hashes are made: cost and pepper key. A stored hash that differs is made anew at the next login (PW-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashPolicy {
    /// The cost.
    pub parameters: HashParameters,
    /// The pepper key in use.
    pub pepper: PepperId,
}

/// A stored hash: a PHC string of Argon2id and the pepper key that its input was made with.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    phc: String,
    pepper: PepperId,
    parameters: HashParameters,
    salt: UserSalt,
    output: [u8; OUTPUT_BYTES],
}

/// A stored text that is not a PHC string of Argon2id, version 19, with 16 bytes of salt and 32 of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the PHC string of a password hash of ours")]
pub struct NotAHash;

/// Argon2 could not run: not enough memory. Never says anything about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password hash could not be computed")]
pub struct HashFailed;

impl PasswordHash {
    /// Reads what was stored.
    pub fn from_stored(phc: &str, pepper: PepperId) -> Result<Self, NotAHash> {
        let parsed = argon2::PasswordHash::new(phc).map_err(|_| NotAHash)?;
        if parsed.algorithm != argon2::ARGON2ID_IDENT || parsed.version != Some(Version::V0x13.into()) {
            return Err(NotAHash);
        }
        let params = Params::try_from(&parsed).map_err(|_| NotAHash)?;
        let parameters =
            HashParameters::bounded(params.m_cost(), params.t_cost(), params.p_cost()).map_err(|_| NotAHash)?;
        let salt = parsed.salt.as_ref().and_then(|salt| salt.as_ref().try_into().ok()).ok_or(NotAHash)?;
        let output = parsed.hash.as_ref().and_then(|hash| hash.as_bytes().try_into().ok()).ok_or(NotAHash)?;
        Ok(Self { phc: phc.to_owned(), pepper, parameters, salt: UserSalt(salt), output })
    }
    fn of(policy: &HashPolicy, salt: UserSalt, output: [u8; OUTPUT_BYTES]) -> Self {
        let HashPolicy { parameters, pepper } = policy.clone();
        let encode = |bytes: &[u8]| data_encoding::BASE64_NOPAD.encode(bytes);
        let (m_kib, t, p) = (parameters.m_kib(), parameters.t(), parameters.p());
        let phc = format!("$argon2id$v=19$m={m_kib},t={t},p={p}${}${}", encode(salt.bytes()), encode(&output));
        Self { phc, pepper, parameters, salt, output }
    }
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`; what is stored.
    pub fn as_phc(&self) -> &str {
        &self.phc
    }
    /// The pepper key to ask for the MAC before verifying.
    pub const fn pepper(&self) -> &PepperId {
        &self.pepper
    }
    /// The salt to prehash with before verifying.
    pub const fn salt(&self) -> &UserSalt {
        &self.salt
    }
    /// The cost it was made at.
    pub const fn parameters(&self) -> HashParameters {
        self.parameters
    }
}
impl fmt::Debug for PasswordHash {
    /// Without salt and output: debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({}, {})", self.parameters, self.pepper.0)
    }
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// The password is right.
    pub matches: bool,
    /// It is right and its hash was made at another cost or with another pepper: store a new one (PW-2).
    pub needs_rehash: bool,
}

/// Hashes a MAC for storing. `salt` is the one the prehash was made with; takes tens to hundreds of milliseconds.
pub fn hash(input: &PepperedInput, salt: &UserSalt, policy: &HashPolicy) -> Result<PasswordHash, HashFailed> {
    let output = evaluate(input, salt, policy.parameters)?;
    Ok(PasswordHash::of(policy, *salt, *output))
}

/// Compares a MAC with a stored hash, at the stored cost and in constant time.
pub fn verify(input: &PepperedInput, stored: &PasswordHash, policy: &HashPolicy) -> Result<Verdict, HashFailed> {
    let output = evaluate(input, &stored.salt, stored.parameters)?;
    let matches = bool::from(output.as_slice().ct_eq(&stored.output));
    let is_current = stored.parameters == policy.parameters && stored.pepper == policy.pepper;
    Ok(Verdict { matches, needs_rehash: matches && !is_current })
}

/// LG-1: what an unknown user's password is verified against: as costly as a real one, matched by no password.
pub fn dummy_hash(policy: &HashPolicy) -> PasswordHash {
    // Salt and output are fixed and public. No input is known that Argon2 maps to this output; finding one would
    // mean inverting it.
    let output = Sha256::digest(b"shearpin dummy hash|output").into();
    PasswordHash::of(policy, UserSalt(*b"shearpin dummy !"), output)
}

/// One evaluation of Argon2id.
fn evaluate(
    input: &PepperedInput,
    salt: &UserSalt,
    parameters: HashParameters,
) -> Result<Zeroizing<[u8; OUTPUT_BYTES]>, HashFailed> {
    let argon2 = parameters.argon2()?;
    let mut memory = Memory::of(argon2.params().block_count())?;
    let mut output = Zeroizing::new([0_u8; OUTPUT_BYTES]);
    // EXPOSE: Argon2 reads the MAC.
    input
        .0
        .expose(|mac| argon2.hash_password_into_with_memory(mac, salt.bytes(), output.as_mut_slice(), memory.blocks()))
        .map_err(|_| HashFailed)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;
    use crate::password::{Password, prehash};

    #[test]
    fn pw_1_a_new_hash_is_argon2id_at_the_floor_or_above() {
        let stored = hash(&peppered("k1", "oxen ladder fig"), &SALT, &policy("k1")).unwrap();
        let salt = data_encoding::BASE64_NOPAD.encode(SALT.bytes());
        assert!(stored.as_phc().starts_with(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}$")), "{}", stored.as_phc());
        assert_eq!(
            (stored.parameters(), stored.salt(), stored.pepper().as_str()),
            (HashParameters::FLOOR, &SALT, "k1")
        );
        assert_eq!(PasswordHash::from_stored(stored.as_phc(), stored.pepper().clone()), Ok(stored));
    }

    #[test]
    fn the_right_password_matches_and_another_does_not() {
        let stored = hash(&peppered("k1", "oxen ladder fig"), &SALT, &policy("k1")).unwrap();
        check(verify(&peppered("k1", "oxen ladder fig"), &stored, &policy("k1")), true, false);
        check(verify(&peppered("k1", "oxen ladder fiG"), &stored, &policy("k1")), false, false);
    }

    #[test]
    fn pw_3_without_the_pepper_key_a_stolen_table_verifies_nothing() {
        let stored = hash(&peppered("k1", "oxen ladder fig"), &SALT, &policy("k1")).unwrap();
        check(verify(&peppered("k2", "oxen ladder fig"), &stored, &policy("k1")), false, false);
        // The bare prehash in place of the MAC is what a thief could compute.
        let bare = prehash(&Password::new("oxen ladder fig".into()), &SALT).unwrap();
        // EXPOSE: a test plays the thief.
        let guess = PepperedInput::from_mac(bare.expose(|bytes| *bytes));
        check(verify(&guess, &stored, &policy("k1")), false, false);
    }

    #[test]
    fn pw_2_an_old_hash_verifies_and_asks_to_be_made_anew() {
        let old_policy = HashPolicy { parameters: old(), pepper: pepper("k1") };
        let stored = hash(&peppered("k1", "oxen ladder fig"), &SALT, &old_policy).unwrap();
        check(verify(&peppered("k1", "oxen ladder fig"), &stored, &policy("k1")), true, true);
        // A wrong password never causes a write.
        check(verify(&peppered("k1", "wrong"), &stored, &policy("k1")), false, false);
    }

    #[test]
    fn pw_2_a_hash_made_elsewhere_verifies() {
        // Made by the reference implementation in C over 32 bytes of 0x01: an upgrade that changed the algorithm would fail.
        let phc = "$argon2id$v=19$m=12288,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$WI3fWXO4PW/XwBuoZjsZU4p5KMd85NM4g15hVWXL0OI";
        let stored = PasswordHash::from_stored(phc, pepper("k1")).unwrap();
        check(verify(&PepperedInput::from_mac([1; 32]), &stored, &policy("k1")), true, true);
        check(verify(&PepperedInput::from_mac([2; 32]), &stored, &policy("k1")), false, false);
    }

    #[test]
    fn pw_3_a_rotated_pepper_asks_for_a_new_hash() {
        let stored = hash(&peppered("k1", "oxen ladder fig"), &SALT, &policy("k1")).unwrap();
        check(verify(&peppered("k1", "oxen ladder fig"), &stored, &policy("k2")), true, true);
    }

    #[test]
    fn lg_1_the_dummy_costs_the_same_and_never_matches() {
        let parameters = HashParameters::new(19_456, 3, 1).unwrap();
        let dummy = dummy_hash(&HashPolicy { parameters, pepper: pepper("k1") });
        assert_eq!((dummy.parameters(), dummy.pepper().as_str()), (parameters, "k1"));
        assert_eq!(PasswordHash::from_stored(dummy.as_phc(), pepper("k1")), Ok(dummy.clone()));
        for text in ["oxen ladder fig", "", "shearpin dummy hash|output"] {
            check(verify(&peppered("k1", text), &dummy, &policy("k1")), false, false);
        }
    }

    #[test]
    fn what_is_no_hash_of_ours_is_refused() {
        let good = hash(&peppered("k1", "x"), &SALT, &HashPolicy { parameters: old(), pepper: pepper("k1") }).unwrap();
        let good = good.as_phc();
        assert!(PasswordHash::from_stored(good, pepper("k1")).is_ok());
        for text in [
            String::new(),
            "plain".into(),
            good.replace("argon2id", "argon2i"),
            good.replace("v=19", "v=16"),
            good.replace("$v=19", ""),
            good.replace("m=8192", "m=4000000"),
            good.replace("t=1", "t=11"),
            good.replace(&data_encoding::BASE64_NOPAD.encode(SALT.bytes()), "c2hvcnRlcg"),
            good[..good.len() - 4].to_owned(),
            good.rsplit_once('$').unwrap().0.to_owned(),
        ] {
            assert_eq!(PasswordHash::from_stored(&text, pepper("k1")), Err(NotAHash), "{text}");
        }
    }

    #[test]
    fn a_pepper_id_is_a_key_id() {
        assert!(PepperId::new("arn:aws:kms:us-east-1:000000000000:key/1b2c-3d").is_ok());
        for id in ["", "a b", "ключ", &"a".repeat(257)] {
            assert_eq!(PepperId::new(id), Err(NotAPepperId), "{id}");
        }
        assert_eq!(serde_json::to_string(&pepper("alias/pepper")).unwrap(), r#""alias/pepper""#);
        assert!(serde_json::from_str::<PepperId>(r#""a b""#).is_err());
    }

    #[test]
    fn the_debug_form_shows_neither_salt_nor_output() {
        let dummy = dummy_hash(&policy("k1"));
        assert_eq!(format!("{dummy:?}"), "PasswordHash(19456/2/1, k1)");
        assert_eq!(format!("{:?}", PepperedInput::from_mac([7; 32])), "PepperedInput(Secret(..))");
    }

    const SALT: UserSalt = UserSalt::new(*b"0123456789abcdef");

    fn check(verdict: Result<Verdict, HashFailed>, matches: bool, needs_rehash: bool) {
        assert_eq!(verdict, Ok(Verdict { matches, needs_rehash }));
    }
    /// Below the floor, as a hash from before the floor rose.
    fn old() -> HashParameters {
        HashParameters::bounded(8_192, 1, 1).unwrap()
    }
    fn pepper(id: &str) -> PepperId {
        PepperId::new(id).unwrap()
    }
    fn policy(id: &str) -> HashPolicy {
        HashPolicy { parameters: HashParameters::TARGET, pepper: pepper(id) }
    }
    /// What the key service does with its key.
    fn peppered(key: &str, password: &str) -> PepperedInput {
        let prehash = prehash(&Password::new(password.to_owned()), &SALT).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        // EXPOSE: a test plays the key service.
        prehash.expose(|bytes| mac.update(bytes));
        PepperedInput::from_mac(mac.finalize().into_bytes().into())
    }
}
