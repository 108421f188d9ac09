//! Step 8: records, and tells the trader. What is not told is told by the sweep.

use account::WallTime;
use store::entity::intent::{Ask, Intent, IntentState};
use store::transaction::close_intent::Ending;
use store::transaction::record_outcome::{Recorded, Recording};
use store::transaction::write_query::OrderOf;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{MarketTime, Pair};

use crate::{Deps, NotDone};

/// Bot, deal and pair of a PLACE or CANCEL.
pub fn place_of(intent: &Intent) -> Result<(BotId, DealId, &Pair), NotDone> {
    match (intent.bot, intent.deal, &intent.pair) {
        (Some(bot), Some(deal), Some(pair)) => Ok((bot, deal, pair)),
        _ => Err(NotDone::GiveUp("an intent without bot, deal or pair".into())),
    }
}

/// Records what an exchange said about an order.
pub async fn order(deps: &Deps, what: &Recording<'_>) -> Result<(), NotDone> {
    let recorded = deps.store.record_order(what, &deps.host).await?;
    if recorded == Recorded::Discarded {
        tracing::info!(bot = %what.bot, order = %what.order.client_order_id, "an answer came after a truer one and is discarded");
    }
    tell(deps, recorded).await;
    Ok(())
}

/// Ends a PLACE or CANCEL without an order.
pub async fn end(deps: &Deps, intent: &Intent, ending: Ending, why: &str) -> Result<(), NotDone> {
    tracing::info!(pk = intent.key.pk, sk = intent.key.sk, ending = ?ending, why, "an intent ends without an order");
    let recorded = deps.store.close_intent(intent, place_of(intent)?, ending, why, &deps.host).await?;
    tell(deps, recorded).await;
    Ok(())
}

/// Ends an intent that was not authorised, whatever it asks.
pub async fn end_proposed(deps: &Deps, intent: &Intent, ending: Ending, why: &str) -> Result<(), NotDone> {
    match &intent.ask {
        Ask::Place(_) | Ask::Cancel { .. } => end(deps, intent, ending, why).await,
        Ask::QueryOrder { .. } | Ask::QueryConnection(_) => end_query(deps, intent, ending.state(), Some(why)).await,
    }
}

/// Ends a QUERY. A QUERY without result is EXPIRED, and the sweep writes a new one.
pub async fn end_query(deps: &Deps, intent: &Intent, state: IntentState, why: Option<&str>) -> Result<(), NotDone> {
    deps.store.end_query(intent, state, why, deps.host.clock.now()).await?;
    Ok(())
}

/// Says that nobody knows what became of a PLACE or CANCEL, and asks at once.
pub async fn unknown(
    deps: &Deps,
    intent: &Intent,
    authorised_at: WallTime,
    order: &ClientOrderId,
    why: &str,
) -> Result<(), NotDone> {
    tracing::warn!(pk = intent.key.pk, sk = intent.key.sk, why, "the outcome is unknown");
    let (bot, deal, pair) = place_of(intent)?;
    deps.store.lose_intent(intent, authorised_at).await?;
    let of = OrderOf {
        bot,
        deal: Some(deal),
        user: intent.user,
        connection: intent.connection,
        exchange: intent.exchange.clone(),
        pair: Some(pair.clone()),
        run: intent.run,
        epoch: intent.epoch,
    };
    // `false`: it was asked in this minute already; the sweep asks in the next.
    let _asked = deps.store.query_order(&of, order, deps.host.clock.now()).await?;
    Ok(())
}

async fn tell(deps: &Deps, recorded: Recorded) {
    let Recorded::Due(wake) = recorded else { return };
    if let Err(error) = deps.queue.send(&wake.hint(MarketTime::START)).await {
        tracing::warn!(bot = %wake.owner.bot, %error, "a hint waits for the sweep");
    }
}
