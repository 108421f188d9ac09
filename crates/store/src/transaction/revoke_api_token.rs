//! Revokes an API token: refused on the very next request.
//!
//! writes: `TOKEN#` and the list entry deleted, mail job, audit row. conditions: the list entry is as read: of two at once one
//! revokes and mails, and a repeated making that puts another text in its place at this moment leaves none alive unlisted.

use std::net::IpAddr;

use account::id::{ApiTokenId, JobId};
use account::{UserId, WallTime};
use ulid::Ulid;

use crate::attribute::s;
use crate::entity::api_token::{ApiToken, key_of_entry, list_key};
use crate::entity::audit;
use crate::entity::job::{Mail, put_mail};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// A token to be revoked.
#[derive(Debug)]
pub struct RevokingToken<'a> {
    pub user: UserId,
    pub token: ApiTokenId,
    pub job: JobId,
    pub mail: &'a Mail,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

const AS_READ: &str = "#token_hash = :hash";
/// How often a text that was replaced is looked for again.
const TRIES_MAX: usize = 4;

impl Store {
    /// A token of this user, dead or alive; `None` when this user has none of that id (SS-8).
    pub async fn find_api_token_of(&self, user: UserId, token: ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        let Some(entry) = self.read(Table::Identity, &list_key(user, token)).await? else { return Ok(None) };
        self.read(Table::Identity, &key_of_entry(&entry)?).await?.map(|row| ApiToken::from_row(&row)).transpose()
    }
    /// Revokes it; `false` when it is gone already.
    pub async fn revoke_api_token(&self, revoking: &RevokingToken<'_>) -> Result<bool, StoreError> {
        let RevokingToken { user, token, job, mail, id, source, now } = revoking;
        for attempt in 0..TRIES_MAX {
            let Some(entry) = self.read(Table::Identity, &list_key(*user, *token)).await? else { return Ok(false) };
            let writes = [
                Write::delete(Table::Identity, list_key(*user, *token))
                    .when(AS_READ)
                    .value(":hash", s(entry.text("token_hash")?)),
                Write::delete(Table::Identity, key_of_entry(&entry)?),
                put_mail(*job, Some(*user), mail, *now)?,
                audit::put(*user, *id, "token_revoked", None, *source, *now),
            ];
            match self.transact(&format!("{id}{attempt}"), &writes).await {
                Ok(()) => return Ok(true),
                // Revoked by another, or its text was replaced: what is there now says which.
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable { what: "revoking an API token: contention".into() })
    }
}
