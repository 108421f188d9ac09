//! Opaque tokens: 256 random bits shown once, of which only the SHA-256 is stored.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// How many random bytes a token has: 256 bits (PR-4, SS-1, EV-1).
pub const TOKEN_BYTES: usize = 32;

/// What a token is for; part of what is hashed, so that one kind is never accepted for another (EV-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A signed-in session (SS-1).
    Session,
    /// Between the right password and the second factor (LG-2).
    LoginChallenge,
    /// One fresh full authentication for one request (ST-1).
    StepUpProof,
    /// Mailed to confirm an address (EV-1).
    EmailVerification,
    /// Mailed to reset the password (PR-4).
    PasswordReset,
    /// Mailed with a reset's notice: "this was not me" (PR-13).
    NotMe,
    /// In place of the second factor (RC-1).
    RecoveryCode,
    /// A scoped token for programs, shown once.
    ApiToken,
    /// Marks a browser that has signed in to this account before (RL-2). Opens nothing.
    KnownDevice,
    /// Mailed to open a login again that guesses have closed (TP-10, RL-2).
    Unlock,
    /// Mailed to a new address: confirms a change of address (EV-5).
    EmailChange,
    /// Mailed to the old address: takes the change back (EV-5).
    EmailRevoke,
    /// Mailed with every notice of a destructive recovery: ends it (PR-14).
    RecoveryCancel,
    /// One passkey ceremony, for one purpose and session (PK-2).
    PasskeyCeremony,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Purpose; 14] = [
        Purpose::Session,
        Purpose::LoginChallenge,
        Purpose::StepUpProof,
        Purpose::EmailVerification,
        Purpose::PasswordReset,
        Purpose::NotMe,
        Purpose::RecoveryCode,
        Purpose::ApiToken,
        Purpose::KnownDevice,
        Purpose::Unlock,
        Purpose::EmailChange,
        Purpose::EmailRevoke,
        Purpose::RecoveryCancel,
        Purpose::PasskeyCeremony,
    ];
    const fn label(self) -> &'static str {
        match self {
            Purpose::Session => "session",
            Purpose::LoginChallenge => "login challenge",
            Purpose::StepUpProof => "step-up proof",
            Purpose::EmailVerification => "email verification",
            Purpose::PasswordReset => "password reset",
            Purpose::NotMe => "not me",
            Purpose::RecoveryCode => "recovery code",
            Purpose::ApiToken => "api token",
            Purpose::KnownDevice => "known device",
            Purpose::Unlock => "unlock",
            Purpose::EmailChange => "email change",
            Purpose::EmailRevoke => "email revoke",
            Purpose::RecoveryCancel => "recovery cancel",
            Purpose::PasskeyCeremony => "passkey ceremony",
        }
    }
}

/// The stored form of a token: hex of `SHA-256("shearpin token|" purpose "|" token)`. Useless to whoever steals it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash under which a presented token would be stored.
    pub fn of(purpose: Purpose, presented: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"shearpin token|");
        hash.update(purpose.label().as_bytes());
        hash.update(b"|");
        hash.update(presented.as_bytes());
        Self(hex::encode(hash.finalize()))
    }
    /// 64 hex characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}..)", self.0.get(..8).unwrap_or(""))
    }
}

/// A new token: the text to hand out once, and its stored form.
#[derive(Debug)]
pub struct NewToken {
    /// What is handed out, once.
    pub text: Secret<String>,
    /// What is stored.
    pub hash: TokenHash,
}

/// How an API token begins, so that scanners of leaked secrets recognise one.
pub const API_TOKEN_PREFIX: &str = "shp_";

/// Makes an API token: the prefix and 32 random bytes; the hash is that of the whole text.
pub fn new_api_token(random: [u8; TOKEN_BYTES]) -> NewToken {
    let text = format!("{API_TOKEN_PREFIX}{}", data_encoding::BASE64URL_NOPAD.encode(&random));
    let hash = TokenHash::of(Purpose::ApiToken, &text);
    NewToken { text: Secret::new(text), hash }
}

/// Makes a token of 32 random bytes, shown as 43 characters of unpadded base64url.
pub fn new_token(purpose: Purpose, random: [u8; TOKEN_BYTES]) -> NewToken {
    let text = data_encoding::BASE64URL_NOPAD.encode(&random);
    let hash = TokenHash::of(purpose, &text);
    NewToken { text: Secret::new(text), hash }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ev_2_the_same_text_has_another_hash_for_every_purpose() {
        let hashes: BTreeSet<String> =
            Purpose::ALL.iter().map(|purpose| TokenHash::of(*purpose, "t").as_str().to_owned()).collect();
        assert_eq!(hashes.len(), Purpose::ALL.len());
    }

    #[test]
    fn pr_4_a_token_is_256_bits_and_what_is_stored_is_its_sha_256() {
        let token = new_token(Purpose::PasswordReset, [0xab; TOKEN_BYTES]);
        // EXPOSE: a test compares.
        let text = token.text.expose(String::clone);
        assert_eq!(text, "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s");
        assert_eq!(token.hash, TokenHash::of(Purpose::PasswordReset, &text));
        let expected: [u8; 32] = Sha256::digest(format!("shearpin token|password reset|{text}")).into();
        assert_eq!(token.hash.as_str(), hex::encode(expected), "stored tokens depend on this");
        assert_ne!(TokenHash::of(Purpose::PasswordReset, &format!("{text} ")), token.hash, "nothing is trimmed");
    }

    #[test]
    fn ss_1_a_token_is_not_printed() {
        let token = new_token(Purpose::Session, [0xab; TOKEN_BYTES]);
        let shown = format!("{token:?}");
        assert!(!shown.contains("q6ur") && !shown.contains(token.hash.as_str()), "{shown}");
    }
}
