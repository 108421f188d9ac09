//! Makes the signer refuse everything of a user for a moment, so that a busy bot cannot starve a reset (reset-fence B.4).
//!
//! writes: `USER#` fencing_until. conditions: the credential version is as read. Ends by itself; nothing else is changed.

use account::WallTime;

use crate::attribute::n;
use crate::entity::user::{self, User};
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// How long the signer waits for the reset, in seconds: its 10 s of tries and a margin.
pub const FENCING_S: i64 = 15;

const RAISE: &str = "SET #fencing_until = :until";
const SAME_VERSION: &str = "#cred_version = :cred_version";

impl Store {
    /// Raises it. `false`: the credentials were changed since they were read.
    pub async fn raise_fence(&self, user: &User, now: WallTime) -> Result<bool, StoreError> {
        let write = || {
            Write::update(Table::Identity, user::key(user.id), RAISE)
                .when(SAME_VERSION)
                .value(":until", n(now.plus_seconds(FENCING_S).ms()))
                .value(":cred_version", n(user.cred_version.value()))
        };
        match self.write_one(write()).await {
            // Saying it twice says the same.
            Err(StoreError::OutcomeUnknown { .. }) => Ok(self.write_one(write()).await?.is_ok()),
            answered => Ok(answered?.is_ok()),
        }
    }
}
