//! SU-4: whether a password stands on a list of stolen ones, asked so that the list's keeper learns nothing it could use.
//!
//! The question is the first five hexadecimal digits of the password's SHA-1; the answer lists the rest of every stolen hash
//! that begins so, and the comparison happens here. SHA-1 is the list's key and protects nothing. Never gives out a whole
//! hash, and never asks: that is `breached-passwords`' business.

use sha1::{Digest, Sha1};

use crate::password::Password;
use crate::secret::Secret;

/// So many hexadecimal digits of a hash are asked for: each stands for a thousand stolen passwords and more.
pub const PREFIX_DIGITS: usize = 5;
/// Hexadecimal digits of a SHA-1 behind the prefix.
const SUFFIX_DIGITS: usize = 35;

/// What is known of a stored password and the lists of stolen ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It was looked up when it was chosen, or at a sign-in later, and was not found.
    Passed,
    /// It could not be looked up: the next sign-in tries again.
    Due,
    /// It was found at a sign-in. So it stays until another password is chosen.
    Breached,
}

impl PasswordCheck {
    /// As stored.
    pub const fn name(self) -> &'static str {
        match self {
            PasswordCheck::Passed => "passed",
            PasswordCheck::Due => "due",
            PasswordCheck::Breached => "breached",
        }
    }
    /// From what is stored. A password from before this check was never looked up: absent is due.
    pub fn from_stored(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("due") => Some(PasswordCheck::Due),
            Some("passed") => Some(PasswordCheck::Passed),
            Some("breached") => Some(PasswordCheck::Breached),
            Some(_) => None,
        }
    }
}

/// An answer that is no list of hashes: nothing is known from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no list of hashes with counts")]
pub struct NotARange;

/// A question about one password. Prints neither of its halves.
pub struct RangeQuestion {
    prefix: String,
    suffix: Secret<String>,
}
impl std::fmt::Debug for RangeQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RangeQuestion(..)")
    }
}

impl RangeQuestion {
    /// About these exact bytes.
    pub fn about(password: &Password) -> Self {
        // EXPOSE: hashed in place; of the hash, five digits leave this type.
        let mut digits = password.expose(|text| data_encoding::HEXUPPER.encode(&Sha1::digest(text.as_bytes())));
        let suffix = digits.split_off(PREFIX_DIGITS);
        Self { prefix: digits, suffix: Secret::new(suffix) }
    }
    /// What may be asked: five digits.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
    /// Whether the password is in the answer: lines of `SUFFIX:COUNT`. A count of 0 is padding, which hides how long the true
    /// answer is. One line of another form, or none at all, makes all of it worthless.
    pub fn is_in(&self, answer: &str) -> Result<bool, NotARange> {
        // EXPOSE: compared here.
        self.suffix.expose(|suffix| {
            let mut lines = answer.lines().filter(|line| !line.is_empty()).peekable();
            lines.peek().ok_or(NotARange)?;
            let mut found = false;
            for line in lines {
                let (digits, count) = entry(line).ok_or(NotARange)?;
                found |= count > 0 && digits.eq_ignore_ascii_case(suffix);
            }
            Ok(found)
        })
    }
}

fn entry(line: &str) -> Option<(&str, u64)> {
    let (digits, count) = line.split_once(':')?;
    let is_suffix = digits.len() == SUFFIX_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let is_count = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    if is_suffix && is_count { Some((digits, count.parse().ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SHA-1 of "password": 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
    const SUFFIX: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";

    fn question() -> RangeQuestion {
        RangeQuestion::about(&Password::new("password".into()))
    }
    fn check(answer: &str, expected: Result<bool, NotARange>) {
        assert_eq!(question().is_in(answer), expected, "{answer:?}");
    }

    #[test]
    fn su_4_five_digits_are_asked_for_and_nothing_else_is_shown() {
        assert_eq!(question().prefix(), "5BAA6");
        assert_eq!(question().prefix().len(), PREFIX_DIGITS);
        assert!(!format!("{:?}", question()).contains("5BAA"));
    }
    #[test]
    fn su_4_a_count_is_digits_alone() {
        for count in ["", "+5", "-1", "5x", " 5", "0x5"] {
            check(&format!("{SUFFIX}:{count}\r\n"), Err(NotARange));
        }
    }
    #[test]
    fn su_4_a_hit_a_miss_and_padding() {
        let other = "0".repeat(35);
        check(&format!("{other}:3\r\n{SUFFIX}:9545824\r\n"), Ok(true));
        check(&format!("{SUFFIX}:1"), Ok(true));
        check(&format!("{}:1\n", SUFFIX.to_ascii_lowercase()), Ok(true));
        check(&format!("{other}:3\r\n"), Ok(false));
        // Padding: an entry nobody ever counted, even when chance makes it ours.
        check(&format!("{other}:3\r\n{SUFFIX}:0\r\n"), Ok(false));
    }
    #[test]
    fn su_4_garbage_says_nothing() {
        for bad in [
            "",
            "\r\n\r\n",
            "<html>busy</html>",
            "{\"error\":1}",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:-1",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8: 1",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:99999999999999999999999",
            "E4C9B93F3F0682250B6CF8331B7EE68FD8:1",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:5\nbroken",
            "é1E4C9B93F3F0682250B6CF8331B7EE68FD:1",
        ] {
            check(bad, Err(NotARange));
        }
    }
    #[test]
    fn su_4_what_is_stored_comes_back_and_nothing_stored_is_due() {
        for check in [PasswordCheck::Passed, PasswordCheck::Due, PasswordCheck::Breached] {
            assert_eq!(PasswordCheck::from_stored(Some(check.name())), Some(check));
        }
        assert_eq!(PasswordCheck::from_stored(None), Some(PasswordCheck::Due));
        assert_eq!(PasswordCheck::from_stored(Some("x")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn su_4_whatever_an_answer_holds_it_is_read_without_harm(answer in "([0-9A-Fa-f]{35}:[0-9]{1,3}\r?\n|\\PC{0,40}\n?){0,4}") {
            if question().is_in(&answer) == Ok(true) {
                prop_assert!(answer.to_ascii_uppercase().contains(SUFFIX));
            }
        }
    }
}
