//! Records what was learned about a connection, and ends QUERY intents.
//!
//! | write | condition |
//! | --- | --- |
//! | intent: SENT | AUTHORISED |
//! | connection: equity and balances, or the permission verdict | LIVE, at the intent's epoch |
//!
//! Refused ones end alone. A worse verdict refuses entries from here on: the authorising transaction checks it (KX-2).

use account::WallTime;
use host::Host;
use strategy::money::Amount;

use crate::attribute::{n, s};
use crate::entity::connection;
use crate::entity::intent::{Intent, IntentState};
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// Answered questions are kept for a day, in seconds, for whoever looks into an incident.
const KEPT_S: i64 = 24 * 3600;

const ENDED: &str = "SET #state = :final, #ttl = :ttl REMOVE #intent_key, #intent_ms";
const ENDED_BECAUSE: &str = "SET #state = :final, #why = :why, #ttl = :ttl REMOVE #intent_key, #intent_ms";
const ENDED_IF: &str = "#state = :authorised OR #state = :proposed";
const BALANCES: &str = "SET #balances = :balances, #balances_at = :now, #equity_quote = :equity, #equity_at = :now";
const VERDICT: &str = "SET #verdict = :verdict, #verdict_at = :now, #verdict_why = :why";
const CONNECTION_IF: &str = "#status = :live AND #epoch = :epoch";

impl Store {
    /// Ends a QUERY. `false`: it was ended already.
    pub async fn end_query(
        &self,
        intent: &Intent,
        state: IntentState,
        why: Option<&str>,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        Ok(self.write_one(ended(intent, state, why, now)).await?.is_ok())
    }
    /// Records balances, as JSON of asset, free and locked, and their worth in quote. `false`: the connection is not LIVE any more.
    pub async fn record_balances(
        &self,
        intent: &Intent,
        balances: &str,
        equity: Amount,
        host: &Host,
    ) -> Result<bool, StoreError> {
        let now = host.clock.now();
        let write = connection(intent, BALANCES)
            .value(":balances", s(balances))
            .value(":equity", s(equity))
            .value(":now", n(now.ms()));
        self.answered(intent, write, now, host).await
    }
    /// Records the permission verdict. `false`: the connection is not LIVE any more.
    pub async fn record_verdict(
        &self,
        intent: &Intent,
        accepted: bool,
        why: &str,
        host: &Host,
    ) -> Result<bool, StoreError> {
        let now = host.clock.now();
        let write = connection(intent, VERDICT)
            .value(":verdict", s(if accepted { "accepted" } else { "refused" }))
            .value(":why", s(why))
            .value(":now", n(now.ms()));
        self.answered(intent, write, now, host).await
    }

    async fn answered(&self, intent: &Intent, write: Write, now: WallTime, host: &Host) -> Result<bool, StoreError> {
        let failed = self.settle(&[ended(intent, IntentState::Sent, None, now), write], host).await?;
        if failed == Some(1) {
            self.end_query(intent, IntentState::Fenced, Some("the exchange key was removed"), now).await?;
        }
        Ok(failed.is_none())
    }
}

fn ended(intent: &Intent, state: IntentState, why: Option<&str>, now: WallTime) -> Write {
    let write = Write::update(Table::Trading, intent.key.clone(), if why.is_some() { ENDED_BECAUSE } else { ENDED })
        .when(ENDED_IF)
        .value(":final", s(state.as_str()))
        .value(":ttl", n(now.seconds() + KEPT_S))
        .value(":authorised", s(IntentState::Authorised.as_str()))
        .value(":proposed", s(IntentState::Proposed.as_str()));
    match why {
        Some(why) => write.value(":why", s(why)),
        None => write,
    }
}
fn connection(intent: &Intent, expression: &'static str) -> Write {
    Write::update(Table::Vault, connection::key(intent.user, intent.connection), expression)
        .when(CONNECTION_IF)
        .value(":live", s("LIVE"))
        .value(":epoch", n(intent.epoch.value()))
}
