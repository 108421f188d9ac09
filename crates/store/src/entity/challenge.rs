//! Login challenges: what a right password earns when a second factor is on. Never a session (LG-2).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `CHALLENGE#<token hash>` | `CHALLENGE` | `user` S; `cred_version` N; `attempts` N; `device` S (whose bucket the password was charged to; absent: the common one); `expires_at` N (wall ms); `ttl` N |

use account::budget::ChallengeAttempts;
use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::entity::budget::Bucket;
use crate::entity::device::DeviceName;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// LG-2: a challenge lives this many seconds (5 min).
pub const LIFE_S: i64 = 300;

/// Where a challenge is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("CHALLENGE#{}", hash.as_str()), "CHALLENGE")
}

/// A challenge as stored.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub user: UserId,
    pub cred_version: CredentialVersion,
    pub attempts: ChallengeAttempts,
    /// Where the password that earned it was charged: cleared once all factors were shown.
    pub bucket: Bucket,
    pub expires_at: WallTime,
}

/// The write of a new challenge.
pub fn put(
    hash: &TokenHash,
    user: UserId,
    cred_version: CredentialVersion,
    bucket: &Bucket,
    expires_at: WallTime,
) -> Write {
    let device = match bucket {
        Bucket::Common => None,
        Bucket::Device(name) => Some(s(name.as_str())),
    };
    let row = Row::keyed(&key(hash))
        .with("user", s(user))
        .with("cred_version", n(cred_version.value()))
        .with("attempts", n(ChallengeAttempts::FRESH.0))
        .with_some("device", device)
        .with("expires_at", n(expires_at.ms()))
        .with("ttl", n(expires_at.seconds() + 60));
    Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)")
}

impl Store {
    /// A challenge, read consistently.
    pub async fn find_challenge(&self, hash: &TokenHash) -> Result<Option<Challenge>, StoreError> {
        self.read(Table::Identity, &key(hash))
            .await?
            .map(|row| {
                Ok(Challenge {
                    user: row.parse("user")?,
                    cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
                    attempts: ChallengeAttempts(row.number("attempts")?),
                    bucket: row
                        .text_if("device")
                        .map_or(Bucket::Common, |name| Bucket::Device(DeviceName::from_stored(name))),
                    expires_at: WallTime::from_ms(row.number("expires_at")?),
                })
            })
            .transpose()
    }
}
