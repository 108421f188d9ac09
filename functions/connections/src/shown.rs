//! How a connection is shown: everything but what could help to use its key.

use serde::Serialize;
use store::entity::connection::{Connection, Status};
use store::transaction::complete_reset::BY_RESET;
use store::transaction::detach_connection::BY_OWNER;

/// A connection in an answer.
#[derive(Debug, Serialize)]
pub(crate) struct ShownConnection {
    id: String,
    exchange: String,
    label: String,
    /// `live` or `revoked`.
    status: &'static str,
    verdict: ShownVerdict,
    allowed_pairs: Vec<String>,
    order_quote_max: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<ShownRevocation>,
}

/// What the exchange said the key may do.
#[derive(Debug, Serialize)]
struct ShownVerdict {
    accepted: bool,
    checked_at: String,
}

/// Why the key is gone, so that nobody wonders why a bot is paused.
#[derive(Debug, Serialize)]
struct ShownRevocation {
    at: String,
    code: String,
    reason: String,
}

/// `{"connection": …}`.
#[derive(Debug, Serialize)]
pub(crate) struct OneConnection {
    connection: ShownConnection,
}

impl OneConnection {
    pub(crate) fn of(connection: &Connection) -> Self {
        Self { connection: ShownConnection::of(connection) }
    }
}

impl ShownConnection {
    pub(crate) fn of(connection: &Connection) -> Self {
        let (status, revoked) = match &connection.status {
            Status::Live => ("live", None),
            Status::Revoked { at, by } => {
                ("revoked", Some(ShownRevocation { at: at.to_string(), code: by.clone(), reason: reason(by) }))
            }
        };
        Self {
            id: connection.id.to_string(),
            exchange: connection.exchange.clone(),
            label: connection.label.clone(),
            status,
            verdict: ShownVerdict {
                accepted: connection.verdict_accepted,
                checked_at: connection.verdict_at.to_string(),
            },
            allowed_pairs: connection.allowed_pairs.iter().map(ToString::to_string).collect(),
            order_quote_max: connection.order_quote_max.to_string(),
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
