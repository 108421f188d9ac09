//! Intents that nobody finished. PROPOSED: the stream delivers them again. AUTHORISED without a result: UNKNOWN, and a
//! question. UNKNOWN: a question every minute. Only answers end what is unknown (P3).

use std::collections::HashMap;

use account::{ConnectionId, Epoch, UserId, WallTime};
use exchange::Venue;
use store::StoreError;
use store::entity::connection::Status;
use store::entity::intent::{Ask, Intent, IntentState};
use store::entity::wake::{Owner, Wake};
use store::transaction::write_query::OrderOf;
use strategy::id::ClientOrderId;
use strategy::market::MarketTime;

use crate::Deps;
use crate::sweep::PERIOD_MS;

/// Beyond the send window, in ms: whoever was sending has given up by then (B.4 step 9).
const GRACE_MS: i64 = 10_000;

pub async fn drive_proposed(deps: &Deps) -> Result<(), StoreError> {
    let before = deps.host.clock.now().plus_ms(-PERIOD_MS);
    for key in deps.store.find_marked(IntentState::Proposed.as_str(), before).await? {
        // Older than two periods it expires there: the signer alone ends what it may be looking at.
        deps.store.drive_intent(&key).await?;
    }
    Ok(())
}

pub async fn lose_authorised(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    let mut connections = Connections::default();
    for key in deps.store.find_marked(IntentState::Authorised.as_str(), now.plus_ms(-GRACE_MS)).await? {
        let Some(intent) = deps.store.find_intent(&key).await? else { continue };
        let Some(authorised_at) = intent.authorised_at.filter(|at| now > settled_at(&intent, *at)) else { continue };
        match &intent.ask {
            Ask::QueryOrder { .. } | Ask::QueryConnection(_) => {
                deps.store.expire_query(&intent, now).await?;
            }
            Ask::Place(order) => {
                deps.store.lose_intent(&intent, authorised_at).await?;
                ask(deps, &mut connections, &intent, &order.client_order_id, now).await?;
            }
            Ask::Cancel { order, .. } => {
                deps.store.lose_intent(&intent, authorised_at).await?;
                ask(deps, &mut connections, &intent, order, now).await?;
            }
        }
    }
    Ok(())
}

pub async fn ask_about_unknown(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    let mut connections = Connections::default();
    for key in deps.store.find_marked(IntentState::Unknown.as_str(), now).await? {
        let Some(intent) = deps.store.find_intent(&key).await?.filter(|i| i.state == IntentState::Unknown) else {
            continue;
        };
        match &intent.ask {
            Ask::Place(order) => ask(deps, &mut connections, &intent, &order.client_order_id, now).await?,
            Ask::Cancel { order, .. } => {
                if !settle_cancel(deps, &intent, order, now).await? {
                    ask(deps, &mut connections, &intent, order, now).await?;
                }
            }
            // A question is never unknown; one that says so is of an older version of the program.
            Ask::QueryOrder { .. } | Ask::QueryConnection(_) => {}
        }
    }
    Ok(())
}

/// When the exchange can no longer accept what was authorised, and nobody can still be sending it.
fn settled_at(intent: &Intent, authorised_at: WallTime) -> WallTime {
    let window =
        Venue::ALL.into_iter().find(|v| v.as_str() == intent.exchange).unwrap_or(Venue::Paper).send_window_ms_max();
    authorised_at.plus_ms(window + GRACE_MS)
}

/// Ends a lost cancel by what later answers said of its order.
async fn settle_cancel(deps: &Deps, intent: &Intent, order: &ClientOrderId, now: WallTime) -> Result<bool, StoreError> {
    let (Some(bot), Some(pair)) = (intent.bot, intent.pair.clone()) else { return Ok(false) };
    let Some(found) = deps.store.find_order(bot, order).await? else { return Ok(false) };
    let asked_since = intent.authorised_at.is_some_and(|at| found.seen_at > settled_at(intent, at));
    let how = if found.status.is_final() {
        IntentState::Sent
    } else if asked_since {
        IntentState::Absent
    } else {
        return Ok(false);
    };
    let id = deps.host.entropy.ulid(now).to_string();
    let owner = Owner {
        bot,
        deal: intent.deal,
        user: intent.user,
        connection: intent.connection,
        exchange: intent.exchange.clone(),
        pair,
        epoch: intent.epoch,
        run: intent.run,
    };
    let wake = Wake::due(owner, id.clone(), MarketTime::START, now);
    let settled = deps.store.settle_cancel(intent, how, &wake, &id).await?;
    if settled {
        deps.tell(&wake.hint(MarketTime::START)).await;
    }
    Ok(settled)
}

async fn ask(
    deps: &Deps,
    connections: &mut Connections,
    intent: &Intent,
    order: &ClientOrderId,
    now: WallTime,
) -> Result<(), StoreError> {
    let Some(bot) = intent.bot else { return Ok(()) };
    // Where the key is gone nobody can ask: the intent stays UNKNOWN and the owner is told so.
    if !connections.is_live(deps, intent.user, intent.connection, intent.epoch).await? {
        return Ok(());
    }
    let of = OrderOf {
        bot,
        deal: intent.deal,
        user: intent.user,
        connection: intent.connection,
        exchange: intent.exchange.clone(),
        pair: intent.pair.clone(),
        run: intent.run,
        epoch: intent.epoch,
    };
    deps.store.query_order(&of, order, now).await?;
    Ok(())
}

/// Connections that this sweep has read, each once.
#[derive(Default)]
pub struct Connections(HashMap<ConnectionId, Option<Epoch>>);
impl Connections {
    /// Whether the connection is LIVE at this epoch.
    pub async fn is_live(
        &mut self,
        deps: &Deps,
        user: UserId,
        connection: ConnectionId,
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        let live = match self.0.get(&connection) {
            Some(known) => *known,
            None => {
                let found = deps.store.find_connection(user, connection).await?;
                let live = found.filter(|c| c.status == Status::Live).map(|c| c.epoch);
                self.0.insert(connection, live);
                live
            }
        };
        Ok(live == Some(epoch))
    }
}
