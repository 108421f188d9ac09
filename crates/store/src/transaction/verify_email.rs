//! Consumes a verification token and marks the address verified.
//!
//! writes: delete `VERIFY#`, check `VERIFY_NEWEST#`, update `USER#`, audit row. conditions: the token exists, has not
//! expired and is of this credential version; it is the newest; the user still has that version (EV-1, EV-2).

use account::WallTime;
use account::token::TokenHash;
use ulid::Ulid;

use crate::attribute::{n, s, truth};
use crate::entity::verification::Verification;
use crate::entity::{audit, user, verification};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// Why nothing was verified.
#[derive(Debug)]
pub enum VerifyRefused {
    TokenDead,
    Busy,
    Store(StoreError),
}

const TOKEN: &str = "attribute_exists(pk) AND #expires_at > :now AND #cred_version = :cred_version";
const NEWEST: &str = "#newest = :hash";
const VERIFIED: &str = "SET #email_verified = :yes";
const SAME_VERSION: &str = "#cred_version = :cred_version";

impl Store {
    /// Spends the token; of many at once one succeeds.
    pub async fn verify_email(
        &self,
        claim: &Verification,
        hash: &TokenHash,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), VerifyRefused> {
        let version = n(claim.cred_version.value());
        let writes = [
            Write::delete(Table::Identity, verification::key(hash))
                .when(TOKEN)
                .value(":now", n(now.ms()))
                .value(":cred_version", version.clone()),
            Write::check(Table::Identity, verification::pointer_key(claim.user))
                .when(NEWEST)
                .value(":hash", s(hash.as_str())),
            Write::update(Table::Identity, user::key(claim.user), VERIFIED)
                .when(SAME_VERSION)
                .value(":yes", truth(true))
                .value(":cred_version", version),
            audit::put(claim.user, id, "email_verified", None, None, now),
        ];
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(cancelled)) if cancelled.first_failed_condition().is_some() => {
                Err(VerifyRefused::TokenDead)
            }
            Err(TransactFailed::Cancelled(_)) => Err(VerifyRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(VerifyRefused::Store(error)),
        }
    }
}
