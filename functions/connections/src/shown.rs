//! How a connection is shown: everything but what could help to use its key.

use account::{ConnectionId, WallTime};
use api::shape;
use schemars::JsonSchema;
use serde::Serialize;
use store::entity::connection::{Connection, Status};
use store::transaction::complete_reset::BY_RESET;
use store::transaction::detach_connection::BY_OWNER;
use strategy::market::Pair;
use strategy::money::Amount;

/// A connection in an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Connection")]
pub(crate) struct ShownConnection {
    id: ConnectionId,
    exchange: String,
    label: String,
    status: ShownStatus,
    verdict: ShownVerdict,
    /// What may be traded now.
    allowed_pairs: Vec<Pair>,
    /// How long looser limits wait, in hours.
    loosening_wait_h: u32,
    /// Looser limits that were asked for, and from when on they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_limits: Option<ShownWaiting>,
    /// The largest value of one order.
    order_quote_max: Amount,
    #[schemars(with = "shape::Time")]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<ShownRevocation>,
}

/// Whether a key is used.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ConnectionStatus")]
enum ShownStatus {
    Live,
    Revoked,
}

/// What the exchange said the key may do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PermissionVerdict")]
struct ShownVerdict {
    accepted: bool,
    #[schemars(with = "shape::Time")]
    checked_at: String,
}

/// Why the key is gone, so that nobody wonders why a bot is paused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Revocation")]
struct ShownRevocation {
    #[schemars(with = "shape::Time")]
    at: String,
    code: String,
    reason: String,
}

/// Limits that take the place of the present ones at their moment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitingLimits")]
struct ShownWaiting {
    allowed_pairs: Vec<Pair>,
    loosening_wait_h: u32,
    #[schemars(with = "shape::Time")]
    effective_at: String,
}

/// `{"connection": …}`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneConnection {
    connection: ShownConnection,
}

impl OneConnection {
    pub(crate) fn of(connection: &Connection, now: WallTime) -> Self {
        Self { connection: ShownConnection::of(connection, now) }
    }
}

impl ShownConnection {
    pub(crate) fn of(connection: &Connection, now: WallTime) -> Self {
        let limits = connection.limits_at(now);
        // What waits on a key that is gone will never be.
        let waiting = connection.waiting_at(now).filter(|_| connection.status == Status::Live);
        let (status, revoked) = match &connection.status {
            Status::Live => (ShownStatus::Live, None),
            Status::Revoked { at, by } => (
                ShownStatus::Revoked,
                Some(ShownRevocation { at: at.to_string(), code: by.clone(), reason: reason(by) }),
            ),
        };
        Self {
            id: connection.id,
            exchange: connection.exchange.clone(),
            label: connection.label.clone(),
            status,
            verdict: ShownVerdict {
                accepted: connection.verdict_accepted,
                checked_at: connection.verdict_at.to_string(),
            },
            allowed_pairs: connection.allowed_pairs_at(now).to_vec(),
            loosening_wait_h: limits.loosening_wait_h,
            waiting_limits: waiting.map(|waiting| ShownWaiting {
                allowed_pairs: waiting.allowed_pairs.clone(),
                loosening_wait_h: waiting.loosening_wait_h,
                effective_at: waiting.at.to_string(),
            }),
            order_quote_max: connection.order_quote_max,
            created_at: connection.created_at.to_string(),
            revoked,
        }
    }
}

fn reason(by: &str) -> String {
    match by {
        BY_OWNER => "You detached this key. It is erased here; delete it on the exchange too.".into(),
        BY_RESET => "The key was deleted by a password reset. Attach a new one to go on.".into(),
        other => format!("The key was removed ({}). Attach a new one to go on.", other.replace('_', " ")),
    }
}
