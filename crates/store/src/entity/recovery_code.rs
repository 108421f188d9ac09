//! Recovery codes: one item per code, so that using one is a conditional delete (RC-2).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `RECOVERY#<user>` | `CODE#<hash>` | `made_at` N (wall ms) |

use account::token::TokenHash;
use account::{UserId, WallTime};

use crate::attribute::{Row, n};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// The partition of a user's codes.
pub fn partition(user: UserId) -> String {
    format!("RECOVERY#{user}")
}
/// Where a code is.
pub fn key(user: UserId, hash: &TokenHash) -> Key {
    Key::new(partition(user), format!("CODE#{}", hash.as_str()))
}
/// The write of a new code.
pub fn put(user: UserId, hash: &TokenHash, now: WallTime) -> Write {
    Write::put(Table::Identity, key(user, hash), Row::keyed(&key(user, hash)).with("made_at", n(now.ms())))
}

impl Store {
    /// The keys of all codes that are left, read consistently.
    pub async fn recovery_codes(&self, user: UserId) -> Result<Vec<Key>, StoreError> {
        let rows = self.read_partition(Table::Identity, &partition(user), "CODE#").await?;
        rows.iter().map(|row| Ok(Key::new(row.text("pk")?, row.text("sk")?))).collect()
    }
    /// Whether this code is one that is left, read consistently. The commit decides; this only counts the failure first.
    pub async fn has_recovery_code(&self, user: UserId, hash: &TokenHash) -> Result<bool, StoreError> {
        Ok(self.read(Table::Identity, &key(user, hash)).await?.is_some())
    }
}
