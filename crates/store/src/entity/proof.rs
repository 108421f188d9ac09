//! Step-up proofs: one fresh full authentication for exactly one request.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `PROOF#<token hash>` | `PROOF` | `user`, `method`, `path`, `body_sha256` S; `epoch`, `cred_version` N; `expires_at` N (wall ms); `ttl` N |

use account::token::TokenHash;
use account::{CredentialVersion, Epoch, UserId, WallTime};

use crate::Key;
use crate::attribute::{Row, n, s};

/// ST-1: a proof is good for this many seconds.
pub const LIFE_S: i64 = 300;

/// Where a proof is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("PROOF#{}", hash.as_str()), "PROOF")
}

/// A proof as issued.
#[derive(Debug, Clone)]
pub struct Proof {
    pub user: UserId,
    pub epoch: Epoch,
    pub cred_version: CredentialVersion,
    pub method: String,
    pub path: String,
    /// Hex of the SHA-256 of the body's bytes.
    pub body_sha256: String,
    pub expires_at: WallTime,
}
impl Proof {
    /// As stored.
    pub fn to_row(&self, hash: &TokenHash) -> Row {
        Row::keyed(&key(hash))
            .with("user", s(self.user))
            .with("epoch", n(self.epoch.value()))
            .with("cred_version", n(self.cred_version.value()))
            .with("method", s(&self.method))
            .with("path", s(&self.path))
            .with("body_sha256", s(&self.body_sha256))
            .with("expires_at", n(self.expires_at.ms()))
            .with("ttl", n(self.expires_at.seconds() + 60))
    }
}
