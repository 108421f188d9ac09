//! Changes of an account's address: asked for by the owner, confirmed by the new address, taken back by the old one (EV-5).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `EMAIL_CHANGE#<hash of the confirming token>` | `CHANGE` | `user`, `old_email`, `new_email` S; `cred_version` N; `state` S `STARTED`, `CONFIRMED`, `REVOKED`; `expires_at` N (wall ms: of the confirming link); `revoke` S (hash of the revoking token mailed at the start), `revoke_after` S (of the one mailed at the confirmation); `revoke_until` N once confirmed; `confirmed_by`, `revoked_by` S (names the transaction, RF-12); `ttl` N |
//! | identity | `EMAIL_CHANGES#<user>` | `POINTER` | `newest` S (hash of the confirming token); `blocked_until` N (wall ms: no other change while one can be taken back); `ttl` N |
//!
//! A revoking link names the change and carries a secret of its own: `<hash of the confirming token>.<secret>`. Only hashes
//! are stored.

use account::email::EmailAddress;
use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// How long the new address has to confirm, in seconds: 24 h, as long as a verification (EV-1).
pub const LIFE_S: i64 = 86_400;
/// How long the old address can take a confirmed change back, in seconds: 72 h, as long as the freeze.
pub const REVOKE_LIFE_S: i64 = 72 * 3_600;
/// How long the record stays after it can do nothing any more, in seconds: one day, so that an outcome can be read back.
const KEPT_S: i64 = 86_400;

/// Where a change is.
pub fn key(confirm: &TokenHash) -> Key {
    key_of(confirm.as_str())
}
fn key_of(confirm: &str) -> Key {
    Key::new(format!("EMAIL_CHANGE#{confirm}"), "CHANGE")
}
/// Where the pointer to a user's newest change is.
pub fn pointer_key(user: UserId) -> Key {
    Key::new(format!("EMAIL_CHANGES#{user}"), "POINTER")
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// Nothing has changed yet.
    Started,
    /// The new address is the account's.
    Confirmed,
    /// Stopped before or taken back after.
    Revoked,
}
impl ChangeState {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeState::Started => "STARTED",
            ChangeState::Confirmed => "CONFIRMED",
            ChangeState::Revoked => "REVOKED",
        }
    }
}
impl std::str::FromStr for ChangeState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "STARTED" => Ok(Self::Started),
            "CONFIRMED" => Ok(Self::Confirmed),
            "REVOKED" => Ok(Self::Revoked),
            _ => Err(()),
        }
    }
}

/// A change as stored. A claim, no effect: the commit checks it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    /// The stored form of the confirming token: names the change.
    pub confirm: String,
    pub user: UserId,
    pub old: EmailAddress,
    pub new: EmailAddress,
    /// The credential version it was asked for under; any change of credentials kills what waits (EV-2).
    pub cred_version: CredentialVersion,
    pub state: ChangeState,
    pub expires_at: WallTime,
    /// Once confirmed: until when it can be taken back.
    pub revoke_until: Option<WallTime>,
    /// The stored forms of the tokens that take it back.
    pub revokes: Vec<String>,
}

impl EmailChange {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let confirm = row.text("pk")?.strip_prefix("EMAIL_CHANGE#");
        Ok(Self {
            confirm: confirm.ok_or_else(|| StoreError::Corrupt { what: "pk of an e-mail change".into() })?.to_owned(),
            user: row.parse("user")?,
            old: row.parse("old_email")?,
            new: row.parse("new_email")?,
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            state: row.parse("state")?,
            expires_at: WallTime::from_ms(row.number("expires_at")?),
            revoke_until: row.number_if("revoke_until")?.map(WallTime::from_ms),
            revokes: ["revoke", "revoke_after"].iter().filter_map(|a| row.text_if(a)).map(str::to_owned).collect(),
        })
    }
    /// Where it is.
    pub fn key(&self) -> Key {
        key_of(&self.confirm)
    }
    /// Whether the new address can still confirm it.
    pub fn waits(&self, now: WallTime) -> bool {
        self.state == ChangeState::Started && self.expires_at > now
    }
    /// Whether the old address can still stop it or take it back.
    pub fn can_be_revoked(&self, now: WallTime) -> bool {
        match self.state {
            ChangeState::Started => self.expires_at > now,
            ChangeState::Confirmed => self.revoke_until.is_some_and(|until| until > now),
            ChangeState::Revoked => false,
        }
    }
}

const UNBLOCKED: &str = "attribute_not_exists(#blocked_until) OR #blocked_until <= :now";

/// The two writes that make a change the newest of its user, unless a confirmed one can still be taken back: a second change
/// in that time would leave the first address without its say.
pub(crate) fn puts(
    user: UserId,
    cred_version: CredentialVersion,
    (old, new): (&EmailAddress, &EmailAddress),
    (confirm, revoke): (&TokenHash, &TokenHash),
    now: WallTime,
) -> [Write; 2] {
    let expires_at = now.plus_seconds(LIFE_S);
    let ttl = n(expires_at.plus_seconds(KEPT_S).seconds());
    let row = Row::keyed(&key(confirm))
        .with("user", s(user))
        .with("old_email", s(old))
        .with("new_email", s(new))
        .with("cred_version", n(cred_version.value()))
        .with("state", s(ChangeState::Started.as_str()))
        .with("expires_at", n(expires_at.ms()))
        .with("revoke", s(revoke.as_str()))
        .with("ttl", ttl.clone());
    let pointer = Row::keyed(&pointer_key(user)).with("newest", s(confirm.as_str())).with("ttl", ttl);
    [
        Write::put(Table::Identity, pointer_key(user), pointer).when(UNBLOCKED).value(":now", n(now.ms())),
        Write::put(Table::Identity, key(confirm), row).when("attribute_not_exists(pk)"),
    ]
}

const CONFIRM: &str = "SET #state = :confirmed, #confirmed_by = :done_by, #revoke_after = :revoke, #revoke_until = :until, \
    #ttl = :ttl";
const WAITS: &str = "#state = :started AND #expires_at > :now";

/// Where a confirmation and a revocation leave their names (RF-12).
pub(crate) const CONFIRMED_BY: &str = "confirmed_by";
pub(crate) const REVOKED_BY: &str = "revoked_by";

/// The two writes that confirm a change: itself, if it waits, and the pointer, if it is the newest.
pub(crate) fn confirmed(change: &EmailChange, revoke: &TokenHash, done_by: &str, now: WallTime) -> [Write; 2] {
    let until = now.plus_seconds(REVOKE_LIFE_S);
    let ttl = n(until.plus_seconds(KEPT_S).seconds());
    [
        Write::update(Table::Identity, change.key(), CONFIRM)
            .when(WAITS)
            .value(":started", s(ChangeState::Started.as_str()))
            .value(":confirmed", s(ChangeState::Confirmed.as_str()))
            .value(":done_by", s(done_by))
            .value(":revoke", s(revoke.as_str()))
            .value(":until", n(until.ms()))
            .value(":ttl", ttl.clone())
            .value(":now", n(now.ms())),
        Write::update(Table::Identity, pointer_key(change.user), "SET #blocked_until = :until, #ttl = :ttl")
            .when("#newest = :newest")
            .value(":newest", s(&change.confirm))
            .value(":until", n(until.ms()))
            .value(":ttl", ttl),
    ]
}

const REVOKE: &str = "SET #state = :revoked, #revoked_by = :done_by";

/// The write that revokes a change, if it is as far as it was read and its time is not up.
pub(crate) fn revoked(change: &EmailChange, done_by: &str, now: WallTime) -> Write {
    let in_time = match change.state {
        ChangeState::Confirmed => "#state = :seen AND #revoke_until > :now",
        ChangeState::Started | ChangeState::Revoked => "#state = :seen AND #expires_at > :now",
    };
    Write::update(Table::Identity, change.key(), REVOKE)
        .when(in_time)
        .value(":seen", s(change.state.as_str()))
        .value(":revoked", s(ChangeState::Revoked.as_str()))
        .value(":done_by", s(done_by))
        .value(":now", n(now.ms()))
}

/// The write that lets another change begin.
pub(crate) fn unblocked(change: &EmailChange) -> Write {
    Write::update(Table::Identity, pointer_key(change.user), "REMOVE #blocked_until")
        .when("#newest = :newest")
        .value(":newest", s(&change.confirm))
}

impl Store {
    /// The change that a confirming token names, read consistently.
    pub async fn find_email_change(&self, confirm: &TokenHash) -> Result<Option<EmailChange>, StoreError> {
        self.read(Table::Identity, &key(confirm)).await?.map(|row| EmailChange::from_row(&row)).transpose()
    }
    /// The change that a revoking link names, if the secret is its, read consistently.
    pub async fn find_email_change_to_revoke(
        &self,
        confirm: &str,
        revoke: &TokenHash,
    ) -> Result<Option<EmailChange>, StoreError> {
        let found = self.read(Table::Identity, &key_of(confirm)).await?;
        let change = found.map(|row| EmailChange::from_row(&row)).transpose()?;
        Ok(change.filter(|change| change.revokes.iter().any(|hash| hash == revoke.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use account::token::Purpose;

    use super::*;

    #[test]
    fn ev_5_a_change_comes_back_as_it_was_stored_and_waits_a_day() {
        let (user, now) = (UserId::new(ulid::Ulid::from_parts(1, 2)), WallTime::from_ms(1_800_000_000_000));
        let email = |text: &str| EmailAddress::parse(text).expect("an address");
        let (old, new) = (email("old@example.com"), email("new@example.com"));
        let (confirm, revoke) = (TokenHash::of(Purpose::EmailChange, "c"), TokenHash::of(Purpose::EmailRevoke, "r"));
        let [_, put] = puts(user, CredentialVersion::from_stored(7), (&old, &new), (&confirm, &revoke), now);
        let read = EmailChange::from_row(put.row().expect("a put")).expect("readable");
        let expected = EmailChange {
            confirm: confirm.as_str().to_owned(),
            user,
            old,
            new,
            cred_version: CredentialVersion::from_stored(7),
            state: ChangeState::Started,
            expires_at: now.plus_seconds(86_400),
            revoke_until: None,
            revokes: vec![revoke.as_str().to_owned()],
        };
        assert_eq!(read, expected);
        let last = now.plus_seconds(86_400).plus_ms(-1);
        assert!(read.waits(last) && read.can_be_revoked(last));
        assert!(!read.waits(last.plus_ms(1)) && !read.can_be_revoked(last.plus_ms(1)));
        let confirmed = EmailChange {
            state: ChangeState::Confirmed,
            revoke_until: Some(now.plus_seconds(REVOKE_LIFE_S)),
            ..read.clone()
        };
        let last = now.plus_seconds(72 * 3600).plus_ms(-1);
        assert!(confirmed.can_be_revoked(last) && !confirmed.can_be_revoked(last.plus_ms(1)) && !confirmed.waits(now));
        let revoked = EmailChange { state: ChangeState::Revoked, ..read };
        assert!(!revoked.can_be_revoked(now) && !revoked.waits(now));
    }
}
