//! Passkey ceremonies that were begun: the challenge and what it is good for (PK-2). The client never sees the state.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `CEREMONY#<hash>` | `CEREMONY` | `purpose`, `id`, `state` S; `user`, `bound_to` S and `cred_version` N when there is one; `expires_at` N (wall ms); `ttl` N |
//!
//! `<hash>` is that of the ceremony's own token for a registration and a sole login, and that of what it belongs to for the
//! others: the login challenge, the session of a step-up, the reset link. A new one takes the place of the old.

use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// PK-2: a ceremony lives this many seconds (5 min).
pub const LIFE_S: i64 = 300;

/// What a ceremony is for; its answer is good for nothing else (PK-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A new passkey.
    Register,
    /// The passkey as sole login.
    SignIn,
    /// In answer to a login challenge.
    SecondFactor,
    /// For a step-up proof.
    StepUp,
    /// In the reset flow.
    Reset,
}

impl Use {
    const fn as_str(self) -> &'static str {
        match self {
            Use::Register => "register",
            Use::SignIn => "sign_in",
            Use::SecondFactor => "second_factor",
            Use::StepUp => "step_up",
            Use::Reset => "reset",
        }
    }
}

/// Where a ceremony is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("CEREMONY#{}", hash.as_str()), "CEREMONY")
}

/// A ceremony as stored.
#[derive(Clone)]
pub struct Ceremony {
    pub purpose: Use,
    /// Tells it from one that takes its place.
    pub id: String,
    /// Whose; a sole login learns it from the answer.
    pub user: Option<UserId>,
    /// The stored form of the session that a registration was begun in.
    pub bound_to: Option<String>,
    /// The credential version that a registration was begun under.
    pub cred_version: Option<CredentialVersion>,
    pub state: String,
    pub expires_at: WallTime,
}
impl std::fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ceremony({:?})", self.purpose)
    }
}

impl Ceremony {
    /// One that begins now.
    pub fn beginning(purpose: Use, id: impl ToString, user: Option<UserId>, state: String, now: WallTime) -> Self {
        let expires_at = now.plus_seconds(LIFE_S);
        Self { purpose, id: id.to_string(), user, bound_to: None, cred_version: None, state, expires_at }
    }
    /// Bound to the session of this token.
    #[must_use]
    pub fn bound_to(mut self, session: &TokenHash) -> Self {
        self.bound_to = Some(session.as_str().to_owned());
        self
    }
    /// Made under this credential version.
    #[must_use]
    pub const fn under(mut self, version: CredentialVersion) -> Self {
        self.cred_version = Some(version);
        self
    }
    /// Whether it was begun for this user.
    pub fn is_of(&self, user: UserId) -> bool {
        self.user == Some(user)
    }
    /// Whether it was begun in the session of this token.
    pub fn is_bound_to(&self, session: &TokenHash) -> bool {
        self.bound_to.as_deref() == Some(session.as_str())
    }
    /// The write that stores it in the place of an older one.
    pub fn put(&self, hash: &TokenHash) -> Write {
        let row = Row::keyed(&key(hash))
            .with("purpose", s(self.purpose.as_str()))
            .with("id", s(&self.id))
            .with("state", s(&self.state))
            .with_some("user", self.user.map(s))
            .with_some("bound_to", self.bound_to.as_ref().map(s))
            .with_some("cred_version", self.cred_version.map(|v| n(v.value())))
            .with("expires_at", n(self.expires_at.ms()))
            .with("ttl", n(self.expires_at.seconds() + 60));
        Write::put(Table::Identity, key(hash), row)
    }
}

const OPEN: &str = "#id = :id AND #expires_at > :now";

/// The write that spends it: of many answers at once one is committed.
pub fn spend(hash: &TokenHash, id: &str, now: WallTime) -> Write {
    Write::delete(Table::Identity, key(hash)).when(OPEN).value(":id", s(id)).value(":now", n(now.ms()))
}

impl Store {
    /// Stores a ceremony that was begun.
    pub async fn put_ceremony(&self, hash: &TokenHash, ceremony: &Ceremony) -> Result<(), StoreError> {
        self.write_one(ceremony.put(hash)).await.map(|_| ())
    }
    /// The ceremony of this purpose, read consistently; one of another purpose or too old is none.
    pub async fn find_ceremony(
        &self,
        hash: &TokenHash,
        purpose: Use,
        now: WallTime,
    ) -> Result<Option<Ceremony>, StoreError> {
        let Some(row) = self.read(Table::Identity, &key(hash)).await? else { return Ok(None) };
        let expires_at = WallTime::from_ms(row.number("expires_at")?);
        if row.text("purpose")? != purpose.as_str() || now >= expires_at {
            return Ok(None);
        }
        Ok(Some(Ceremony {
            purpose,
            id: row.text("id")?.to_owned(),
            user: row.text_if("user").map(|_| row.parse("user")).transpose()?,
            bound_to: row.text_if("bound_to").map(str::to_owned),
            cred_version: row.number_if("cred_version")?.map(CredentialVersion::from_stored),
            state: row.text("state")?.to_owned(),
            expires_at,
        }))
    }
}
