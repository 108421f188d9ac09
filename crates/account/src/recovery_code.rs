//! Recovery codes: ten codes of 128 bits that each replace the second factor once, and never the password (RC-3).
//!
//! Never stores a code: only its hash. Consumption is the store's conditional delete (RC-2).

use std::fmt;

use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::token::{Purpose, TokenHash};

/// How many codes an account has (RC-1).
pub const CODES: usize = 10;
/// 128 bits (RC-1): far enough above 112 that a plain SHA-256 may store them (ASVS 6.5.2).
pub const CODE_BYTES: usize = 16;
/// Base32 characters of one code.
const CODE_CHARACTERS: usize = 26;
/// Characters between two dashes; 26 = 5 + 5 + 5 + 5 + 6.
const GROUP: usize = 5;
/// The longest input looked at: a code with a dash or space after every character.
const TYPED_BYTES_MAX: usize = CODE_CHARACTERS * 2;

/// A recovery code as presented: the right shape, which says nothing about whether it is anyone's.
pub struct RecoveryCode(Zeroizing<String>);

/// Not the shape of a recovery code. It counts as a failure like any wrong code (RC-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a recovery code has 26 characters from A to Z and 2 to 7")]
pub struct NotARecoveryCode;

impl RecoveryCode {
    /// Reads a code as typed: dashes, spaces and case do not matter.
    pub fn parse(typed: &str) -> Result<Self, NotARecoveryCode> {
        if typed.len() > TYPED_BYTES_MAX {
            return Err(NotARecoveryCode);
        }
        let mut canonical = Zeroizing::new(String::with_capacity(TYPED_BYTES_MAX));
        canonical.extend(typed.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()));
        // Decoding refuses foreign characters and set bits beyond the 128th: one spelling per code, since it is hashed.
        match data_encoding::BASE32_NOPAD.decode(canonical.as_bytes()).map(Zeroizing::new) {
            Ok(bytes) if bytes.len() == CODE_BYTES => Ok(Self(canonical)),
            Ok(_) | Err(_) => Err(NotARecoveryCode),
        }
    }
    /// Under which it would be stored.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(Purpose::RecoveryCode, &self.0)
    }
}
impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

/// A new code: the text to show once, and its stored form.
#[derive(Debug)]
pub struct NewRecoveryCode {
    /// 26 characters in five groups, as shown to the owner.
    pub text: Secret<String>,
    /// What is stored, one item per code.
    pub hash: TokenHash,
}

/// Makes a whole set of codes from fresh random bytes; the old set dies with it (RC-2).
pub fn new_codes(random: [[u8; CODE_BYTES]; CODES]) -> [NewRecoveryCode; CODES] {
    random.map(|bytes| {
        let bytes = Zeroizing::new(bytes);
        let canonical = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(bytes.as_slice()));
        NewRecoveryCode {
            hash: TokenHash::of(Purpose::RecoveryCode, &canonical),
            text: Secret::new(grouped(&canonical)),
        }
    })
}

fn grouped(canonical: &str) -> String {
    let mut shown = String::with_capacity(TYPED_BYTES_MAX);
    for (index, character) in canonical.chars().enumerate() {
        if index > 0 && index % GROUP == 0 && index < CODE_CHARACTERS - 1 {
            shown.push('-');
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rc_1_ten_codes_of_26_characters_in_five_groups() {
        let codes = new_codes(random());
        let shown: BTreeSet<String> = codes.iter().map(shown).collect();
        assert_eq!(shown.len(), CODES);
        for code in &shown {
            assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5, 6], "{code}");
            assert!(code.chars().all(|c| c == '-' || c.is_ascii_uppercase() || ('2'..='7').contains(&c)), "{code}");
        }
        assert_eq!(codes.iter().map(|code| code.hash.as_str()).collect::<BTreeSet<_>>().len(), CODES);
    }

    #[test]
    fn rc_1_what_is_stored_is_a_hash_for_this_purpose_alone() {
        let [code, ..] = new_codes(random());
        let canonical = shown(&code).replace('-', "");
        assert_eq!(code.hash, TokenHash::of(Purpose::RecoveryCode, &canonical));
        assert_ne!(code.hash, TokenHash::of(Purpose::PasswordReset, &canonical), "EV-2");
        assert!(!code.hash.as_str().to_uppercase().contains(&canonical));
        assert!(!format!("{code:?}").contains(&canonical));
    }

    #[test]
    fn rc_1_dashes_spaces_and_case_do_not_matter() {
        let [code, ..] = new_codes(random());
        let text = shown(&code);
        for typed in
            [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', " "), format!(" {text} ")]
        {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().hash(), code.hash, "{typed}");
        }
    }

    #[test]
    fn rc_4_anything_else_is_no_code() {
        let [code, ..] = new_codes(random());
        let text = shown(&code).replace('-', "");
        for typed in [
            String::new(),
            "anything".into(),
            "-".repeat(26),
            text[..25].to_owned(),
            format!("{text}A"),
            format!("{text}======"),
            text.replacen(|_: char| true, "1", 1),
            text.replacen(|_: char| true, "é", 1),
            format!("{text}\n"),
            format!("{text}{}", " ".repeat(27)),
            // 26 characters whose last sets bits beyond the 128th: a second spelling of the same code.
            format!("{}B", "A".repeat(25)),
        ] {
            assert_eq!(RecoveryCode::parse(&typed).err(), Some(NotARecoveryCode), "{typed:?}");
        }
        assert!(RecoveryCode::parse(&"A".repeat(26)).is_ok());
    }

    #[test]
    fn a_presented_code_is_not_printed() {
        assert_eq!(format!("{:?}", RecoveryCode::parse(&"A".repeat(26)).unwrap()), "RecoveryCode(..)");
    }

    proptest! {
        #[test]
        fn rc_1_every_code_shown_is_taken_back(random: [[u8; 16]; 10]) {
            for code in new_codes(random) {
                prop_assert_eq!(RecoveryCode::parse(&shown(&code)).unwrap().hash(), code.hash);
            }
        }
        #[test]
        fn rc_4_no_input_breaks_the_parser(typed in "\\PC{0,60}") {
            let _ = RecoveryCode::parse(&typed).map(|code| code.hash());
        }
    }

    fn random() -> [[u8; CODE_BYTES]; CODES] {
        std::array::from_fn(|code| std::array::from_fn(|byte| u8::try_from(code * 16 + byte).unwrap()))
    }
    fn shown(code: &NewRecoveryCode) -> String {
        // EXPOSE: a test plays the owner.
        code.text.expose(String::clone)
    }
}
