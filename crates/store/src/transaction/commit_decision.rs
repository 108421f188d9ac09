//! Commits one decision about an open deal: its next state, what is asked of the signer, and when it matters again.
//!
//! | write | condition |
//! | --- | --- |
//! | `DEAL#` put, version + 1 | version and orders_version as read, phase open: one of many parallel deciders wins, and none that missed an order event |
//! | `WAKE#` below, above, time: put or deleted | none: the deal's versions guard them |
//! | `INTENT#` puts, PROPOSED, at most [`INTENTS_MAX`] | there is none of this name (P3) |
//! | `BOT` put, version + 1; only when the deal ended or the bot must stop | version as read |
//! | `FUNDS#` put, version + 1; only when the deal ended | version as read |
//! | `ACTIVITY#` put | there is none of this id |

use crate::attribute::{n, s};
use crate::entity::activity::Activity;
use crate::entity::bot::Bot;
use crate::entity::deal::{self, StoredDeal};
use crate::entity::funds::Funds;
use crate::entity::intent::Intent;
use crate::entity::wake::Wake;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// At most this many intents in one transaction; the rest follows by a wake that is due at once.
pub const INTENTS_MAX: usize = 40;

/// What a decision changes.
#[derive(Debug)]
pub struct Committing<'a> {
    /// The deal as read.
    pub read: &'a StoredDeal,
    /// The deal as decided; its versions are set here.
    pub next: StoredDeal,
    pub intents: Vec<Intent>,
    pub wakes: Vec<Wake>,
    /// Wakes that stop existing.
    pub gone: Vec<Key>,
    /// The bot as it shall be and the version at which it was read.
    pub bot: Option<(Bot, u64)>,
    pub funds: Option<Funds>,
    pub activity: Activity,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitRefused {
    /// Somebody else changed what the decision was taken on. Read again and decide again.
    #[error("something changed since it was read")]
    Outdated,
    /// The tables could not be used; `OutcomeUnknown` means that it may be committed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn settle(sent: Result<(), TransactFailed>) -> Result<(), CommitRefused> {
    match sent {
        Ok(()) => Ok(()),
        // Contention is answered like a change: whoever reads again sees what the other one wrote.
        Err(TransactFailed::Cancelled(_)) => Err(CommitRefused::Outdated),
        Err(TransactFailed::Store(error)) => Err(CommitRefused::Store(error)),
    }
}

const DEAL_AS_READ: &str = "#version = :version AND #orders_version = :orders_version AND #phase = :open";

impl Store {
    /// Commits a decision. `token` (at most 36 characters) is new with every decision.
    pub async fn commit_decision(&self, token: &str, mut committing: Committing<'_>) -> Result<(), CommitRefused> {
        let read = committing.read;
        committing.next.version = read.version + 1;
        committing.next.orders_version = read.orders_version;
        let deal = Write::put(Table::Trading, deal::key(read.bot, read.deal.id), committing.next.to_row()?)
            .when(DEAL_AS_READ)
            .value(":version", n(read.version))
            .value(":orders_version", n(read.orders_version))
            .value(":open", s("open"));
        let mut writes = vec![deal];
        if let Some((bot, read_version)) = &committing.bot {
            writes.push(bot.write_over(*read_version)?);
        }
        if let Some(funds) = &committing.funds {
            writes.push(funds.write()?);
        }
        rest(&mut writes, &committing.wakes, &committing.gone, &committing.intents, &committing.activity)?;
        settle(self.transact(token, &writes).await)
    }
}

/// The writes that decisions and starts have in common.
pub(super) fn rest(
    writes: &mut Vec<Write>,
    wakes: &[Wake],
    gone: &[Key],
    intents: &[Intent],
    activity: &Activity,
) -> Result<(), StoreError> {
    for wake in wakes {
        writes.push(wake.write()?);
    }
    for key in gone {
        writes.push(Write::delete(Table::Trading, key.clone()));
    }
    for intent in intents.iter().take(INTENTS_MAX) {
        writes.push(intent.write_if_absent()?);
    }
    writes.push(activity.write()?);
    Ok(())
}
