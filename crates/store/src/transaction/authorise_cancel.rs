//! Authorises one cancel. A cancel takes risk away: neither freeze nor kill switch nor the bot's state stops it.
//!
//! | write | condition |
//! | --- | --- |
//! | intent: PROPOSED to AUTHORISED, `authorised_at` | PROPOSED, not stale, at this epoch |
//! | connection: check | LIVE, at this epoch |
//! | user: check | at this epoch, `fencing_until` past |

use account::WallTime;
use host::Host;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::Pair;

use super::authorise_order::STALE_AFTER_MS;
use super::authorising::{self, ConnectionRefusal, Entry, Scope, UserRefusal};
use crate::attribute::{n, s};
use crate::entity::intent::Intent;
use crate::write::{Cancelled, Write};
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// Proof that this cancel was authorised by a committed transaction. Made here alone; spent by signing.
///
/// ```compile_fail,E0382
/// fn sign(_: store::transaction::authorise_cancel::CancelIntent) {}
/// fn twice(cancel: store::transaction::authorise_cancel::CancelIntent) { sign(cancel); sign(cancel); }
/// ```
/// ```
/// fn sign(_: store::transaction::authorise_cancel::CancelIntent) {}
/// fn once(cancel: store::transaction::authorise_cancel::CancelIntent) { sign(cancel); }
/// ```
#[must_use]
#[derive(Debug)]
pub struct CancelIntent {
    key: Key,
    scope: Scope,
    bot: BotId,
    deal: DealId,
    pair: Pair,
    order: ClientOrderId,
    authorised_at: WallTime,
}
impl CancelIntent {
    /// Whose key it may be signed with.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
    /// The intent's item.
    pub const fn key(&self) -> &Key {
        &self.key
    }
    /// The bot that wants it.
    pub const fn bot(&self) -> BotId {
        self.bot
    }
    /// The deal of the order.
    pub const fn deal(&self) -> DealId {
        self.deal
    }
    /// What is traded.
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }
    /// The order to cancel.
    pub const fn order(&self) -> &ClientOrderId {
        &self.order
    }
    /// The moment of the transaction on our wall clock.
    pub const fn authorised_at(&self) -> WallTime {
        self.authorised_at
    }
}

/// What is to be cancelled.
#[derive(Debug)]
pub struct AuthorisingCancel<'a> {
    pub intent: &'a Intent,
    pub bot: BotId,
    pub deal: DealId,
    pub pair: &'a Pair,
    pub order: &'a ClientOrderId,
    /// No try starts later than this.
    pub deadline: WallTime,
}

/// Why a cancel or a question was not authorised, in order of precedence.
#[derive(Debug, thiserror::Error)]
pub enum AccessRefused {
    /// Somebody else has it, or it is final.
    #[error("the intent is not PROPOSED any more")]
    IntentTaken,
    /// Older than two periods.
    #[error("the intent is older than two minutes")]
    Stale,
    /// The key is revoked, or connection or user are of another epoch.
    #[error("the exchange key was removed")]
    Fenced,
    /// A reset is about to commit: perhaps later.
    #[error("a password reset is under way")]
    Fencing,
    /// Contention until the deadline; nothing was written.
    #[error("too much contention")]
    Contention,
    /// The answer was lost; nothing is sent from here.
    #[error("the outcome of the authorising transaction is unknown")]
    OutcomeUnknown,
    /// The tables cannot be reached; nothing was written.
    #[error(transparent)]
    Unavailable(StoreError),
}

/// The writes in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Intent,
    Connection,
    User,
}
impl Item {
    const ALL: [Item; 3] = [Item::Intent, Item::Connection, Item::User];
}

const INTENT: &str = "SET #state = :authorised, #intent_key = :authorised, #authorised_at = :now, #intent_ms = :now";
const INTENT_IF: &str = "#state = :proposed AND #proposed_at >= :oldest AND #epoch = :epoch";
const RETRIES_MAX: u32 = 5;

impl Store {
    /// Authorises the cancel, or says why not.
    pub async fn authorise_cancel(
        &self,
        what: &AuthorisingCancel<'_>,
        host: &Host,
    ) -> Result<CancelIntent, AccessRefused> {
        let now = self.authorise_access(what.intent, authorising::checked, what.deadline, host).await?;
        Ok(CancelIntent {
            key: what.intent.key.clone(),
            scope: Scope::of(what.intent),
            bot: what.bot,
            deal: what.deal,
            pair: what.pair.clone(),
            order: what.order.clone(),
            authorised_at: now,
        })
    }

    /// The transaction of a cancel and of a query; they differ in what they do to the connection. Answers its moment.
    pub(super) async fn authorise_access(
        &self,
        intent: &Intent,
        connection: fn(&Intent) -> Write,
        deadline: WallTime,
        host: &Host,
    ) -> Result<WallTime, AccessRefused> {
        for attempt in 0..=RETRIES_MAX {
            let now = host.clock.now();
            if attempt > 0 && now > deadline {
                break;
            }
            let writes = Item::ALL.map(|item| match item {
                Item::Intent => Write::update(Table::Trading, intent.key.clone(), INTENT)
                    .when(INTENT_IF)
                    .value(":authorised", s("AUTHORISED"))
                    .value(":proposed", s("PROPOSED"))
                    .value(":now", n(now.ms()))
                    .value(":oldest", n(now.ms() - STALE_AFTER_MS))
                    .value(":epoch", n(intent.epoch.value())),
                Item::Connection => connection(intent),
                Item::User => authorising::user(intent.user, intent.epoch, Entry::No, now),
            });
            match self.transact(&host.entropy.ulid(now).to_string(), &writes).await {
                Ok(()) => return Ok(now),
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. })) => {
                    return Err(AccessRefused::OutcomeUnknown);
                }
                Err(TransactFailed::Store(error)) => return Err(AccessRefused::Unavailable(error)),
                Err(TransactFailed::Cancelled(cancelled)) => match refusal(&cancelled, intent, now) {
                    Some(refused) => return Err(refused),
                    None if cancelled.only_contention() => {}
                    None => {
                        return Err(AccessRefused::Unavailable(StoreError::Unavailable {
                            what: "cancelled for no known reason".into(),
                        }));
                    }
                },
            }
            host.clock.wait(authorising::pause(attempt)).await;
        }
        Err(AccessRefused::Contention)
    }
}

fn refusal(cancelled: &Cancelled, intent: &Intent, now: WallTime) -> Option<AccessRefused> {
    let (index, found) = cancelled.first_failed_condition()?;
    Some(match *Item::ALL.get(index)? {
        Item::Intent => {
            let stale = found.is_some_and(|row| {
                row.text_if("state") == Some("PROPOSED")
                    && row.number::<i64>("proposed_at").is_ok_and(|at| at < now.ms() - STALE_AFTER_MS)
            });
            if stale { AccessRefused::Stale } else { AccessRefused::IntentTaken }
        }
        Item::Connection => match authorising::connection_refusal(found, intent.epoch, None, false) {
            Some(ConnectionRefusal::Fenced | ConnectionRefusal::PairNotAllowed | ConnectionRefusal::KeyNotAccepted)
            | None => AccessRefused::Fenced,
        },
        Item::User => match authorising::user_refusal(found, intent.epoch, now) {
            UserRefusal::Fencing => AccessRefused::Fencing,
            UserRefusal::Fenced | UserRefusal::Frozen | UserRefusal::NotActive => AccessRefused::Fenced,
        },
    })
}
