//! What the sweep does to intents that were left behind. Every step is conditional and harmless when repeated.
//!
//! | step | write | condition |
//! | --- | --- | --- |
//! | drive | `INTENT#` drive + 1, so that the stream delivers it again | still PROPOSED |
//! | lose | `INTENT#` UNKNOWN | still AUTHORISED since the same moment |
//! | expire a question | `INTENT#` EXPIRED, leaves the index | still AUTHORISED, a QUERY |
//! | settle a cancel | `INTENT#` SENT or ABSENT; `DEAL#` orders_version + 1; `WAKE#` due at once | still UNKNOWN; the deal is open |
//!
//! Never authorises anything, and never calls an unknown outcome a failure (P3).

use account::WallTime;

use crate::attribute::{n, s};
use crate::entity::deal;
use crate::entity::intent::{Intent, IntentState};
use crate::entity::wake::Wake;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table, TransactFailed};

/// Answered questions are kept for a day, in seconds, for whoever looks into an incident.
const QUERY_KEPT_S: i64 = 24 * 3600;

impl Store {
    /// Keys of what carries this mark in the index of open intents since before `before`, oldest first. Candidates only:
    /// each is read again by its key. The mark is an intent's state, or that of an open deal or active bot.
    pub async fn find_marked(&self, mark: &str, before: WallTime) -> Result<Vec<Key>, StoreError> {
        let values = [(":mark", s(mark)), (":before", n(before.ms()))];
        let rows = self
            .query(Table::Trading, Some("open_intents"), "intent_key = :mark AND intent_ms < :before", values, None)
            .await?;
        rows.iter().map(|row| Ok(Key::new(row.text("pk")?, row.text("sk")?))).collect()
    }
    /// An intent, read consistently.
    pub async fn find_intent(&self, key: &Key) -> Result<Option<Intent>, StoreError> {
        self.read(Table::Trading, key).await?.map(|row| Intent::from_row(&row)).transpose()
    }
    /// Makes the stream deliver a PROPOSED intent again.
    pub async fn drive_intent(&self, key: &Key) -> Result<bool, StoreError> {
        let write = Write::update(Table::Trading, key.clone(), "SET #drive = #drive + :one")
            .when("#state = :proposed")
            .value(":one", n(1))
            .value(":proposed", s(IntentState::Proposed.as_str()));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Says of an AUTHORISED intent that its outcome is unknown.
    pub async fn lose_intent(&self, intent: &Intent, authorised_at: WallTime) -> Result<bool, StoreError> {
        let write = Write::update(Table::Trading, intent.key.clone(), "SET #state = :unknown, #intent_key = :unknown")
            .when("#state = :authorised AND #authorised_at = :at")
            .value(":unknown", s(IntentState::Unknown.as_str()))
            .value(":authorised", s(IntentState::Authorised.as_str()))
            .value(":at", n(authorised_at.ms()));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Ends a question that was never answered; the next one has another name.
    pub async fn expire_query(&self, intent: &Intent, now: WallTime) -> Result<bool, StoreError> {
        let write = Write::update(
            Table::Trading,
            intent.key.clone(),
            "SET #state = :expired, #ttl = :ttl REMOVE #intent_key, #intent_ms",
        )
        .when("#state = :authorised AND #what = :query")
        .value(":expired", s(IntentState::Expired.as_str()))
        .value(":ttl", n(now.seconds() + QUERY_KEPT_S))
        .value(":authorised", s(IntentState::Authorised.as_str()))
        .value(":query", s("QUERY"));
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Ends a CANCEL whose answer was lost, once a later answer about its order has shown what became of it: SENT when the
    /// order ended, ABSENT when it still rests. `wake` lets the deal decide again.
    pub async fn settle_cancel(
        &self,
        intent: &Intent,
        how: IntentState,
        wake: &Wake,
        token: &str,
    ) -> Result<bool, StoreError> {
        let ended =
            Write::update(Table::Trading, intent.key.clone(), "SET #state = :how REMOVE #intent_key, #intent_ms")
                .when("#state = :unknown")
                .value(":how", s(how.as_str()))
                .value(":unknown", s(IntentState::Unknown.as_str()));
        let Some((bot, deal)) = intent.bot.zip(intent.deal) else { return Ok(self.write_one(ended).await?.is_ok()) };
        let raise = |one| {
            Write::update(Table::Trading, deal::key(bot, deal), "SET #orders_version = #orders_version + :one")
                .when("#phase = :open")
                .value(":one", one)
                .value(":open", s("open"))
        };
        match self.transact(token, &[ended, raise(n(1)), wake.write()?]).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Store(error)) => Err(error),
            Err(TransactFailed::Cancelled(cancelled)) => {
                // The deal is over: nobody waits for this cancel, and it leaves the index alone.
                if cancelled.failed_at(1) && !cancelled.failed_at(0) {
                    let alone = Write::update(
                        Table::Trading,
                        intent.key.clone(),
                        "SET #state = :how REMOVE #intent_key, #intent_ms",
                    )
                    .when("#state = :unknown")
                    .value(":how", s(how.as_str()))
                    .value(":unknown", s(IntentState::Unknown.as_str()));
                    return Ok(self.write_one(alone).await?.is_ok());
                }
                Ok(false)
            }
        }
    }
    /// Notes that a marked deal or bot was looked after, so that it is found again one interval later.
    pub async fn note_swept(&self, key: &Key, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Trading, key.clone(), "SET #intent_ms = :now")
            .when("attribute_exists(#intent_key)")
            .value(":now", n(now.ms()));
        self.write_one(write).await.map(|_| ())
    }
}
