//! Passkeys: one item each, found by their owner and their credential id together (PK-4). Nothing in them is secret.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `PASSKEY#<user>` | `<passkey id>` | `credential_id` (base64url), `name`, `key` (JSON of the public key) S; `counter` N (PK-1); `created_at`, `last_used_at` N (wall ms; the latter absent until it was used) |
//! | identity | `PASSKEY_ID#<SHA-256 of the credential id>` | `PASSKEY_ID` | `user`, `passkey` S: no key is registered twice, by conditional put |
//!
//! How many an account has stands in its credentials too, written in the same transactions.

use account::id::PasskeyId;
use account::token::TokenHash;
use account::{UserId, WallTime};
use sha2::{Digest, Sha256};

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// PK-3: passkeys of one account; each is a way in, and their list is read whole at every use.
pub const PASSKEYS_MAX: u32 = 10;

/// The partition of a user's passkeys.
pub fn partition(user: UserId) -> String {
    format!("PASSKEY#{user}")
}
/// Where a passkey is.
pub fn key(user: UserId, id: PasskeyId) -> Key {
    Key::new(partition(user), id.to_string())
}
/// Where a credential id is claimed; hashed because it may be longer than a key.
pub fn claim_key(credential_id: &str) -> Key {
    Key::new(format!("PASSKEY_ID#{}", hex::encode(Sha256::digest(credential_id.as_bytes()))), "PASSKEY_ID")
}

/// A passkey as stored.
#[derive(Debug, Clone)]
pub struct Passkey {
    pub id: PasskeyId,
    pub user: UserId,
    /// What the authenticator calls it: base64url.
    pub credential_id: String,
    /// What its owner calls it.
    pub name: String,
    /// The public key and what its verification needs, as JSON.
    pub key: String,
    /// How often it has signed, by its own count; 0 for keys that do not count.
    pub counter: u32,
    pub created_at: WallTime,
    pub last_used_at: Option<WallTime>,
}

const CLAIMED_BY: &str = "#user = :user AND #passkey = :passkey";

impl Passkey {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a passkey") };
        Ok(Self {
            id: row.parse("sk")?,
            user: row.text("pk")?.strip_prefix("PASSKEY#").and_then(|u| u.parse().ok()).ok_or_else(|| bad("pk"))?,
            credential_id: row.text("credential_id")?.to_owned(),
            name: row.text("name")?.to_owned(),
            key: row.text("key")?.to_owned(),
            counter: row.number("counter")?,
            created_at: WallTime::from_ms(row.number("created_at")?),
            last_used_at: row.number_if("last_used_at")?.map(WallTime::from_ms),
        })
    }
    /// The writes that register it: the item, and the claim of its credential id.
    pub fn puts(&self) -> [Write; 2] {
        let (at, claim) = (key(self.user, self.id), claim_key(&self.credential_id));
        let row = Row::keyed(&at)
            .with("credential_id", s(&self.credential_id))
            .with("name", s(&self.name))
            .with("key", s(&self.key))
            .with("counter", n(self.counter))
            .with("created_at", n(self.created_at.ms()));
        let claimed = Row::keyed(&claim).with("user", s(self.user)).with("passkey", s(self.id));
        [
            Write::put(Table::Identity, at, row).when("attribute_not_exists(pk)"),
            Write::put(Table::Identity, claim, claimed).when("attribute_not_exists(pk)"),
        ]
    }
    /// The writes that remove it, if it is there.
    pub fn deletes(&self) -> [Write; 2] {
        [
            Write::delete(Table::Identity, key(self.user, self.id)).when("attribute_exists(pk)"),
            Write::delete(Table::Identity, claim_key(&self.credential_id))
                .when(CLAIMED_BY)
                .value(":user", s(self.user))
                .value(":passkey", s(self.id)),
        ]
    }
}

/// A passkey that has just signed, at the counter that was read; spent by the commit that holds [`PasskeyUse::writes`].
#[derive(Debug, Clone)]
pub struct PasskeyUse {
    pub user: UserId,
    pub passkey: PasskeyId,
    pub counter_before: u32,
    pub counter_after: u32,
    /// Where the ceremony is, whose answer this was.
    pub ceremony: TokenHash,
    /// Which ceremony: a newer one may stand in its place.
    pub ceremony_id: String,
}

const USED: &str = "SET #counter = :after, #last_used_at = :now";
// A passkey that was removed since does not count, and neither does one whose copy has signed meanwhile (PK-1).
const AS_READ: &str = "attribute_exists(pk) AND #counter = :before";

impl PasskeyUse {
    /// The writes that spend it: the key's counter, and its ceremony, of which there is one use (PK-2).
    pub fn writes(&self, now: WallTime) -> [Write; 2] {
        [
            Write::update(Table::Identity, key(self.user, self.passkey), USED)
                .when(AS_READ)
                .value(":before", n(self.counter_before))
                .value(":after", n(self.counter_after))
                .value(":now", n(now.ms())),
            super::ceremony::spend(&self.ceremony, &self.ceremony_id, now),
        ]
    }
}

impl Store {
    /// A user's passkeys in the order they were registered, read consistently.
    pub async fn list_passkeys(&self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let rows = self.read_partition(Table::Identity, &partition(user), PasskeyId::PREFIX).await?;
        rows.iter().map(Passkey::from_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passkey_is_read_as_it_was_written() {
        let user: UserId = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let passkey = Passkey {
            id: "psk_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            user,
            credential_id: "AQID".into(),
            name: "phone".into(),
            key: "{}".into(),
            counter: 7,
            created_at: WallTime::from_ms(5),
            last_used_at: None,
        };
        let [put, claim] = passkey.puts();
        let found = Passkey::from_row(put.row().unwrap()).unwrap();
        assert_eq!(format!("{found:?}"), format!("{passkey:?}"));
        assert_eq!(claim.row().unwrap().parse::<UserId>("user").unwrap(), user);
        assert_ne!(claim_key("AQID"), claim_key("AQIE"));
    }
}
