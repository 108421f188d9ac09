//! The ledger of secrets: written before a secret is created, so that no secret is ever without a record (RF-20).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | vault | `LEDGER#<secret name>` | `LEDGER` | `state` S `CREATING`, `LIVE`, `DELETING`, `DELETED`; `user`, `connection` S; `secret_arn` S once known; `updated_at` N; `ledger_key` S (state, while not DELETED) and `ledger_ms` N for the sweep's index; `ttl` N once DELETED |

use account::{ConnectionId, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::{Key, Store, StoreError, Table};

/// Where the record of a secret is. Secret names are never reused: `ex/<user>/<connection>/<ulid>`.
pub fn key(secret_name: &str) -> Key {
    Key::new(format!("LEDGER#{secret_name}"), "LEDGER")
}

/// Where a secret is in its life. It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerState {
    /// Written before the secret is created: there may or may not be one.
    Creating,
    /// Belongs to a connection.
    Live,
    /// Is being erased; nothing may attach it any more.
    Deleting,
    /// Proven gone.
    Deleted,
}
impl LedgerState {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            LedgerState::Creating => "CREATING",
            LedgerState::Live => "LIVE",
            LedgerState::Deleting => "DELETING",
            LedgerState::Deleted => "DELETED",
        }
    }
}
impl std::str::FromStr for LedgerState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "CREATING" => Ok(Self::Creating),
            "LIVE" => Ok(Self::Live),
            "DELETING" => Ok(Self::Deleting),
            "DELETED" => Ok(Self::Deleted),
            _ => Err(()),
        }
    }
}

/// The record of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// `ex/<user>/<connection>/<ulid>`.
    pub name: String,
    pub state: LedgerState,
    pub user: UserId,
    pub connection: ConnectionId,
    /// The full ARN; absent when the answer to its creation never came.
    pub secret_arn: Option<String>,
    pub updated_at: WallTime,
}
impl Ledger {
    /// The record as it is written before the secret is created.
    pub(crate) fn opening(name: &str, user: UserId, connection: ConnectionId, now: WallTime) -> Row {
        Row::keyed(&key(name))
            .with("state", s(LedgerState::Creating.as_str()))
            .with("user", s(user))
            .with("connection", s(connection))
            .with("updated_at", n(now.ms()))
            .with("ledger_key", s(LedgerState::Creating.as_str()))
            .with("ledger_ms", n(now.ms()))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let name = row
            .text("pk")?
            .strip_prefix("LEDGER#")
            .ok_or_else(|| StoreError::Corrupt { what: "pk of a ledger row".into() })?;
        Ok(Self {
            name: name.to_owned(),
            state: row.parse("state")?,
            user: row.parse("user")?,
            connection: row.parse("connection")?,
            secret_arn: row.text_if("secret_arn").map(str::to_owned),
            updated_at: WallTime::from_ms(row.number("updated_at")?),
        })
    }
}

impl Store {
    /// The record of a secret, read consistently.
    pub async fn find_ledger(&self, secret_name: &str) -> Result<Option<Ledger>, StoreError> {
        self.read(Table::Vault, &key(secret_name)).await?.map(|row| Ledger::from_row(&row)).transpose()
    }
    /// The records that have been CREATING since before `before`: attaches that broke off (RF-20). The index finds
    /// candidates; each is read again by its key.
    pub async fn find_unfinished_creations(&self, before: WallTime) -> Result<Vec<Ledger>, StoreError> {
        let condition = "ledger_key = :state AND ledger_ms < :before";
        let values = [(":state", s(LedgerState::Creating.as_str())), (":before", n(before.ms()))];
        let mut found = Vec::new();
        for candidate in self.query(Table::Vault, Some("ledger"), condition, values, None).await? {
            let key = Key::new(candidate.text("pk")?, candidate.text("sk")?);
            let Some(row) = self.read(Table::Vault, &key).await? else { continue };
            let ledger = Ledger::from_row(&row)?;
            if ledger.state == LedgerState::Creating && ledger.updated_at < before {
                found.push(ledger);
            }
        }
        Ok(found)
    }
}

/// The name of a secret, from its full ARN: `arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>`.
pub fn name_of_arn(arn: &str) -> Option<&str> {
    let named = arn.split_once(":secret:")?.1;
    named.rfind('-').map(|dash| &named[..dash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_opened() {
        let (user, connection) =
            (UserId::new(ulid::Ulid::from_parts(1, 2)), ConnectionId::new(ulid::Ulid::from_parts(3, 4)));
        let row = Ledger::opening("ex/u/c/1", user, connection, WallTime::from_ms(5));
        let expected = Ledger {
            name: "ex/u/c/1".into(),
            state: LedgerState::Creating,
            user,
            connection,
            secret_arn: None,
            updated_at: WallTime::from_ms(5),
        };
        assert_eq!(Ledger::from_row(&row).expect("readable"), expected);
    }

    #[test]
    fn the_name_is_read_off_the_arn() {
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/usr_1/con_2/01ABC-x7Yz12";
        assert_eq!(name_of_arn(arn), Some("ex/usr_1/con_2/01ABC"));
        assert_eq!(name_of_arn("nonsense"), None);
    }
}
