//! Step 1 and 2: reads the intent, ends it when it is too old, and respects the freeze-all gate.
//!
//! User, bot and deal are not read: everything about them is a condition of the authorising transaction, which sees them at
//! one moment, and a read before it would decide nothing.

use exchange::Venue;
use store::attribute::Row;
use store::entity::bot;
use store::entity::intent::{Intent, IntentState};
use store::transaction::authorise_order::STALE_AFTER_MS;
use store::transaction::close_intent::Ending;
use store::{Key, Table};

use crate::{Deps, NotDone, record};

/// A PROPOSED intent that may be worked now, with its venue; `None`: nothing to do.
pub async fn read_intent(deps: &Deps, key: &Key) -> Result<Option<(Intent, Venue)>, NotDone> {
    // RF-7, step 9: whatever is not PROPOSED is acknowledged.
    let Some(intent) = deps.store.find_intent(key).await? else { return Ok(None) };
    if intent.state != IntentState::Proposed {
        return Ok(None);
    }
    // RF-8: decided on another market.
    if deps.host.clock.now().ms_since(intent.proposed_at) > STALE_AFTER_MS {
        record::end_proposed(deps, &intent, Ending::Expired, "it was not sent within two minutes").await?;
        return Ok(None);
    }
    let Ok(venue) = intent.exchange.parse::<Venue>() else {
        record::end_proposed(deps, &intent, Ending::RefusedBeforehand, "this exchange is not supported").await?;
        return Ok(None);
    };
    let gate = deps.store.read(Table::Trading, &bot::gate_key()).await?;
    // RF-26: while tables are restored nothing leaves.
    if gate.is_some_and(|gate: Row| gate.is("closed")) {
        return Err(NotDone::Later("the freeze-all gate is closed".into()));
    }
    if deps.is_paused(venue) {
        return Err(NotDone::Later(format!("nothing is sent to {venue} for a moment")));
    }
    Ok(Some((intent, venue)))
}
