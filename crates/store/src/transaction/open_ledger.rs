//! Writes the ledger row of a secret that is about to be created (RF-20).
//!
//! writes: put `LEDGER#` CREATING. conditions: there is none of this name, so that no name is used twice.

use account::{ConnectionId, UserId, WallTime};

use crate::entity::ledger::{self, Ledger};
use crate::write::Write;
use crate::{Store, StoreError, Table};

impl Store {
    /// Opens the record. `false` when the name was used before: take another, never go on with it.
    pub async fn open_ledger(
        &self,
        secret_name: &str,
        user: UserId,
        connection: ConnectionId,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let row = Ledger::opening(secret_name, user, connection, now);
        let write = Write::put(Table::Vault, ledger::key(secret_name), row).when("attribute_not_exists(pk)");
        Ok(self.write_one(write).await?.is_ok())
    }
}
