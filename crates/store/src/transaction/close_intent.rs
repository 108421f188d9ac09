//! Ends a PLACE or CANCEL intent without an order: refused, expired, absent or fenced. The deal learns of it.
//!
//! | write | condition |
//! | --- | --- |
//! | intent: final state, `why` | still in the state it is ended from |
//! | `DEAL#`: orders_version + 1 | open |
//! | `WAKE#<deal>#time`: due at once | none |

use account::WallTime;
use host::Host;
use strategy::id::{BotId, DealId};
use strategy::market::Pair;

use super::record_outcome::{Recorded, due, kept_until};
use crate::attribute::{n, s};
use crate::entity::intent::{Intent, IntentState};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// How an intent ends without an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// PROPOSED and too old (RF-8): it was never authorised, and the next attempt may be proposed.
    Expired,
    /// PROPOSED, and a guard or condition refused it.
    RefusedBeforehand,
    /// PROPOSED, and a fence cut it off; no further attempt (RF-9).
    Fenced,
    /// AUTHORISED, and the exchange refused it, or nothing could be signed or sent.
    Refused,
    /// AUTHORISED, and surely neither executed nor ever to be: the next attempt may be proposed.
    NotExecuted,
    /// UNKNOWN, and proven absent by the query protocol.
    Absent,
}
impl Ending {
    const fn from(self) -> (IntentState, Option<IntentState>) {
        match self {
            Ending::Expired | Ending::RefusedBeforehand | Ending::Fenced => (IntentState::Proposed, None),
            Ending::Refused | Ending::NotExecuted => (IntentState::Authorised, Some(IntentState::Unknown)),
            Ending::Absent => (IntentState::Unknown, None),
        }
    }
    /// The state it leaves behind.
    pub const fn state(self) -> IntentState {
        match self {
            Ending::Expired => IntentState::Expired,
            Ending::RefusedBeforehand | Ending::Refused => IntentState::Refused,
            Ending::Fenced => IntentState::Fenced,
            Ending::NotExecuted | Ending::Absent => IntentState::Absent,
        }
    }
}

const INTENT: &str = "SET #state = :final, #why = :why, #ttl = :ttl REMOVE #intent_key, #intent_ms, #user_key";
const INTENT_IF: &str = "#state = :from OR #state = :or_from";
/// Two looks are needed, so a second one never moves the first.
const FIRST_LOOK: &str = "SET #absent_at = if_not_exists(#absent_at, :now)";
const FIRST_LOOK_IF: &str = "#state = :unknown";

impl Store {
    /// Ends the intent; `why` is for the owner's timeline.
    pub async fn close_intent(
        &self,
        intent: &Intent,
        place: (BotId, DealId, &Pair),
        ending: Ending,
        why: &str,
        host: &Host,
    ) -> Result<Recorded, StoreError> {
        let (bot, deal, pair) = place;
        let (from, or_from) = ending.from();
        let write = Write::update(Table::Trading, intent.key.clone(), INTENT)
            .when(INTENT_IF)
            .value(":final", s(ending.state().as_str()))
            .value(":why", s(why))
            .value(":ttl", n(kept_until(host.clock.now())))
            .value(":from", s(from.as_str()))
            .value(":or_from", s(or_from.unwrap_or(from).as_str()));
        let wake = due(intent, bot, deal, pair, host);
        self.with_wake(vec![write], 1, bot, deal, wake, host).await
    }

    /// Notes that an UNKNOWN order was found nowhere, and answers since when that is so; `None` when it is not UNKNOWN.
    pub async fn note_absence(&self, place: &Key, now: WallTime) -> Result<Option<WallTime>, StoreError> {
        let write = Write::update(Table::Trading, place.clone(), FIRST_LOOK)
            .when(FIRST_LOOK_IF)
            .value(":unknown", s(IntentState::Unknown.as_str()))
            .value(":now", n(now.ms()));
        if self.write_one(write).await?.is_err() {
            return Ok(None);
        }
        let row = self.read(Table::Trading, place).await?;
        row.map(|row| row.number("absent_at").map(WallTime::from_ms)).transpose()
    }
}
