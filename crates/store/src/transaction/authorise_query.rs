//! Authorises asking an exchange about an order or a connection. Reads private data, changes nothing there.
//!
//! | write | condition |
//! | --- | --- |
//! | intent: PROPOSED to AUTHORISED, `authorised_at` | PROPOSED, not stale, at this epoch |
//! | connection: `asked` + 1 | LIVE, at this epoch |
//! | user: check | at this epoch, `fencing_until` past |

use account::WallTime;
use host::Host;

use super::authorise_cancel::AccessRefused;
use super::authorising::{self, Scope};
use crate::entity::intent::Intent;
use crate::{Key, Store};

/// Leave to ask an exchange with one connection's key, given by a committed transaction. One grant covers the few questions
/// that one QUERY takes; it cannot place or cancel anything.
///
/// ```compile_fail,E0451
/// fn forge(grant: store::transaction::authorise_query::QueryGrant) -> store::transaction::authorise_query::QueryGrant {
///     store::transaction::authorise_query::QueryGrant { ..grant }
/// }
/// ```
/// ```
/// fn ask(_: &store::transaction::authorise_query::QueryGrant) {}
/// fn several(grant: store::transaction::authorise_query::QueryGrant) { ask(&grant); ask(&grant); }
/// ```
#[must_use]
#[derive(Debug)]
pub struct QueryGrant {
    key: Key,
    scope: Scope,
    authorised_at: WallTime,
}
impl QueryGrant {
    /// Whose key it may be signed with.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
    /// The intent's item.
    pub const fn key(&self) -> &Key {
        &self.key
    }
    /// The moment of the transaction on our wall clock.
    pub const fn authorised_at(&self) -> WallTime {
        self.authorised_at
    }
}

impl Store {
    /// Authorises the QUERY, or says why not. No try starts after `deadline`.
    pub async fn authorise_query(
        &self,
        intent: &Intent,
        deadline: WallTime,
        host: &Host,
    ) -> Result<QueryGrant, AccessRefused> {
        let now = self.authorise_access(intent, authorising::asked, deadline, host).await?;
        Ok(QueryGrant { key: intent.key.clone(), scope: Scope::of(intent), authorised_at: now })
    }
}
