//! Commits a transaction whose answer may be lost, and tells contention from failure.

use store::{StoreError, TransactFailed, Write};

use crate::Deps;

/// How often a request computes again after another one changed the same account. Every round somebody gets through,
/// so this bounds how many simultaneous requests one account can have.
pub const ROUNDS_MAX: usize = 64;
/// How often a transaction is repeated under its token when the answer is lost.
const REPEATS_MAX: usize = 3;

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Everything is written.
    Yes,
    /// Nothing is written: a condition did not hold any more, or another transaction was in the way. Read again.
    Outdated,
}

/// Writes all or nothing. A lost answer is asked for again with the same token, which is harmless.
pub async fn commit(deps: &Deps, writes: &[Write]) -> Result<Committed, StoreError> {
    let token = deps.token();
    let mut repeats = 0;
    loop {
        match deps.store.transact(&token, writes).await {
            Ok(()) => return Ok(Committed::Yes),
            Err(TransactFailed::Cancelled(cancelled)) => {
                if cancelled.first_failed_condition().is_some() || cancelled.only_contention() {
                    return Ok(Committed::Outdated);
                }
                return Err(StoreError::Unavailable {
                    what: format!("transaction cancelled: {:?}", reasons(&cancelled)),
                });
            }
            Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) if repeats < REPEATS_MAX => repeats += 1,
            Err(TransactFailed::Store(error)) => return Err(error),
        }
    }
}

/// The reasons without the items that were found: those hold balances.
fn reasons(cancelled: &store::Cancelled) -> Vec<&'static str> {
    cancelled
        .0
        .iter()
        .map(|reason| match reason {
            store::Reason::Fine => "fine",
            store::Reason::ConditionFailed(_) => "condition failed",
            store::Reason::Conflict => "conflict",
            store::Reason::Throttled => "throttled",
            store::Reason::Other(_) => "other",
        })
        .collect()
}
