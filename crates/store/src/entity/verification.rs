//! Mailed proofs of an address: single use, newest supersedes older, bound to purpose, user and credential version (EV-1, EV-2).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `VERIFY#<token hash>` | `TOKEN` | `user` S; `cred_version` N; `expires_at` N (wall ms); `ttl` N |
//! | identity | `VERIFY_NEWEST#<user>` | `POINTER` | `newest` S (token hash) |

use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// EV-1: a link lives this many seconds (24 h).
pub const LIFE_S: i64 = 24 * 3600;

/// Where a token is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("VERIFY#{}", hash.as_str()), "TOKEN")
}
/// Where the pointer to the newest token is.
pub fn pointer_key(user: UserId) -> Key {
    Key::new(format!("VERIFY_NEWEST#{user}"), "POINTER")
}

/// A token as stored.
#[derive(Debug, Clone)]
pub struct Verification {
    pub user: UserId,
    pub cred_version: CredentialVersion,
    pub expires_at: WallTime,
}

/// The two writes that make a token the newest.
pub fn puts(user: UserId, cred_version: CredentialVersion, hash: &TokenHash, now: WallTime) -> [Write; 2] {
    let expires_at = now.plus_seconds(LIFE_S);
    let row = Row::keyed(&key(hash))
        .with("user", s(user))
        .with("cred_version", n(cred_version.value()))
        .with("expires_at", n(expires_at.ms()))
        .with("ttl", n(expires_at.seconds() + 60));
    let pointer = Row::keyed(&pointer_key(user)).with("newest", s(hash.as_str()));
    [
        Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)"),
        Write::put(Table::Identity, pointer_key(user), pointer),
    ]
}

impl Store {
    /// A token, read consistently. A claim, no effect: the commit checks it again.
    pub async fn find_verification(&self, hash: &TokenHash) -> Result<Option<Verification>, StoreError> {
        self.read(Table::Identity, &key(hash))
            .await?
            .map(|row| {
                Ok(Verification {
                    user: row.parse("user")?,
                    cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
                    expires_at: WallTime::from_ms(row.number("expires_at")?),
                })
            })
            .transpose()
    }
}
