//! Connections: one exchange key of one user. The wrapped data key lives here, the ciphertext in Secrets Manager.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | vault | `USER#<user>` | `CONN#<connection>` | `status` S `LIVE`, `REVOKED`; `epoch` N; `exchange`, `label` S; `wrapped_dk` S (base64; absent when revoked); `secret_arn` S; `fingerprint` S; `verdict` S `accepted`, `refused`; `verdict_at` N; `allowed_pairs` S (JSON list); `order_quote_max` S (decimal); `loosening_wait_h` N (absent is 24); `pending_pairs` S (JSON list), `pending_wait_h` N, `pending_at` N (wall ms): looser limits that hold from then on instead, all absent otherwise (ST-3); `limits_version` N (absent is 0); `equity_quote` S, `equity_at` N (last recorded balance); `hour`, `day` N and `turnover_hour`, `turnover_day` N (1e-8 quote, GU-5); `created_at`, `revoked_at` N; `revoked_by` S; `ttl` N once revoked |
//! | vault | `FINGERPRINT#<keyed hash of the key id>` | `FINGERPRINT` | `user`, `connection` S |

use std::collections::BTreeSet;

use account::limits::{LOOSENING_WAIT_H_MIN, Limits};
use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::market::Pair;
use strategy::money::Amount;

use crate::attribute::{Row, json, n, s};
use crate::{Key, Store, StoreError, Table};

/// RF-22: so that a reset always fits one transaction.
pub const CONNECTIONS_MAX: usize = 20;

/// Where a connection is.
pub fn key(user: UserId, connection: ConnectionId) -> Key {
    Key::new(format!("USER#{user}"), format!("CONN#{connection}"))
}
/// Where the claim on an exchange key is (KX-4).
pub fn fingerprint_key(fingerprint: &str) -> Key {
    Key::new(format!("FINGERPRINT#{fingerprint}"), "FINGERPRINT")
}

/// What everyone but the signer may read of a connection: all but the wrapped data key. Roles name these attributes.
pub const STATUS_ATTRIBUTES: &[&str] = &[
    "pk",
    "sk",
    "status",
    "epoch",
    "exchange",
    "label",
    "secret_arn",
    "verdict",
    "verdict_at",
    "allowed_pairs",
    "order_quote_max",
    "loosening_wait_h",
    "pending_pairs",
    "pending_wait_h",
    "pending_at",
    "limits_version",
    "equity_quote",
    "equity_at",
    "created_at",
    "revoked_at",
    "revoked_by",
    "conn_version",
];

/// Whether the connection can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Live,
    Revoked { at: WallTime, by: String },
}

/// Looser limits that wait for their moment (ST-3). No job brings it: from `at` on they are the ones that every condition
/// looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLimits {
    pub allowed_pairs: Vec<Pair>,
    pub loosening_wait_h: u32,
    pub at: WallTime,
}

/// A connection without its wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub id: ConnectionId,
    pub user: UserId,
    pub status: Status,
    /// The user's trade epoch when the key was attached.
    pub epoch: Epoch,
    pub exchange: String,
    pub label: String,
    pub secret_arn: String,
    pub verdict_accepted: bool,
    pub verdict_at: WallTime,
    /// As last set. What holds at a moment is [`Connection::allowed_pairs_at`]'s answer.
    pub allowed_pairs: Vec<Pair>,
    /// How long a loosening waits, in hours.
    pub loosening_wait_h: u32,
    /// Looser limits that were asked for.
    pub waiting: Option<WaitingLimits>,
    /// Raised by every change of limits.
    pub limits_version: u64,
    /// GU-4: the largest value of one order, in quote.
    pub order_quote_max: Amount,
    /// Last recorded equity in quote with its time, when known.
    pub equity: Option<(Amount, WallTime)>,
    pub created_at: WallTime,
}

/// GU-4: one entry may be worth this share of the recorded equity, in percent. The signer refuses more; a start says so
/// beforehand.
pub const ENTRY_EQUITY_PCT: i64 = 5;

impl Connection {
    /// From a stored item; the wrapped key is not looked at.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id = |name: &str, prefix: &str| -> Result<String, StoreError> {
            row.text(name)?
                .strip_prefix(prefix)
                .map(str::to_owned)
                .ok_or_else(|| StoreError::Corrupt { what: format!("{name} of a connection") })
        };
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a connection") };
        let status = match row.text("status")? {
            "LIVE" => Status::Live,
            "REVOKED" => Status::Revoked {
                at: WallTime::from_ms(row.number("revoked_at")?),
                by: row.text_if("revoked_by").unwrap_or("unknown").to_owned(),
            },
            _ => return Err(bad("status")),
        };
        let equity = match (row.text_if("equity_quote"), row.number_if("equity_at")?) {
            (Some(amount), Some(at)) => {
                Some((Amount::parse(amount).map_err(|_| bad("equity_quote"))?, WallTime::from_ms(at)))
            }
            _ => None,
        };
        let waiting = match row.number_if("pending_at")? {
            Some(at) => Some(WaitingLimits {
                allowed_pairs: row.json("pending_pairs")?,
                loosening_wait_h: row.number("pending_wait_h")?,
                at: WallTime::from_ms(at),
            }),
            None => None,
        };
        Ok(Self {
            id: id("sk", "CONN#")?.parse().map_err(|_| bad("sk"))?,
            user: id("pk", "USER#")?.parse().map_err(|_| bad("pk"))?,
            status,
            epoch: Epoch::from_stored(row.number("epoch")?),
            exchange: row.text("exchange")?.to_owned(),
            label: row.text("label")?.to_owned(),
            secret_arn: row.text("secret_arn")?.to_owned(),
            verdict_accepted: row.text("verdict")? == "accepted",
            verdict_at: WallTime::from_ms(row.number("verdict_at")?),
            allowed_pairs: row.json("allowed_pairs")?,
            loosening_wait_h: row.number_if("loosening_wait_h")?.unwrap_or(LOOSENING_WAIT_H_MIN),
            waiting,
            limits_version: row.number_if("limits_version")?.unwrap_or(0),
            order_quote_max: Amount::parse(row.text("order_quote_max")?).map_err(|_| bad("order_quote_max"))?,
            equity,
            created_at: WallTime::from_ms(row.number("created_at")?),
        })
    }
}

impl Connection {
    /// The pairs that may be traded at a moment: those that waited, once their moment has come.
    pub fn allowed_pairs_at(&self, now: WallTime) -> &[Pair] {
        match &self.waiting {
            Some(waiting) if waiting.at <= now => &waiting.allowed_pairs,
            Some(_) | None => &self.allowed_pairs,
        }
    }
    /// The limits that hold at a moment.
    pub fn limits_at(&self, now: WallTime) -> Limits {
        match &self.waiting {
            Some(waiting) if waiting.at <= now => waiting.limits(),
            Some(_) | None => {
                Limits { allowed_pairs: texts(&self.allowed_pairs), loosening_wait_h: self.loosening_wait_h }
            }
        }
    }
    /// What still waits at a moment.
    pub fn waiting_at(&self, now: WallTime) -> Option<&WaitingLimits> {
        self.waiting.as_ref().filter(|waiting| waiting.at > now)
    }
}
impl WaitingLimits {
    /// As limits.
    pub fn limits(&self) -> Limits {
        Limits { allowed_pairs: texts(&self.allowed_pairs), loosening_wait_h: self.loosening_wait_h }
    }
}
fn texts(pairs: &[Pair]) -> BTreeSet<String> {
    pairs.iter().map(Pair::to_string).collect()
}

/// A connection that is about to be attached: everything of it that is stored. Becomes LIVE by
/// [`Store::attach_connection`] and in no other way.
pub struct NewConnection {
    pub id: ConnectionId,
    pub exchange: String,
    pub label: String,
    pub secret_arn: String,
    /// The data key under the vault key, base64. Useless without the vault key and the secret (P2).
    pub wrapped_dk: String,
    /// Keyed hash of the exchange's key id (KX-4).
    pub fingerprint: String,
    pub allowed_pairs: Vec<Pair>,
    /// GU-4: the largest value of one order, in quote.
    pub order_quote_max: Amount,
}
impl std::fmt::Debug for NewConnection {
    /// The wrapped key is not printed: with it a stolen secret could be brought to the vault key (P2).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewConnection({})", self.id)
    }
}
impl NewConnection {
    /// As stored when it becomes LIVE under `epoch`, its permissions accepted `now`.
    pub(crate) fn to_row(&self, user: UserId, epoch: Epoch, now: WallTime) -> Result<Row, StoreError> {
        Ok(Row::keyed(&key(user, self.id))
            .with("status", s("LIVE"))
            .with("epoch", n(epoch.value()))
            .with("exchange", s(&self.exchange))
            .with("label", s(&self.label))
            .with("wrapped_dk", s(&self.wrapped_dk))
            .with("secret_arn", s(&self.secret_arn))
            .with("fingerprint", s(&self.fingerprint))
            .with("verdict", s("accepted"))
            .with("verdict_at", n(now.ms()))
            .with("allowed_pairs", json(&self.allowed_pairs)?)
            .with("order_quote_max", s(self.order_quote_max))
            .with("hour", n(0))
            .with("turnover_hour", n(0))
            .with("day", n(0))
            .with("turnover_day", n(0))
            .with("created_at", n(now.ms())))
    }
}

/// The wrapped data key of a LIVE connection with all that its opening is bound to: the encryption context of the vault
/// key and the associated data of the ciphertext. Opened by the signer's vault alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    user: UserId,
    connection: ConnectionId,
    epoch: Epoch,
    exchange: String,
    secret_arn: String,
    wrapped_dk: String,
}
impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedKey({})", self.connection)
    }
}
impl SealedKey {
    /// From a stored item; `None` when the connection is not LIVE or has no wrapped key any more.
    pub fn from_row(row: &Row) -> Result<Option<Self>, StoreError> {
        let connection = Connection::from_row(row)?;
        let Some(wrapped_dk) = row.text_if("wrapped_dk") else { return Ok(None) };
        if connection.status != Status::Live {
            return Ok(None);
        }
        Ok(Some(Self {
            user: connection.user,
            connection: connection.id,
            epoch: connection.epoch,
            exchange: connection.exchange,
            secret_arn: connection.secret_arn,
            wrapped_dk: wrapped_dk.to_owned(),
        }))
    }
    /// Whose it is.
    pub const fn user(&self) -> UserId {
        self.user
    }
    /// Which connection it belongs to.
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }
    /// The trade epoch it was sealed under.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
    /// The exchange it was sealed for.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }
    /// Where the ciphertext is.
    pub fn secret_arn(&self) -> &str {
        &self.secret_arn
    }
    /// The data key under the vault key, base64.
    pub fn wrapped_dk(&self) -> &str {
        &self.wrapped_dk
    }
}

impl Store {
    /// All connections of a user without their wrapped keys, LIVE and revoked, read consistently (RF-29).
    pub async fn list_connections(&self, user: UserId) -> Result<Vec<Connection>, StoreError> {
        let names = STATUS_ATTRIBUTES.iter().map(|a| (format!("#{a}"), (*a).to_owned())).collect();
        let projection = STATUS_ATTRIBUTES.iter().map(|a| format!("#{a}")).collect::<Vec<_>>().join(", ");
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(self.table(Table::Vault))
                .consistent_read(true)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .projection_expression(&projection)
                .set_expression_attribute_names(Some(std::collections::HashMap::clone(&names)))
                .expression_attribute_values(":pk", s(format!("USER#{user}")))
                .expression_attribute_values(":prefix", s("CONN#"))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| StoreError::of("Query", &e))?;
            for item in answer.items.unwrap_or_default() {
                found.push(Connection::from_row(&Row(item))?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
    /// The wrapped key of a connection, read consistently; `None` when there is no LIVE one. Only the signer's role covers it.
    pub async fn find_sealed_key(
        &self,
        user: UserId,
        connection: ConnectionId,
    ) -> Result<Option<SealedKey>, StoreError> {
        match self.read(Table::Vault, &key(user, connection)).await? {
            Some(row) => SealedKey::from_row(&row),
            None => Ok(None),
        }
    }
    /// A connection without its wrapped key, read consistently.
    pub async fn find_connection(
        &self,
        user: UserId,
        connection: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let row = self.read_projected(Table::Vault, &key(user, connection), STATUS_ATTRIBUTES).await?;
        row.map(|row| Connection::from_row(&row)).transpose()
    }
}
