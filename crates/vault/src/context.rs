//! What a sealed key is bound to.

use std::collections::HashMap;

use account::{ConnectionId, Epoch, UserId};
use exchange::Venue;

/// Whose key, on which connection, under which epoch, for which exchange. The vault key demands it as encryption context,
/// the ciphertext as associated data: a key that is moved to another of any of them does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext {
    /// Whose key.
    pub user: UserId,
    /// On which connection.
    pub connection: ConnectionId,
    /// The user's trade epoch at the step-up.
    pub epoch: Epoch,
    /// Whose requests the key signs; the host and the guards follow from the same field.
    pub exchange: Venue,
}

impl SealContext {
    /// The encryption context of the vault key.
    pub(crate) fn encryption_context(&self) -> HashMap<String, String> {
        HashMap::from([
            ("user".to_owned(), self.user.to_string()),
            ("connection".to_owned(), self.connection.to_string()),
            ("epoch".to_owned(), self.epoch.value().to_string()),
            ("exchange".to_owned(), self.exchange.to_string()),
        ])
    }
    /// The associated data of the ciphertext: `u|c|e|exchange`. No part can hold a bar.
    pub(crate) fn associated_data(&self) -> String {
        format!("{}|{}|{}|{}", self.user, self.connection, self.epoch.value(), self.exchange)
    }
}
