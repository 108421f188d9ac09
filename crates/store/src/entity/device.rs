//! Browsers that an account was signed in from. One is a bucket of its own for passwords, so that strangers who use the
//! common one up keep no owner out (RL-1, RL-2). Never a factor: it makes no answer different and no step unnecessary.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `DEVICE#<user>` | `<token hash>` | `cred_version`, `session_gen` N: known only while they are the user's; `signed_in` BOOL (false: made by the mailbox, not yet signed in from); `made_at`, `seen_at` N (wall ms); `ttl` N |
//! | identity | `DEVICE#<user>` | `SIGNED_IN` | `at` N (wall ms): this account was signed in to before; stays |
//!
//! Its bucket is an item of `entity::budget`.

use account::token::TokenHash;
use account::{CredentialVersion, SessionGeneration, UserId, WallTime};

use crate::attribute::{Row, n, s, truth};
use crate::entity::user::User;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// A browser is forgotten when it did not sign in for so many seconds (180 days); the life of its cookie.
pub const LIFE_S: i64 = 180 * 86_400;
/// So many per account; the one that was longest away gives way.
pub const DEVICES_MAX: usize = 10;

const SIGNED_IN: &str = "SIGNED_IN";

/// The stored name of a device: the hash of its token.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceName(String);

impl DeviceName {
    /// Of a token that was shown or made.
    pub fn of(hash: &TokenHash) -> Self {
        Self(hash.as_str().to_owned())
    }
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Debug for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceName({}..)", self.0.get(..8).unwrap_or(""))
    }
}

fn partition(user: UserId) -> String {
    format!("DEVICE#{user}")
}
/// Where a device is.
pub fn key(user: UserId, name: &DeviceName) -> Key {
    Key::new(partition(user), name.as_str())
}

/// A device as stored. What is stored is not yet known: see [`Device::is_known`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub name: DeviceName,
    /// Whether a session was started from it; the mailbox makes a device before that.
    pub signed_in: bool,
    pub made_at: WallTime,
    pub seen_at: WallTime,
    cred_version: CredentialVersion,
    session_gen: SessionGeneration,
}

impl Device {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: DeviceName::from_stored(row.text("sk")?),
            signed_in: row.is("signed_in"),
            made_at: WallTime::from_ms(row.number("made_at")?),
            seen_at: WallTime::from_ms(row.number("seen_at")?),
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            session_gen: SessionGeneration::from_stored(row.number("session_gen")?),
        })
    }
    /// PR-11: a change of credentials or the end of all sessions ends the memory of every device as well.
    pub fn is_known(&self, user: &User, now: WallTime) -> bool {
        self.cred_version == user.cred_version
            && self.session_gen == user.session_gen
            && now < self.seen_at.plus_seconds(LIFE_S)
    }
}

/// The devices of an account, known and forgotten, as read before one is added.
#[derive(Debug)]
pub struct Devices {
    /// Whether the account was ever signed in to; what came from elsewhere afterwards is news to its owner (LG-7).
    pub signed_in_before: bool,
    in_the_way: Vec<Key>,
}

impl Store {
    /// Reads them consistently.
    pub async fn find_devices(&self, user: UserId) -> Result<Devices, StoreError> {
        let pk = partition(user);
        let rows = self.query(Table::Identity, None, "pk = :pk", [(":pk", s(&pk))], None).await?;
        let (marks, devices): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.text_if("sk") == Some(SIGNED_IN));
        let mut devices = devices.into_iter().map(Device::from_row).collect::<Result<Vec<_>, _>>()?;
        devices.sort_by_key(|device| device.seen_at);
        let over = (devices.len() + 1).saturating_sub(DEVICES_MAX);
        let in_the_way = devices.iter().take(over).map(|device| key(user, &device.name)).collect();
        Ok(Devices { signed_in_before: !marks.is_empty(), in_the_way })
    }
}

/// A browser that becomes known, or stays it, with the commit that this is part of.
#[derive(Debug)]
pub struct Knowing<'a> {
    pub name: &'a DeviceName,
    pub made_at: WallTime,
    /// Whether the commit starts a session.
    pub signed_in: bool,
    /// Whether no session was started from it before.
    pub first_here: bool,
    /// What was read before it is added; `None` when it is there already.
    pub among: Option<&'a Devices>,
}

impl Knowing<'_> {
    /// Its writes, under the versions that the user has after the commit.
    pub(crate) fn writes(
        &self,
        user: UserId,
        versions: (CredentialVersion, SessionGeneration),
        now: WallTime,
    ) -> Vec<Write> {
        let key = key(user, self.name);
        let row = Row::keyed(&key)
            .with("cred_version", n(versions.0.value()))
            .with("session_gen", n(versions.1.value()))
            .with("signed_in", truth(self.signed_in))
            .with("made_at", n(self.made_at.ms()))
            .with("seen_at", n(now.ms()))
            .with("ttl", n(now.plus_seconds(LIFE_S).seconds()));
        let mut writes = vec![Write::put(Table::Identity, key, row)];
        let in_the_way = self.among.iter().flat_map(|devices| &devices.in_the_way);
        writes.extend(in_the_way.map(|key| Write::delete(Table::Identity, key.clone())));
        let is_marked = self.among.map_or(!self.first_here, |devices| devices.signed_in_before);
        if self.signed_in && !is_marked {
            let mark = Key::new(partition(user), SIGNED_IN);
            let row = Row::keyed(&mark).with("at", n(now.ms()));
            writes.push(Write::put(Table::Identity, mark, row));
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use account::token::Purpose;

    use super::*;

    const T0: WallTime = WallTime::from_ms(1_800_057_600_000);

    #[test]
    fn pr_11_a_device_is_forgotten_with_time_and_with_every_change_of_versions() {
        let user = User::new(UserId::new(ulid::Ulid::from_parts(1, 2)));
        let name = DeviceName::of(&TokenHash::of(Purpose::KnownDevice, "t"));
        let knowing = Knowing { name: &name, made_at: T0, signed_in: true, first_here: false, among: None };
        let writes = knowing.writes(user.id, (user.cred_version, user.session_gen), T0);
        let device = Device::from_row(writes[0].row().unwrap()).unwrap();
        assert_eq!((device.name.clone(), device.made_at, device.signed_in), (name, T0, true));
        assert!(device.is_known(&user, T0.plus_seconds(LIFE_S).plus_ms(-1)));
        assert!(!device.is_known(&user, T0.plus_seconds(LIFE_S)));
        assert!(!device.is_known(&User { session_gen: user.session_gen.next(), ..user }, T0));
        let changed = User { cred_version: CredentialVersion::from_stored(user.cred_version.value() + 1), ..user };
        assert!(!device.is_known(&changed, T0));
    }

    #[test]
    fn the_first_sign_in_leaves_a_mark_and_the_mailbox_none() {
        let user = User::new(UserId::new(ulid::Ulid::from_parts(1, 2)));
        let name = DeviceName::of(&TokenHash::of(Purpose::KnownDevice, "t"));
        for (signed_in, signed_in_before, expected) in [(true, false, 2), (true, true, 1), (false, false, 1)] {
            let among = Devices { signed_in_before, in_the_way: Vec::new() };
            let knowing = Knowing { name: &name, made_at: T0, signed_in, first_here: true, among: Some(&among) };
            assert_eq!(knowing.writes(user.id, (user.cred_version, user.session_gen), T0).len(), expected);
        }
    }
}
