//! Connections: one exchange key of one user. The wrapped data key lives here, the ciphertext in Secrets Manager.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | vault | `USER#<user>` | `CONN#<connection>` | `status` S `LIVE`, `REVOKED`; `epoch` N; `exchange`, `label` S; `wrapped_dk` S (base64; absent when revoked); `secret_arn` S; `fingerprint` S; `verdict` S `accepted`, `refused`; `verdict_at` N; `allowed_pairs` S (JSON list); `order_quote_max` S (decimal); `equity_quote` S, `equity_at` N (last recorded balance); `hour`, `day` N and `turnover_hour`, `turnover_day` N (1e-8 quote, GU-5); `created_at`, `revoked_at` N; `revoked_by` S; `ttl` N once revoked |
//! | vault | `FINGERPRINT#<keyed hash of the key id>` | `FINGERPRINT` | `user`, `connection` S |

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::market::Pair;
use strategy::money::Amount;

use crate::attribute::Row;
use crate::{Key, Store, StoreError, Table};

/// RF-22: so that a reset always fits one transaction.
pub const CONNECTIONS_MAX: usize = 20;

/// Where a connection is.
pub fn key(user: UserId, connection: ConnectionId) -> Key { Key::new(format!("USER#{user}"), format!("CONN#{connection}")) }
/// Where the claim on an exchange key is (KX-4).
pub fn fingerprint_key(fingerprint: &str) -> Key { Key::new(format!("FINGERPRINT#{fingerprint}"), "FINGERPRINT") }

/// What everyone but the signer may read of a connection: all but the wrapped data key. Roles name these attributes.
pub const STATUS_ATTRIBUTES: &[&str] = &[
    "pk", "sk", "status", "epoch", "exchange", "label", "secret_arn", "verdict", "verdict_at", "allowed_pairs", "order_quote_max",
    "equity_quote", "equity_at", "created_at", "revoked_at", "revoked_by", "conn_version",
];

/// Whether the connection can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status { Live, Revoked { at: WallTime, by: String } }

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
    pub allowed_pairs: Vec<Pair>,
    /// GU-4: the largest value of one order, in quote.
    pub order_quote_max: Amount,
    /// Last recorded equity in quote with its time, when known.
    pub equity: Option<(Amount, WallTime)>,
    pub created_at: WallTime,
}

impl Connection {
    /// From a stored item; the wrapped key is not looked at.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id = |name: &str, prefix: &str| -> Result<String, StoreError> {
            row.text(name)?.strip_prefix(prefix).map(str::to_owned).ok_or_else(|| StoreError::Corrupt { what: format!("{name} of a connection") })
        };
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a connection") };
        let status = match row.text("status")? {
            "LIVE" => Status::Live,
            "REVOKED" => Status::Revoked {
                at: WallTime::from_ms(row.number("revoked_at")?), by: row.text_if("revoked_by").unwrap_or("unknown").to_owned(),
            },
            _ => return Err(bad("status")),
        };
        let equity = match (row.text_if("equity_quote"), row.number_if("equity_at")?) {
            (Some(amount), Some(at)) => Some((Amount::parse(amount).map_err(|_| bad("equity_quote"))?, WallTime::from_ms(at))),
            _ => None,
        };
        Ok(Self {
            id: id("sk", "CONN#")?.parse().map_err(|_| bad("sk"))?,
            user: id("pk", "USER#")?.parse().map_err(|_| bad("pk"))?,
            status, epoch: Epoch::from_stored(row.number("epoch")?),
            exchange: row.text("exchange")?.to_owned(), label: row.text("label")?.to_owned(),
            secret_arn: row.text("secret_arn")?.to_owned(),
            verdict_accepted: row.text("verdict")? == "accepted", verdict_at: WallTime::from_ms(row.number("verdict_at")?),
            allowed_pairs: row.json("allowed_pairs")?,
            order_quote_max: Amount::parse(row.text("order_quote_max")?).map_err(|_| bad("order_quote_max"))?,
            equity, created_at: WallTime::from_ms(row.number("created_at")?),
        })
    }
}

impl Store {
    /// A connection without its wrapped key, read consistently.
    pub async fn find_connection(&self, user: UserId, connection: ConnectionId) -> Result<Option<Connection>, StoreError> {
        let row = self.read_projected(Table::Vault, &key(user, connection), STATUS_ATTRIBUTES).await?;
        row.map(|row| Connection::from_row(&row)).transpose()
    }
}
