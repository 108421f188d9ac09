//! Compares a password with a stored hash, and makes its hash anew when the parameters changed (PW-2).
//!
//! Never counts anything: whoever calls has charged the attempt before (RL-3).

use account::password::Password;
use account::password_hash::{HashPolicy, PasswordHash, UserSalt, Verdict, dummy_hash, hash, verify};
use api::Problem;
use identity_key::KeyFailed;

use crate::Deps;
use crate::factor::key_failed;

/// Why there is no verdict.
pub(crate) enum NotCompared {
    /// SU-3: too long was never accepted at sign-up, so it is simply wrong; nothing was computed.
    TooLong,
    /// RF-31: says nothing about the password.
    Ours(Problem),
}

impl Deps {
    pub(crate) fn hash_policy(&self) -> HashPolicy {
        HashPolicy { parameters: self.parameters, pepper: self.key.pepper_id().clone() }
    }
}

/// One pepper and one Argon2id; `None` is compared with a fixed hash that nothing matches, at the same cost (LG-1).
pub(crate) async fn verify_password(
    deps: &Deps,
    password: &Password,
    stored: Option<&PasswordHash>,
) -> Result<Verdict, NotCompared> {
    let policy = deps.hash_policy();
    let dummy;
    let stored = match stored {
        Some(stored) => stored,
        None => {
            dummy = dummy_hash(&policy);
            &dummy
        }
    };
    let peppered = deps.key.pepper_as(password, stored).await.map_err(|failed| match failed {
        KeyFailed::PasswordTooLong => NotCompared::TooLong,
        KeyFailed::Unavailable(_) | KeyFailed::SealBroken => NotCompared::Ours(key_failed(&failed)),
    })?;
    verify(&peppered, stored, &policy).map_err(|e| NotCompared::Ours(Problem::unavailable().logged(e)))
}

/// The same password under the present parameters. `None` when that failed: it is no reason to refuse a right password, and
/// the next login tries again.
pub(crate) async fn rehash(deps: &Deps, password: &Password) -> Option<PasswordHash> {
    let salt = UserSalt::new(deps.host.entropy.bytes());
    let made = match deps.key.pepper_new(password, &salt).await {
        Ok(peppered) => hash(&peppered, &salt, &deps.hash_policy()).map_err(|e| e.to_string()),
        Err(failed) => Err(failed.to_string()),
    };
    made.map_err(|cause| tracing::warn!(cause, "a password keeps its old hash")).ok()
}
