//! The time-based second factor: RFC 6238 with SHA-1, six digits, 30 seconds (TP-1).
//!
//! Never remembers what was used: the caller stores the matched step under `last_step < :step` in the transaction of
//! its effect (TP-5), one counter for all paths (TP-7).

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::email::EmailAddress;
use crate::secret::Secret;
use crate::wall_time::WallTime;

/// 160 bits (TP-1, RFC 4226 section 4).
pub const SEED_BYTES: usize = 20;
/// Length of one step in seconds.
pub const STEP_SECONDS: u64 = 30;
/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
/// The name that authenticator apps show.
pub const ISSUER: &str = "Shearpin";

/// What the server and the authenticator share. Stored encrypted under the identity key with context user and purpose (TP-3).
#[derive(Debug)]
pub struct TotpSeed(Secret<[u8; SEED_BYTES]>);

/// Makes a seed of 20 fresh random bytes; a new one at every enrolment (TP-1).
pub fn new_seed(random: [u8; SEED_BYTES]) -> TotpSeed {
    TotpSeed(Secret::new(random))
}

impl TotpSeed {
    /// A seed as it comes out of decryption.
    pub const fn from_decrypted(bytes: [u8; SEED_BYTES]) -> Self {
        Self(Secret::new(bytes))
    }
    /// Shows the bytes to `look`: for encryption only. Every call says why in a comment `// EXPOSE: why`.
    pub fn expose<R>(&self, look: impl FnOnce(&[u8; SEED_BYTES]) -> R) -> R {
        self.0.expose(look)
    }
    /// The seed as an owner types it into an app: 32 characters of base32.
    pub fn base32(&self) -> Secret<String> {
        // EXPOSE: shown once at enrolment.
        self.0.expose(|bytes| Secret::new(data_encoding::BASE32_NOPAD.encode(bytes)))
    }
    /// The `otpauth://` URI that a QR code holds; as secret as the seed. Algorithm, digits and period are the defaults and left out.
    pub fn otpauth_uri(&self, owner: &EmailAddress) -> Secret<String> {
        let label = percent_encoded(&owner.to_string());
        // EXPOSE: shown once at enrolment.
        self.base32()
            .expose(|seed| Secret::new(format!("otpauth://totp/{ISSUER}:{label}?secret={seed}&issuer={ISSUER}")))
    }
    fn generator(&self) -> Totp {
        // EXPOSE: computes codes; the copy is wiped when the generator drops.
        self.0.expose(|bytes| Builder::new().with_secret(totp_rs::Secret::new_stack(*bytes)).build_noncompliant())
    }
}

/// Everything outside RFC 3986's unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// Which 30 seconds a code belongs to: whole steps since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TotpStep(u64);

impl TotpStep {
    /// What a factor starts with that has never been used: earlier than every step that can match.
    pub const NEVER: TotpStep = TotpStep(0);
    /// The step in which `now` lies.
    pub const fn at(now: WallTime) -> Self {
        let seconds = now.seconds();
        Self(if seconds < 0 { 0 } else { seconds.unsigned_abs() / STEP_SECONDS })
    }
    /// As stored.
    pub const fn from_stored(value: u64) -> Self {
        Self(value)
    }
    /// As stored.
    pub const fn value(self) -> u64 {
        self.0
    }
    /// The step after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
    /// What `last_step` becomes when a recovery code was used: the current step and the next are burned (TP-8).
    pub const fn burned_by_recovery_code(now: WallTime) -> Self {
        Self::at(now).next()
    }
}

/// The step that `code` belongs to, if it is the current one or the one before (TP-4); server time only.
///
/// Anything but exactly six ASCII digits matches nothing. Both steps are always computed and compared in constant time.
pub fn matched_step(seed: &TotpSeed, code: &str, now: WallTime) -> Option<TotpStep> {
    let presented: &[u8; CODE_DIGITS] = code.as_bytes().try_into().ok()?;
    if !presented.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let generator = seed.generator();
    let current = TotpStep::at(now);
    let previous = TotpStep(current.0.checked_sub(1)?);
    let is_current = matches(&generator, current, presented);
    let is_previous = matches(&generator, previous, presented);
    // The later step wins when both match, so that one code is never good for two uses.
    let step = u64::conditional_select(&previous.0, &current.0, is_current);
    bool::from(is_current | is_previous).then_some(TotpStep(step))
}

fn matches(generator: &Totp, step: TotpStep, presented: &[u8; CODE_DIGITS]) -> Choice {
    let expected = Zeroizing::new(generator.generate(step.0.saturating_mul(STEP_SECONDS)).to_string());
    expected.as_bytes().ct_eq(presented)
}
