//! What a password may be (SU-2, SU-3, SU-4), by one function for sign-up, change and reset (PR-16).
//!
//! Never changes a password: what is judged and hashed are the exact bytes received.

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;
use zxcvbn::Score;

use crate::email::EmailAddress;
use crate::password_hash::UserSalt;
use crate::secret::Secret;

/// SU-2: the shortest password, in Unicode scalar values; NIST's figure where the password may be the only factor.
pub const CHARACTERS_MIN: usize = 15;
/// SU-3: the longest password, in bytes. More is refused, never cut; hashing a megabyte would be an attacker's lever.
pub const BYTES_MAX: usize = 256;
/// How much the guessing estimate looks at, from either end: its time grows with the square of the length, and a hundred
/// characters chosen to that end took thirty times as long as a hash (RL-5).
const ESTIMATED_CHARACTERS_MAX: usize = 40;
/// The shortest part of an address or the product's vocabulary that counts as a known word.
const KNOWN_WORD_MIN: usize = 4;
/// SU-4: words that whoever attacks this product tries first.
const PRODUCT_WORDS: [&str; 8] =
    ["shearpin", "shear pin", "shear-pin", "bitcoin", "ethereum", "tradingbot", "trading bot", "trading-bot"];
/// SU-4: the bundled list, one lower-case password without spaces a line.
const COMMON: &str = include_str!("common.txt");

/// A password as received. Whatever its length; `check_policy` and `prehash` refuse one that is too long.
#[derive(Debug)]
pub struct Password(Secret<String>);

impl Password {
    /// Takes a password into custody as it is: no trim, no case fold, no Unicode normalisation (SU-3).
    pub const fn new(text: String) -> Self {
        Self(Secret::new(text))
    }
    /// For hashing inside this crate; each call says why.
    pub(crate) fn expose<R>(&self, look: impl FnOnce(&String) -> R) -> R {
        // EXPOSE: to whoever called this, under a comment of its own.
        self.0.expose(look)
    }
}
impl<'de> Deserialize<'de> for Password {
    /// From a request body; there is no way back out.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self)
    }
}

/// Why a new password is refused; in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// More than 256 bytes.
    #[error("a password has at most 256 bytes")]
    TooLong,
    /// Fewer than 15 characters.
    #[error("a password has at least 15 characters; several words are easy to remember")]
    TooShort,
    /// On the bundled list, or one short piece repeated.
    #[error("this password is on the lists that guessers start with")]
    Common,
    /// Without the words of this product fewer than 15 characters are left.
    #[error("the names of this product do not count towards a password's length")]
    ProductWord,
    /// Without the parts of the owner's own address (and the product's words) fewer than 15 characters are left.
    #[error("the parts of your e-mail address do not count towards a password's length")]
    OwnEmail,
    /// Estimated to fall within 10^8 guesses.
    #[error("this password follows a pattern that is guessed quickly")]
    Guessable,
    /// Found among the passwords that were stolen elsewhere (SU-4); only where that could be asked.
    #[error(
        "this password was stolen somewhere and stands on lists that guessers use; choose one that you use nowhere else"
    )]
    Breached,
}

impl Weakness {
    /// A stable name for the problem catalogue.
    pub const fn code(self) -> &'static str {
        match self {
            Weakness::TooLong => "too_long",
            Weakness::TooShort => "too_short",
            Weakness::Common => "common",
            Weakness::ProductWord => "product_word",
            Weakness::OwnEmail => "own_email",
            Weakness::Guessable => "guessable",
            Weakness::Breached => "breached",
        }
    }
}

/// A password of more than 256 bytes: refused before anything is computed from it (SU-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has at most 256 bytes")]
pub struct TooLong;

impl From<TooLong> for Weakness {
    fn from(TooLong: TooLong) -> Self {
        Weakness::TooLong
    }
}

/// Whether this may become the password of the account with this address. Takes up to some milliseconds.
pub fn check_policy(password: &Password, owner: &EmailAddress) -> Result<(), Weakness> {
    // EXPOSE: the policy reads the characters; its copies are wiped, those inside the estimate are not in our hands.
    password.0.expose(|text| {
        if text.len() > BYTES_MAX {
            return Err(Weakness::TooLong);
        }
        if text.chars().count() < CHARACTERS_MIN {
            return Err(Weakness::TooShort);
        }
        let folded = Zeroizing::new(text.to_lowercase());
        if is_common(&folded) {
            return Err(Weakness::Common);
        }
        let own_words = own_words(owner);
        if characters_without(&folded, PRODUCT_WORDS) < CHARACTERS_MIN {
            return Err(Weakness::ProductWord);
        }
        // Both kinds together: neither alone need leave too little.
        if characters_without(&folded, PRODUCT_WORDS.into_iter().chain(own_words.iter().copied())) < CHARACTERS_MIN {
            return Err(Weakness::OwnEmail);
        }
        let known: Vec<&str> = PRODUCT_WORDS.into_iter().chain(own_words).collect();
        if is_guessable(text, &known) { Err(Weakness::Guessable) } else { Ok(()) }
    })
}

/// `SHA-256("shearpin password|" salt "|" password)` over the exact bytes (SU-3): what the key service's HMAC is computed
/// over (PW-3), so that no byte of the password leaves this process and what leaves cannot be looked up in a table.
pub fn prehash(password: &Password, salt: &UserSalt) -> Result<Secret<[u8; 32]>, TooLong> {
    // EXPOSE: hashes the bytes in place.
    password.0.expose(|text| {
        if text.len() > BYTES_MAX {
            return Err(TooLong);
        }
        let mut hash = Sha256::new();
        hash.update(b"shearpin password|");
        hash.update(salt.bytes());
        hash.update(b"|");
        hash.update(text.as_bytes());
        Ok(Secret::new(hash.finalize().into()))
    })
}

fn own_words(owner: &EmailAddress) -> Vec<&str> {
    // Longest first, so that removing a part does not break up the whole.
    let mut words = vec![owner.key(), owner.local_part(), owner.domain()];
    words.extend(owner.local_part().split(|c: char| !c.is_ascii_alphanumeric()));
    // Every label but the last: "com" is nobody's own.
    words.extend(owner.domain().rsplit('.').skip(1));
    words.retain(|word| word.len() >= KNOWN_WORD_MIN);
    words
}

fn characters_without<'w>(folded: &str, words: impl IntoIterator<Item = &'w str>) -> usize {
    let mut rest = Zeroizing::new(folded.to_owned());
    for word in words {
        rest = Zeroizing::new(rest.replace(word, ""));
    }
    rest.chars().count()
}

fn is_common(folded: &str) -> bool {
    let squeezed = Zeroizing::new(folded.split_whitespace().collect::<String>());
    // "…2024!" and "…123" are what people add when a list refuses the bare form.
    let bare = squeezed.trim_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    COMMON.lines().any(|line| line == squeezed.as_str() || line == bare) || is_repetition(folded)
}

/// One piece of at most eight characters over and over, the last time perhaps cut.
fn is_repetition(folded: &str) -> bool {
    let characters = Zeroizing::new(folded.chars().collect::<Vec<char>>());
    (1..=8).any(|period| characters.iter().zip(characters.iter().skip(period)).all(|(one, other)| one == other))
}

fn is_guessable(text: &str, known: &[&str]) -> bool {
    let length = text.chars().count();
    let head = Zeroizing::new(text.chars().take(ESTIMATED_CHARACTERS_MAX).collect::<String>());
    if zxcvbn::zxcvbn(&head, known).score() >= Score::Three {
        return false;
    }
    // A dull beginning does not spoil a good end.
    let tail = Zeroizing::new(text.chars().skip(length.saturating_sub(ESTIMATED_CHARACTERS_MAX)).collect::<String>());
    length <= ESTIMATED_CHARACTERS_MAX || zxcvbn::zxcvbn(&tail, known).score() < Score::Three
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_weakness_has_the_code_that_programs_know() {
        let codes = [
            (Weakness::TooLong, "too_long"),
            (Weakness::TooShort, "too_short"),
            (Weakness::Common, "common"),
            (Weakness::ProductWord, "product_word"),
            (Weakness::OwnEmail, "own_email"),
            (Weakness::Guessable, "guessable"),
            (Weakness::Breached, "breached"),
        ];
        for (weakness, code) in codes {
            assert_eq!(weakness.code(), code);
        }
    }
    #[test]
    fn su_2_fifteen_characters_and_no_composition_rules() {
        check("kqzvmwpxjrtbhd", Err(Weakness::TooShort));
        check("kqzvmwpxjrtbhdg", Ok(()));
        check("oxen ladder fig", Ok(()));
        check("  four spaces  around tin lids  ", Ok(()));
        check("", Err(Weakness::TooShort));
    }

    #[test]
    fn su_2_the_length_is_counted_in_characters_and_not_in_bytes() {
        // 14 characters of three bytes each, then 15.
        check("山川草木花鳥風月雪星雲海石竹", Err(Weakness::TooShort));
        check("山川草木花鳥風月雪星雲海石竹梅", Ok(()));
    }

    #[test]
    fn su_3_at_least_64_characters_and_at_most_256_bytes() {
        let text = pseudo_random(257);
        check(&text[..64], Ok(()));
        check(&text[..256], Ok(()));
        check(&text[..257], Err(Weakness::TooLong));
        // 100 characters, 300 bytes.
        check(&"山川草木".repeat(25), Err(Weakness::TooLong));
    }

    #[test]
    fn su_3_too_long_is_refused_before_anything_is_computed() {
        let salt = UserSalt::new([1; 16]);
        assert!(prehash(&Password::new("x".repeat(256)), &salt).is_ok());
        assert!(matches!(prehash(&Password::new("x".repeat(257)), &salt), Err(TooLong)));
        assert_eq!(Weakness::from(TooLong), Weakness::TooLong);
    }

    #[test]
    fn su_3_every_byte_counts() {
        let text = pseudo_random(256);
        for position in [1, 15, 64, 72, 73, 128, 129, 255, 256] {
            let mut other = text.clone().into_bytes();
            other[position - 1] ^= 1;
            assert_ne!(prehashed(&text, 1), prehashed(&String::from_utf8(other).unwrap(), 1), "byte {position}");
        }
    }

    #[test]
    fn su_3_no_trim_no_case_fold_no_normalisation() {
        let text = "Correct cafe\u{301} staple";
        for other in [
            "correct cafe\u{301} staple",
            " Correct cafe\u{301} staple",
            "Correct cafe\u{301} staple ",
            "Correct caf\u{e9} staple",
        ] {
            assert_ne!(prehashed(text, 1), prehashed(other, 1), "{other:?}");
        }
    }

    #[test]
    fn pw_3_the_prehash_is_salted_and_its_domain_is_fixed() {
        assert_ne!(prehashed("same password twice", 1), prehashed("same password twice", 2));
        let mut hash = Sha256::new();
        hash.update(b"shearpin password|");
        hash.update([1; 16]);
        hash.update(b"|same password twice");
        assert_eq!(
            prehashed("same password twice", 1),
            <[u8; 32]>::from(hash.finalize()),
            "stored hashes depend on this"
        );
    }

    #[test]
    fn su_4_the_bundled_list_is_refused_with_case_spaces_and_the_usual_ends() {
        assert!(COMMON.lines().count() >= 1000);
        assert!(COMMON.lines().all(|line| line.len() >= 11 && line.is_ascii() && line == line.to_ascii_lowercase()));
        for text in [
            "passwordpassword",
            "PasswordPassword1!",
            "correct horse battery staple",
            "CorrectHorseBatteryStaple2024",
            "correct-horse-battery-staple",
            "to be or not to be",
            "qwertyuiopasdfghjkl",
            "not your keys not your coins",
            "!!!1PasswordPassword",
        ] {
            check(text, Err(Weakness::Common));
        }
    }

    #[test]
    fn su_4_repetitions_are_refused_whatever_they_repeat() {
        for text in
            ["aaaaaaaaaaaaaaa", "zq7 zq7 zq7 zq7 zq7", "k9#Lw2!pk9#Lw2!pk9#L", "               ", "éèéèéèéèéèéèéèé"]
        {
            check(text, Err(Weakness::Common));
        }
        check(&"zqvk#7".repeat(42), Err(Weakness::Common));
    }

    #[test]
    fn su_4_product_words_do_not_count() {
        for text in ["shearpin-2026-xq", "SHEARPIN SHEARPIN ok", "my Shear Pin login", "bitcoin zkqv trading bot"] {
            check(text, Err(Weakness::ProductWord));
        }
        check("shearpin oxen ladder fig mudlark", Ok(()));
    }

    #[test]
    fn su_4_own_address_does_not_count() {
        for text in [
            "wilhelmina.fothergill@sandwharf.example",
            "Wilhelmina Fothergill!",
            "sandwharf zq sandwharf",
            "fothergill-4711-zq",
            "WILHELMINA.FOTHERGILL 99",
        ] {
            check(text, Err(Weakness::OwnEmail));
        }
        // Product word and own word together: neither alone leaves too little.
        check("shearpin zq kv wx fothergill", Err(Weakness::OwnEmail));
        // The same words are nothing special for somebody else.
        let other = EmailAddress::parse("a@b.example").unwrap();
        assert_eq!(check_policy(&Password::new("Wilhelmina Fothergill!".into()), &other), Ok(()));
    }

    #[test]
    fn su_4_patterns_are_refused_by_the_estimate() {
        for text in
            ["qwertyuiop[]asdf", "abcdefghijklmnoq", "1234567890123457", "1qaz2wsx3edc4rfv5t", "987654321987654321"]
        {
            check(text, Err(Weakness::Guessable));
        }
    }

    #[test]
    fn su_3_a_dull_beginning_of_a_hundred_characters_does_not_spoil_a_good_end() {
        let text = format!("{}{}", "a".repeat(110), pseudo_random(100));
        check(&text, Ok(()));
    }

    #[test]
    fn a_password_is_not_seen() {
        let password: Password = serde_json::from_str(r#""canary canary canary""#).unwrap();
        assert!(!format!("{password:?}").contains("canary"));
        assert!(serde_json::from_str::<Password>(r#"["canary canary canary"]"#).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn su_4_the_policy_answers_whatever_comes(text in "\\PC{0,120}") {
            let result = check_policy(&Password::new(text.clone()), &owner());
            if text.chars().count() < CHARACTERS_MIN || text.len() > BYTES_MAX {
                prop_assert!(matches!(result, Err(Weakness::TooShort | Weakness::TooLong)));
            } else {
                prop_assert!(!matches!(result, Err(Weakness::TooShort | Weakness::TooLong)));
            }
        }
    }

    fn check(text: &str, expected: Result<(), Weakness>) {
        assert_eq!(check_policy(&Password::new(text.to_owned()), &owner()), expected, "{text:?}");
    }
    fn owner() -> EmailAddress {
        EmailAddress::parse("wilhelmina.fothergill@sandwharf.example").unwrap()
    }
    fn prehashed(text: &str, salt: u8) -> [u8; 32] {
        // EXPOSE: a test compares.
        prehash(&Password::new(text.to_owned()), &UserSalt::new([salt; 16])).unwrap().expose(|bytes| *bytes)
    }
    fn pseudo_random(length: usize) -> String {
        let blocks = (0_u32..).map(|n| data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(n.to_be_bytes())));
        blocks.flat_map(|block| block.into_bytes()).map(char::from).take(length).collect()
    }
}
