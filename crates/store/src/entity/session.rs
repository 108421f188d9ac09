//! Sessions: looked up by the hash of their token, valid only while their generation is the user's (SS-1).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `SESSION#<token hash>` | `SESSION` | `user`, `session` (id) S; `session_gen` N; `factor` BOOL (a second factor was shown); `created_at`, `seen_at`, `expires_at` N (wall ms); `ttl` N (s) |
//! | identity | `SESSIONS#<user>` | `<session id>` | `token_hash` S; `created_at`, `expires_at` N; `ttl` N: the owner's list, for display and ending |

use account::id::SessionId;
use account::token::TokenHash;
use account::{SessionGeneration, UserId, WallTime};

use crate::attribute::{Row, n, s, truth};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// SS-3: absolute life of a session in seconds (12 h).
pub const LIFE_S: i64 = 12 * 3600;
/// SS-3: a session unused for this many seconds is over (30 min).
pub const IDLE_S: i64 = 30 * 60;
/// How far clocks of two hosts may differ, in seconds. A session from further ahead was made under a clock that has been
/// set back since, and would live longer than it should: it is over (SS-3).
pub const SKEW_S: i64 = 60;

/// Where the session of a token is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("SESSION#{}", hash.as_str()), "SESSION")
}
/// Where the owner's list entry is.
pub fn list_key(user: UserId, session: SessionId) -> Key {
    Key::new(format!("SESSIONS#{user}"), session.to_string())
}

/// A session as stored. Being stored proves nothing: the session check compares it with the clock and the user.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub session_gen: SessionGeneration,
    pub factor: bool,
    pub created_at: WallTime,
    pub seen_at: WallTime,
    pub expires_at: WallTime,
}

impl Session {
    /// A session that starts now.
    pub const fn starting(
        id: SessionId,
        user: UserId,
        session_gen: SessionGeneration,
        factor: bool,
        now: WallTime,
    ) -> Self {
        Self { id, user, session_gen, factor, created_at: now, seen_at: now, expires_at: now.plus_seconds(LIFE_S) }
    }
    /// Whether the clock lets it live.
    pub const fn is_alive(&self, now: WallTime) -> bool {
        let ahead = now.ms_since(self.created_at) < -SKEW_S * 1000 || now.ms_since(self.seen_at) < -SKEW_S * 1000;
        !ahead && now.ms() < self.expires_at.ms() && now.ms_since(self.seen_at) < IDLE_S * 1000
    }
    /// The two writes that store it.
    pub fn writes(&self, hash: &TokenHash) -> [Write; 2] {
        let row = Row::keyed(&key(hash))
            .with("user", s(self.user))
            .with("session", s(self.id))
            .with("session_gen", n(self.session_gen.value()))
            .with("factor", truth(self.factor))
            .with("created_at", n(self.created_at.ms()))
            .with("seen_at", n(self.seen_at.ms()))
            .with("expires_at", n(self.expires_at.ms()))
            .with("ttl", n(self.expires_at.seconds() + 60));
        let entry = Row::keyed(&list_key(self.user, self.id))
            .with("token_hash", s(hash.as_str()))
            .with("created_at", n(self.created_at.ms()))
            .with("expires_at", n(self.expires_at.ms()))
            .with("ttl", n(self.expires_at.seconds() + 60));
        [
            Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)"),
            Write::put(Table::Identity, list_key(self.user, self.id), entry).when("attribute_not_exists(pk)"),
        ]
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("session")?,
            user: row.parse("user")?,
            session_gen: SessionGeneration::from_stored(row.number("session_gen")?),
            factor: row.is("factor"),
            created_at: WallTime::from_ms(row.number("created_at")?),
            seen_at: WallTime::from_ms(row.number("seen_at")?),
            expires_at: WallTime::from_ms(row.number("expires_at")?),
        })
    }
}

impl Store {
    /// The session of a token, read consistently.
    pub async fn find_session(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.read(Table::Identity, &key(hash)).await?.map(|row| Session::from_row(&row)).transpose()
    }
    /// Notes that the session was used; at most once a minute, so that a busy page does not write at every call.
    pub async fn touch_session(&self, hash: &TokenHash, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Identity, key(hash), "SET #seen_at = :now")
            .when("attribute_exists(pk)")
            .value(":now", n(now.ms()));
        // Ended in the meantime: nothing to note, and the next request finds out.
        self.write_one(write).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ss_3_a_session_lives_within_its_times_and_under_no_clock_that_was_set_back() {
        check(0, true);
        check(IDLE_S - 1, true);
        check(IDLE_S, false);
        check(-SKEW_S, true);
        check(-SKEW_S - 1, false);
        check(-LIFE_S, false);
        check(i64::MIN / 4000, false);
    }

    fn check(later_s: i64, lives: bool) {
        let started = WallTime::from_ms(1_764_000_000_000);
        let ulid = ulid::Ulid::from_parts(1, 2);
        let session =
            Session::starting(SessionId::new(ulid), UserId::new(ulid), SessionGeneration::FIRST, true, started);
        assert_eq!(session.is_alive(started.plus_seconds(later_s)), lives, "{later_s}");
        // However busy: seen at any moment, it ends with its absolute life.
        let busy = Session { seen_at: started.plus_seconds(LIFE_S), ..session };
        assert!(!busy.is_alive(started.plus_seconds(LIFE_S)));
        assert!(busy.is_alive(started.plus_seconds(LIFE_S - 1)));
    }
}
