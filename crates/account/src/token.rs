//! Opaque tokens: 256 random bits shown once, of which only the SHA-256 is stored.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// How many random bytes a token has: 256 bits (PR-4, SS-1, EV-1).
pub const TOKEN_BYTES: usize = 32;

/// What a token is for; part of what is hashed, so that one kind is never accepted for another (EV-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Session,
    LoginChallenge,
    StepUpProof,
    EmailVerification,
    PasswordReset,
    NotMe,
    RecoveryCode,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Purpose::Session => "session",
            Purpose::LoginChallenge => "login challenge",
            Purpose::StepUpProof => "step-up proof",
            Purpose::EmailVerification => "email verification",
            Purpose::PasswordReset => "password reset",
            Purpose::NotMe => "not me",
            Purpose::RecoveryCode => "recovery code",
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
    pub text: Secret<String>,
    pub hash: TokenHash,
}

/// Makes a token of 32 random bytes, shown as 43 characters of unpadded base64url.
pub fn new_token(purpose: Purpose, random: [u8; TOKEN_BYTES]) -> NewToken {
    let text = data_encoding::BASE64URL_NOPAD.encode(&random);
    let hash = TokenHash::of(purpose, &text);
    NewToken { text: Secret::new(text), hash }
}
