//! Ends sessions, one or all but one.
//!
//! `end_session` writes: the session's item and the owner's list entry are deleted. Ending one twice is no error.
//! `end_other_sessions` writes: the user's generation raised (if versions are as read), the acting session moved to it, an
//! audit row: whatever starts at the same moment under the old generation is dead too (SS-4).

use account::id::SessionId;
use account::token::TokenHash;
use account::{UserId, WallTime};
use std::net::IpAddr;
use ulid::Ulid;

use crate::attribute::{Row, n};
use crate::entity::audit;
use crate::entity::session::{self, Session};
use crate::entity::user::{self, User};
use crate::write::{TransactFailed, Write};
use crate::{Key, Store, StoreError, Table};

/// The session whose token came with a sign-in: it ends in the commit that starts the new one (LG-3).
#[derive(Debug)]
pub struct Replaced {
    session: Key,
    entry: Key,
}

impl Replaced {
    /// Whose session it is does not matter, it was shown.
    pub(crate) fn of(hash: &TokenHash, session: &Session) -> Self {
        Self { session: session::key(hash), entry: session::list_key(session.user, session.id) }
    }
    pub(crate) fn writes(&self) -> [Write; 2] {
        [Write::delete(Table::Identity, self.session.clone()), Write::delete(Table::Identity, self.entry.clone())]
    }
}

/// Why the others were not ended.
#[derive(Debug)]
pub enum EndOthersRefused {
    /** The acting session ended, or the account changed, in the meantime. */
    ChangedMeanwhile,
    Busy,
    Store(StoreError),
}

const RAISED: &str = "SET #session_gen = :next";
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen";
const ACTING: &str = "attribute_exists(pk) AND #session_gen = :session_gen";

impl Store {
    /// Ends the session of a token.
    pub async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        hash: &TokenHash,
        token: Ulid,
    ) -> Result<(), StoreError> {
        self.delete_session(session::key(hash), session::list_key(user, id), token).await
    }
    /// Ends a session by its id; `false` when this user has none of that id (SS-8).
    pub async fn end_session_by_id(&self, user: UserId, id: SessionId, token: Ulid) -> Result<bool, StoreError> {
        let entry = session::list_key(user, id);
        let Some(row) = self.read(Table::Identity, &entry).await? else { return Ok(false) };
        let key = token_key(row.text("token_hash")?);
        self.delete_session(key, entry, token).await.map(|()| true)
    }
    /// The sessions of a user that would pass the session check now, oldest first.
    pub async fn list_sessions(&self, user: &User, now: WallTime) -> Result<Vec<Session>, StoreError> {
        let entries = self.read_partition(Table::Identity, &format!("SESSIONS#{}", user.id), SessionId::PREFIX).await?;
        let keys = entries
            .iter()
            .map(|row: &Row| Ok(token_key(row.text("token_hash")?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let rows = self.read_many(Table::Identity, &keys).await?;
        let mut sessions = rows.iter().map(Session::from_row).collect::<Result<Vec<_>, _>>()?;
        sessions.retain(|s| s.is_alive(now) && s.session_gen == user.session_gen);
        sessions.sort_by_key(|s| s.id.to_string());
        Ok(sessions)
    }
    /// Ends every session of the user but the one of this token (SS-4).
    pub async fn end_other_sessions(
        &self,
        user: &User,
        acting: &TokenHash,
        id: Ulid,
        source: Option<IpAddr>,
        now: WallTime,
    ) -> Result<(), EndOthersRefused> {
        let (old, next) = (n(user.session_gen.value()), n(user.session_gen.next().value()));
        let writes = [
            Write::update(Table::Identity, user::key(user.id), RAISED)
                .when(SAME)
                .value(":next", next.clone())
                .value(":cred_version", n(user.cred_version.value()))
                .value(":session_gen", old.clone()),
            Write::update(Table::Identity, session::key(acting), RAISED)
                .when(ACTING)
                .value(":next", next)
                .value(":session_gen", old),
            audit::put(user.id, id, "other_sessions_ended", None, source, now),
        ];
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(cancelled)) if cancelled.first_failed_condition().is_some() => {
                Err(EndOthersRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(_)) => Err(EndOthersRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(EndOthersRefused::Store(error)),
        }
    }
    async fn delete_session(&self, key: Key, entry: Key, token: Ulid) -> Result<(), StoreError> {
        let writes = [Write::delete(Table::Identity, key), Write::delete(Table::Identity, entry)];
        match self.transact(&token.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Store(error)) => Err(error),
            Err(TransactFailed::Cancelled(_)) => {
                Err(StoreError::Unavailable { what: "ending a session: contention".into() })
            }
        }
    }
}

/// The session item that a list entry names.
fn token_key(hash: &str) -> Key {
    Key::new(format!("SESSION#{hash}"), "SESSION")
}
