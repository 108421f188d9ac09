//! What follows a commit: whoever is due is told, and what the market crossed meanwhile is due at once.
//!
//! Without this nothing is lost: the tick evaluates an overlap, and the sweep tells again. It only saves the minute.

use store::StoreError;
use store::entity::wake::{Waits, Wake};
use strategy::market::MarketTime;

use crate::{Deps, wakes};

/// Looks at the candles since the wakes were written, low and high, and tells the trader of what is due.
pub async fn after_commit(deps: &Deps, written: &[Wake]) -> Result<(), StoreError> {
    for wake in written {
        if let Waits::Due { at, .. } = wake.waits {
            deps.tell(&wake.hint(at)).await;
        }
    }
    let waiting: Vec<&Wake> = written
        .iter()
        .filter(|wake| match &wake.waits {
            Waits::Price { decide, .. } => *decide,
            Waits::Time { .. } => true,
            Waits::Due { .. } => false,
        })
        .collect();
    let Some(first) = waiting.first() else { return Ok(()) };
    let until = MarketTime::from_ms(i64::MAX / 2);
    let candles = deps.store.candles(&first.owner.exchange, &first.owner.pair, first.written_at, until).await?;
    for wake in waiting {
        let Some(due) = wakes::crossed_at(wake, &candles) else { continue };
        if deps.store.mark_due(wake, due, deps.host.clock.now()).await? {
            deps.tell(&wake.hint(due)).await;
        }
    }
    Ok(())
}
