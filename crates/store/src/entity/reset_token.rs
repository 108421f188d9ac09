//! Reset tokens: single use, ten minutes, newest supersedes older, bound to user and credential version (PR-4).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `RESET_TOKEN#<token hash>` | `TOKEN` | `user` S; `cred_version` N; `expires_at` N (wall ms); once used: `used_at` N, `used_by` S (names the completion, RF-12), `not_me` S (hash of the "this was not me" token that was mailed about this reset, PR-13), `not_me_until` N; once that was said: `disowned_by` S; `ttl` N |
//! | identity | `RESET#<user>` | `POINTER` | `newest` S (token hash); `ttl` N |
//!
//! Only hashes are stored: a dump of the table resets nothing.

use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// PR-4: a link lives this many seconds (10 min).
pub const LIFE_S: i64 = 600;
/// PR-13: the "this was not me" link of a completed reset lives this many seconds (72 h).
pub const NOT_ME_LIFE_S: i64 = 72 * 3_600;
/// How long an unused token stays after its end, in seconds: one day, so that an outcome can be read back (RF-12).
const KEPT_S: i64 = 86_400;

/// Where a token is.
pub fn key(hash: &TokenHash) -> Key {
    key_of(hash.as_str())
}
/// Where a token is, from its stored form.
pub(crate) fn key_of(hash: &str) -> Key {
    Key::new(format!("RESET_TOKEN#{hash}"), "TOKEN")
}
/// Where the pointer to the newest token of a user is.
pub fn pointer_key(user: UserId) -> Key {
    Key::new(format!("RESET#{user}"), "POINTER")
}

/// A token as stored. A claim, no effect: the commit checks it again.
#[derive(Debug, Clone)]
pub struct ResetToken {
    pub user: UserId,
    /// The credential version it was made under; any change of credentials kills it.
    pub cred_version: CredentialVersion,
    pub expires_at: WallTime,
    /// Which completion used it, when one did.
    pub used_by: Option<String>,
}

impl ResetToken {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.parse("user")?,
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            expires_at: WallTime::from_ms(row.number("expires_at")?),
            used_by: row.text_if("used_by").map(str::to_owned),
        })
    }
    /// Whether nobody used it and its time is not up.
    pub fn is_open(&self, now: WallTime) -> bool {
        self.used_by.is_none() && self.expires_at > now
    }
}

/// The two writes that make a token the newest of its user.
pub fn puts(user: UserId, cred_version: CredentialVersion, hash: &TokenHash, now: WallTime) -> [Write; 2] {
    let expires_at = now.plus_seconds(LIFE_S);
    let ttl = n(expires_at.plus_seconds(KEPT_S).seconds());
    let row = Row::keyed(&key(hash))
        .with("user", s(user))
        .with("cred_version", n(cred_version.value()))
        .with("expires_at", n(expires_at.ms()))
        .with("ttl", ttl.clone());
    let pointer = Row::keyed(&pointer_key(user)).with("newest", s(hash.as_str())).with("ttl", ttl);
    [
        Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)"),
        Write::put(Table::Identity, pointer_key(user), pointer),
    ]
}

const SPEND: &str = "SET #used_at = :now, #used_by = :used_by";
const SPEND_AND_DISOWN: &str =
    "SET #used_at = :now, #used_by = :used_by, #not_me = :not_me, #not_me_until = :not_me_until, #ttl = :ttl";
const OPEN: &str =
    "attribute_exists(pk) AND attribute_not_exists(#used_at) AND #expires_at > :now AND #cred_version = :cred_version";

/// The write that uses a token up, if it is open and of this credential version. `not_me` is the stored form of the "this was
/// not me" token that is mailed about it, where one is.
pub(crate) fn spent(
    hash: &TokenHash,
    cred_version: CredentialVersion,
    used_by: &str,
    not_me: Option<&TokenHash>,
    now: WallTime,
) -> Write {
    let write = match not_me {
        None => Write::update(Table::Identity, key(hash), SPEND),
        Some(not_me) => {
            let until = now.plus_seconds(NOT_ME_LIFE_S);
            Write::update(Table::Identity, key(hash), SPEND_AND_DISOWN)
                .value(":not_me", s(not_me.as_str()))
                .value(":not_me_until", n(until.ms()))
                .value(":ttl", n(until.plus_seconds(60).seconds()))
        }
    };
    write
        .when(OPEN)
        .value(":now", n(now.ms()))
        .value(":used_by", s(used_by))
        .value(":cred_version", n(cred_version.value()))
}

/// The check that a token is its user's newest (RF-16).
pub(crate) fn newest(user: UserId, hash: &TokenHash) -> Write {
    Write::check(Table::Identity, pointer_key(user)).when("#newest = :hash").value(":hash", s(hash.as_str()))
}

const DISOWN: &str = "SET #disowned_by = :done_by";
const DISOWNABLE: &str = "#not_me = :not_me AND #not_me_until > :now AND attribute_not_exists(#disowned_by)";

/// Where a disowning of a reset leaves its name (RF-12).
pub(crate) const DISOWNED_BY: &str = "disowned_by";

/// The write that says "this was not me" of a completed reset, once, with the token that was mailed about it (PR-13).
pub(crate) fn disowned(hash: &str, not_me: &TokenHash, done_by: &str, now: WallTime) -> Write {
    Write::update(Table::Identity, key_of(hash), DISOWN)
        .when(DISOWNABLE)
        .value(":not_me", s(not_me.as_str()))
        .value(":now", n(now.ms()))
        .value(":done_by", s(done_by))
}

/// A completed reset that can still be disowned. A claim: the commit checks it again.
#[derive(Debug, Clone)]
pub struct Disownable {
    pub user: UserId,
    /// When the reset was made.
    pub used_at: WallTime,
}

impl Store {
    /// The reset that was mailed about with this "this was not me" token, read consistently; `hash` is what the link names.
    pub async fn find_disownable(
        &self,
        hash: &str,
        not_me: &TokenHash,
        now: WallTime,
    ) -> Result<Option<Disownable>, StoreError> {
        let Some(row) = self.read(Table::Identity, &key_of(hash)).await? else { return Ok(None) };
        let is_open = row.text_if("not_me") == Some(not_me.as_str())
            && row.number_if::<i64>("not_me_until")?.is_some_and(|until| until > now.ms())
            && row.text_if(DISOWNED_BY).is_none();
        if !is_open {
            return Ok(None);
        }
        Ok(Some(Disownable { user: row.parse("user")?, used_at: WallTime::from_ms(row.number("used_at")?) }))
    }
    /// A token, read consistently.
    pub async fn find_reset(&self, hash: &TokenHash) -> Result<Option<ResetToken>, StoreError> {
        self.read(Table::Identity, &key(hash)).await?.map(|row| ResetToken::from_row(&row)).transpose()
    }
    /// Whether this is the user's newest token, read consistently.
    pub async fn is_newest_reset(&self, user: UserId, hash: &TokenHash) -> Result<bool, StoreError> {
        let pointer = self.read(Table::Identity, &pointer_key(user)).await?;
        Ok(pointer.is_some_and(|row| row.text_if("newest") == Some(hash.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use account::token::Purpose;

    use super::*;

    #[test]
    fn pr_4_a_token_comes_back_as_it_was_stored_and_lives_ten_minutes() {
        let (user, now) = (UserId::new(ulid::Ulid::from_parts(1, 2)), WallTime::from_ms(1_800_000_000_000));
        let [token, _] =
            puts(user, CredentialVersion::from_stored(7), &TokenHash::of(Purpose::PasswordReset, "t"), now);
        let read = ResetToken::from_row(token.row().expect("a put")).expect("readable");
        assert_eq!(
            (read.user, read.cred_version, read.used_by.clone()),
            (user, CredentialVersion::from_stored(7), None)
        );
        assert!(read.is_open(now.plus_seconds(600).plus_ms(-1)) && !read.is_open(now.plus_seconds(600)));
        assert!(!ResetToken { used_by: Some("x".into()), ..read }.is_open(now));
    }
}
