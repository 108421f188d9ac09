//! One rule for e-mail addresses, used wherever one comes in (SU-5). Never trims, never guesses what was meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest address that fits an SMTP path (RFC 5321 4.5.3.1.3: 256 with its angle brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// The longest local part (RFC 5321 4.5.3.1.1).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// The longest label of a domain (RFC 1035 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// A normalised address: ASCII, lower case, `local@domain`, with nothing in it that a mail header could misread.
///
/// Two addresses that differ only in case are one. Dots and `+tags` are kept: whether they matter is the mail host's rule.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

/// Why a text is not an address that we take; in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Longer than 254 bytes, or its local part longer than 64.
    #[error("an e-mail address has at most 254 characters, 64 of them before the @")]
    TooLong,
    /// Holds a character outside of ASCII: look-alikes would make two accounts that people read as one.
    #[error("an e-mail address is ASCII here; write an international domain in its xn-- form")]
    NotAscii,
    /// Holds a space, control character, quote, comma, bracket or the like.
    #[error("an e-mail address holds letters, digits, dots, one @ and few signs; no spaces and no quotes")]
    ForbiddenCharacter,
    /// Has no @, or more than one.
    #[error("an e-mail address has exactly one @")]
    NotOneAt,
    /// Nothing before the @, or a dot at its edge, or two dots in a row.
    #[error("the part before the @ is empty or has a dot where none may be")]
    BadLocalPart,
    /// What follows the @ is not a host name of at least two labels.
    #[error("what follows the @ is not a domain name such as example.com")]
    BadDomain,
}

impl EmailAddress {
    /// Reads an address as typed and lower-cases it.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        // Length first: nothing below is done for a megabyte.
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(NotAnAddress::TooLong);
        }
        if !text.is_ascii() {
            return Err(NotAnAddress::NotAscii);
        }
        if !text.bytes().all(|byte| byte == b'@' || is_local_byte(byte)) {
            return Err(NotAnAddress::ForbiddenCharacter);
        }
        let (local, domain) = text.split_once('@').ok_or(NotAnAddress::NotOneAt)?;
        if domain.contains('@') {
            return Err(NotAnAddress::NotOneAt);
        }
        if local.len() > LOCAL_PART_BYTES_MAX {
            return Err(NotAnAddress::TooLong);
        }
        if local.split('.').any(str::is_empty) {
            return Err(NotAnAddress::BadLocalPart);
        }
        if !is_domain(domain) {
            return Err(NotAnAddress::BadDomain);
        }
        Ok(Self { text: text.to_ascii_lowercase(), at: local.len() })
    }

    /// What uniqueness and look-ups go by; the same text that is shown and mailed to.
    pub fn key(&self) -> &str {
        &self.text
    }
    /// What stands before the @.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or("")
    }
    /// What stands after the @.
    pub fn domain(&self) -> &str {
        self.text.get(self.at.saturating_add(1)..).unwrap_or("")
    }
}

/// The `atext` of RFC 5322 without the backtick, which nobody uses and shells do; and the dot.
fn is_local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_{|}~.".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits alone would be an IP address, which nobody can be asked to keep.
    domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, last)| last.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl fmt::Debug for EmailAddress {
    /// Shows the domain alone: debug output ends up in logs, and whose account it is does not belong there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(..@{})", self.domain())
    }
}
impl FromStr for EmailAddress {
    type Err = NotAnAddress;
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        Self::parse(text)
    }
}
impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de> Deserialize<'de> for EmailAddress {
    /// SU-5: exactly one JSON string; an array of addresses is refused by its type (CVE-2023-7028).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn su_5_one_normalisation_lower_cases_and_nothing_else() {
        check("Alice@Example.COM", Ok("alice@example.com"));
        check("a.b+tag@sub.example.com", Ok("a.b+tag@sub.example.com"));
        check("o'brien_x-1@xn--bcher-kva.example", Ok("o'brien_x-1@xn--bcher-kva.example"));
        check("a@1.com", Ok("a@1.com"));
    }

    #[test]
    fn su_5_nothing_is_trimmed() {
        for text in [" a@x.com", "a@x.com ", "a@x.com\n", "\ta@x.com", "a @x.com", "a@x.com\0"] {
            check(text, Err(NotAnAddress::ForbiddenCharacter));
        }
    }

    #[test]
    fn su_5_header_injection_is_refused() {
        check("a@x\r\nBcc:evil@y.com", Err(NotAnAddress::ForbiddenCharacter));
        check("a@x.com\r\nBcc: evil@y.com", Err(NotAnAddress::ForbiddenCharacter));
        check("a\u{7f}@x.com", Err(NotAnAddress::ForbiddenCharacter));
        for sign in ['"', '`', ',', ';', ':', '<', '>', '(', ')', '[', ']', '\\', '\u{0b}'] {
            check(&format!("a{sign}@x.com"), Err(NotAnAddress::ForbiddenCharacter));
            check(&format!("a@x{sign}.com"), Err(NotAnAddress::ForbiddenCharacter));
        }
    }

    #[test]
    fn su_5_two_addresses_in_one_are_refused() {
        check("a@x.com,b@y.com", Err(NotAnAddress::ForbiddenCharacter));
        check("a@x.com@y.com", Err(NotAnAddress::NotOneAt));
        check("a@@x.com", Err(NotAnAddress::NotOneAt));
        check("ax.com", Err(NotAnAddress::NotOneAt));
        check("", Err(NotAnAddress::NotOneAt));
    }

    #[test]
    fn su_5_look_alikes_are_refused() {
        // Cyrillic a, full-width at sign, Kelvin sign (lower-cases to k), dotless i, zero-width joiner, soft hyphen.
        for text in [
            "\u{430}lice@x.com",
            "alice\u{ff20}x.com",
            "\u{212a}im@x.com",
            "\u{131}d@x.com",
            "a\u{200d}@x.com",
            "a@x\u{ad}y.com",
        ] {
            check(text, Err(NotAnAddress::NotAscii));
        }
    }

    #[test]
    fn su_5_the_parts_have_their_shapes() {
        for text in ["@x.com", ".a@x.com", "a.@x.com", "a..b@x.com"] {
            check(text, Err(NotAnAddress::BadLocalPart));
        }
        for text in [
            "a@",
            "a@x",
            "a@localhost",
            "a@.com",
            "a@x.",
            "a@x..com",
            "a@-x.com",
            "a@x-.com",
            "a@x_y.com",
            "a@127.0.0.1",
            "a@x.c*m",
        ] {
            check(text, Err(NotAnAddress::BadDomain));
        }
    }

    #[test]
    fn su_5_lengths_are_bounded_at_the_byte() {
        let label = "d".repeat(63);
        let domain = format!("{label}.{label}.{label}");
        check(&format!("{}@x.com", "a".repeat(65)), Err(NotAnAddress::TooLong));
        assert!(EmailAddress::parse(&format!("{}@x.com", "a".repeat(64))).is_ok());
        assert!(EmailAddress::parse(&format!("{}@{domain}", "a".repeat(62))).is_ok());
        check(&format!("{}@{domain}", "a".repeat(63)), Err(NotAnAddress::TooLong));
        check(&format!("a@{}.com", "d".repeat(64)), Err(NotAnAddress::BadDomain));
        check(&"é".repeat(1_000_000), Err(NotAnAddress::TooLong));
    }

    #[test]
    fn su_5_exactly_one_json_string() {
        let parse = |json: &str| serde_json::from_str::<EmailAddress>(json);
        assert_eq!(parse(r#""A@X.com""#).unwrap().key(), "a@x.com");
        for json in
            [r#"["a@x.com","b@y.com"]"#, r#"["a@x.com"]"#, r#"{"0":"a@x.com"}"#, "null", "7", r#""a@x\u0000.com""#]
        {
            assert!(parse(json).is_err(), "{json}");
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            #[expect(dead_code, reason = "only parsed")]
            email: EmailAddress,
        }
        assert!(serde_json::from_str::<Body>(r#"{"email":"a@x.com","email":"b@y.com"}"#).is_err());
    }

    #[test]
    fn the_debug_form_does_not_name_the_owner() {
        let shown = format!("{:?}", EmailAddress::parse("canary@example.com").unwrap());
        assert_eq!(shown, "EmailAddress(..@example.com)");
    }

    proptest! {
        #[test]
        fn su_5_what_is_taken_is_a_fixed_point(text in "\\PC{0,40}|[a-zA-Z.+@\\-]{1,30}@[a-zA-Z.\\-]{1,30}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(address.to_string(), text.to_ascii_lowercase());
                prop_assert_eq!(format!("{}@{}", address.local_part(), address.domain()), address.key());
                prop_assert_eq!(EmailAddress::parse(address.key()), Ok(address));
            }
        }
    }

    fn check(text: &str, expected: Result<&str, NotAnAddress>) {
        let parsed = EmailAddress::parse(text);
        assert_eq!(parsed.as_ref().map(EmailAddress::key).map_err(|why| *why), expected, "{text:?}");
    }
}
