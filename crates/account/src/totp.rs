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
/// Anything but exactly six ASCII digits matches nothing: the very bytes are compared, no number is parsed. Both steps are always computed and compared in constant time.
pub fn matched_step(seed: &TotpSeed, code: &str, now: WallTime) -> Option<TotpStep> {
    let presented: &[u8; CODE_DIGITS] = code.as_bytes().try_into().ok()?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RFC_SEED: &[u8; 20] = b"12345678901234567890";

    #[test]
    fn tp_1_the_vectors_of_rfc_6238_match() {
        // Appendix B, SHA-1; the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = TotpStep(u64::try_from(seconds).unwrap() / 30);
            check(code, seconds, Some(step));
        }
    }

    #[test]
    fn tp_4_current_and_previous_step_only() {
        let start = 1_234_567_890; // the first second of its step
        let step = TotpStep(u64::try_from(start).unwrap() / 30);
        for (seconds, expected) in [
            (start - 1, None), // the code is of the next step
            (start, Some(step)),
            (start + 29, Some(step)),
            (start + 30, Some(step)),
            (start + 59, Some(step)),
            (start + 60, None), // two steps back
        ] {
            check("005924", seconds, expected);
        }
    }

    #[test]
    fn tp_1_a_code_is_exactly_six_ascii_digits() {
        for code in [
            "",
            "5924",
            "05924",
            "0005924",
            "00592 ",
            " 05924",
            "+05924",
            "00592４",
            "٠٠٥٩٢٤",
            "00592a",
            "005-924",
            "005924\n",
        ] {
            check(code, 1_234_567_890, None);
        }
    }

    #[test]
    fn a_clock_before_1970_matches_nothing() {
        check("755224", -1, None);
        check("755224", 29, None);
        assert_eq!(TotpStep::at(WallTime::from_ms(-1)), TotpStep::NEVER);
    }

    #[test]
    fn tp_1_a_code_of_an_earlier_seed_is_dead_after_re_enrolment() {
        let other = new_seed([7; SEED_BYTES]);
        assert_eq!(matched_step(&other, "005924", WallTime::from_ms(1_234_567_890_000)), None);
    }

    #[test]
    fn tp_5_the_later_step_is_what_gets_used_when_both_codes_are_equal() {
        // Found by search: at this step of this seed the code equals the one before.
        let seed = new_seed(*RFC_SEED);
        let step = (2_u64..).find(|step| code_at(&seed, *step) == code_at(&seed, step - 1)).unwrap();
        let now = WallTime::from_ms(i64::try_from(step * 30_000).unwrap());
        assert_eq!(matched_step(&seed, &code_at(&seed, step), now), Some(TotpStep(step)));
    }

    #[test]
    fn tp_8_a_recovery_code_burns_the_current_and_the_next_step() {
        let seed = new_seed(*RFC_SEED);
        let now = WallTime::from_ms(1_234_567_890_000);
        let last_used = TotpStep::burned_by_recovery_code(now);
        for ahead in [0, 1] {
            let later = now.plus_seconds(ahead * 30);
            let captured = code_at(&seed, TotpStep::at(later).value());
            assert!(matched_step(&seed, &captured, later).unwrap() <= last_used, "the store's condition refuses it");
        }
        let later = now.plus_seconds(60);
        let fresh = code_at(&seed, TotpStep::at(later).value());
        assert!(matched_step(&seed, &fresh, later).unwrap() > last_used);
    }

    #[test]
    fn the_enrolment_uri_is_what_apps_read() {
        let seed = new_seed(*RFC_SEED);
        let owner = EmailAddress::parse("a+b@x.com").unwrap();
        // EXPOSE: a test compares.
        let uri = seed.otpauth_uri(&owner).expose(String::clone);
        assert_eq!(
            uri,
            "otpauth://totp/Shearpin:a%2Bb%40x.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Shearpin"
        );
        let read = Totp::from_url(&uri).unwrap();
        assert_eq!(
            (read.account_name(), read.issuer(), read.digits(), read.step()),
            ("a+b@x.com", Some(ISSUER), 6, 30)
        );
        assert_eq!(read.generate(1_234_567_890).to_string(), "005924");
        assert_eq!(format!("{seed:?}"), "TotpSeed(Secret(..))");
    }

    proptest! {
        #[test]
        fn tp_4_every_code_matches_its_own_step(bytes: [u8; 20], seconds in 60_i64..4_000_000_000) {
            let seed = new_seed(bytes);
            let now = WallTime::from_ms(seconds * 1000);
            let step = TotpStep::at(now);
            prop_assert_eq!(matched_step(&seed, &code_at(&seed, step.value()), now), Some(step));
            let earlier = matched_step(&seed, &code_at(&seed, step.value() - 1), now);
            prop_assert!(earlier == Some(TotpStep(step.value() - 1)) || earlier == Some(step));
        }
    }

    fn check(code: &str, seconds: i64, expected: Option<TotpStep>) {
        let now = WallTime::from_ms(seconds * 1000);
        assert_eq!(matched_step(&new_seed(*RFC_SEED), code, now), expected, "{code:?} at {seconds}");
    }
    /// What the owner's app shows: computed by hand, so that a slip in the code under test does not hide.
    fn code_at(seed: &TotpSeed, step: u64) -> String {
        // EXPOSE: a test plays the app.
        let read = seed.expose(|bytes| Builder::new().with_secret(totp_rs::Secret::new_stack(*bytes)).build().unwrap());
        read.generate(step * 30).to_string()
    }
}
