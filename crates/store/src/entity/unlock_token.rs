//! Mailed links that open a closed login again: single use, ten minutes, bound to user and credential version (TP-10, RL-2).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `UNLOCK#<token hash>` | `TOKEN` | `user` S; `cred_version` N; `expires_at` N (wall ms); `ttl` N |
//!
//! A newer link does not void an older one: each opens once, what it opens is counted elsewhere (`FactorBudget`).

use account::id::JobId;
use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::entity::job::{Mail, put_mail};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// A link lives this many seconds (10 min), as that of a reset.
pub const LIFE_S: i64 = 600;

/// Where a token is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("UNLOCK#{}", hash.as_str()), "TOKEN")
}

/// A token as stored. A claim, no effect: the commit checks it again.
#[derive(Debug, Clone)]
pub struct UnlockToken {
    pub user: UserId,
    pub cred_version: CredentialVersion,
    pub expires_at: WallTime,
}

/// The write of a new token.
pub(crate) fn put(user: UserId, cred_version: CredentialVersion, hash: &TokenHash, now: WallTime) -> Write {
    let expires_at = now.plus_seconds(LIFE_S);
    let row = Row::keyed(&key(hash))
        .with("user", s(user))
        .with("cred_version", n(cred_version.value()))
        .with("expires_at", n(expires_at.ms()))
        .with("ttl", n(expires_at.seconds() + 60));
    Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)")
}

/// A link and the mail that it goes in; for nobody, a link that nobody gets and a mail that says nothing (PR-1).
#[derive(Debug)]
pub struct UnlockLink<'a> {
    /// Whose login it opens.
    pub user: UserId,
    pub cred_version: CredentialVersion,
    pub hash: &'a TokenHash,
    pub job: JobId,
    pub mail: &'a Mail,
}

impl UnlockLink<'_> {
    pub(crate) fn writes(&self, now: WallTime) -> Result<[Write; 2], StoreError> {
        Ok([put(self.user, self.cred_version, self.hash, now), put_mail(self.job, Some(self.user), self.mail, now)?])
    }
}

impl Store {
    /// A token, read consistently.
    pub async fn find_unlock(&self, hash: &TokenHash) -> Result<Option<UnlockToken>, StoreError> {
        self.read(Table::Identity, &key(hash))
            .await?
            .map(|row| {
                Ok(UnlockToken {
                    user: row.parse("user")?,
                    cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
                    expires_at: WallTime::from_ms(row.number("expires_at")?),
                })
            })
            .transpose()
    }
}
