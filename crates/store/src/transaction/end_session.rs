//! Ends one session: its item and the owner's list entry go together. Ending it twice is no error.

use account::token::TokenHash;
use account::UserId;
use account::id::SessionId;
use ulid::Ulid;

use crate::attribute::Row;
use crate::entity::session;
use crate::write::{TransactFailed, Write};
use crate::{Key, Store, StoreError, Table};

/// A session in the owner's list.
#[derive(Debug, Clone)]
pub struct Listed { pub id: SessionId, pub created_at_ms: i64, pub expires_at_ms: i64 }

impl Store {
    /// Ends the session of a token.
    pub async fn end_session(&self, user: UserId, id: SessionId, hash: &TokenHash, token: Ulid) -> Result<(), StoreError> {
        self.delete_session(session::key(hash), session::list_key(user, id), token).await
    }
    /// Ends a session by its id; `false` when this user has none of that id (SS-8).
    pub async fn end_session_by_id(&self, user: UserId, id: SessionId, token: Ulid) -> Result<bool, StoreError> {
        let entry = session::list_key(user, id);
        let Some(row) = self.read(Table::Identity, &entry).await? else { return Ok(false) };
        let key = Key::new(format!("SESSION#{}", row.text("token_hash")?), "SESSION");
        self.delete_session(key, entry, token).await.map(|()| true)
    }
    /// The sessions of a user that the clock lets live. Whether their generation does is known only to the session check.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<Listed>, StoreError> {
        let rows = self.read_partition(Table::Identity, &format!("SESSIONS#{user}"), SessionId::PREFIX).await?;
        rows.iter().map(|row: &Row| {
            Ok(Listed { id: row.parse("sk")?, created_at_ms: row.number("created_at")?, expires_at_ms: row.number("expires_at")? })
        }).collect()
    }
    async fn delete_session(&self, key: Key, entry: Key, token: Ulid) -> Result<(), StoreError> {
        let writes = [Write::delete(Table::Identity, key), Write::delete(Table::Identity, entry)];
        match self.transact(&token.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Store(error)) => Err(error),
            Err(TransactFailed::Cancelled(_)) => Err(StoreError::Unavailable { what: "ending a session: contention".into() }),
        }
    }
}
