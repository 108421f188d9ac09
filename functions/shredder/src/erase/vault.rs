//! Connections, fingerprints, the ledger: only once the ledger says of every secret that it was proven gone (G4).
//!
//! A fingerprint goes, so that the key can be attached to another account (KX-4). Never sees a wrapped key.

use store::entity::ledger::{LedgerState, name_of_arn};
use store::{StoreError, Table};

use super::{Found, Run};

pub(super) async fn erase(run: &mut Run<'_>) -> Result<Found, StoreError> {
    let store = &run.deps.store;
    let owned = run.owned(Table::Vault).await?;
    for key in &owned {
        let Some(name) = key.pk.strip_prefix("LEDGER#") else { continue };
        if !is_gone(run, name).await? {
            return Ok(Found::Waiting("a secret is not proven gone yet"));
        }
    }
    // What the index has not heard of yet is found through its connection.
    for connection in store.list_connections(run.user).await? {
        if let Some(name) = name_of_arn(&connection.secret_arn)
            && !is_gone(run, name).await?
        {
            return Ok(Found::Waiting("a secret is not proven gone yet"));
        }
    }
    let found = run.empty(Table::Vault, &format!("USER#{}", run.user)).await?;
    run.delete_owned(Table::Vault, &owned).await?;
    Ok(if owned.is_empty() { found } else { Found::Deleted })
}

/// The record of an erased secret goes by its time to live, or with an earlier run: none is as good as DELETED.
async fn is_gone(run: &Run<'_>, name: &str) -> Result<bool, StoreError> {
    Ok(run.deps.store.find_ledger(name).await?.is_none_or(|ledger| ledger.state == LedgerState::Deleted))
}
