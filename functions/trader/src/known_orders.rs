//! What is recorded about the working orders of a deal, in the words of `decide`.
//!
//! Never guesses: an order without any record is left out, and counts as proposed a moment ago.

use std::collections::HashMap;

use store::attribute::Row;
use store::entity::intent::{Intent, IntentState, cancel_key, place_key};
use store::entity::order::{self, StoredOrder, VenueStatus};
use store::{Key, StoreError};
use strategy::deal::{Deal, WorkingOrder};
use strategy::id::{BotId, ClientOrderId};
use strategy::order::{Filled, KnownOrder, OrderState};

/// The items that say everything about a deal's working orders: intent, order and latest cancel of each.
pub fn keys(bot: BotId, deal: &Deal) -> Vec<Key> {
    deal.working
        .iter()
        .flat_map(|working| {
            let id = ClientOrderId::derive(bot, deal.id, working.key);
            let cancel = (working.cancels > 0).then(|| cancel_key(bot, &id, working.cancels));
            [Some(place_key(bot, &id)), Some(order::key(bot, &id)), cancel].into_iter().flatten()
        })
        .collect()
}

/// The recorded states of a deal's working orders, from the items of `keys`.
pub fn known_orders(bot: BotId, deal: &Deal, rows: &[Row]) -> Result<Vec<KnownOrder>, StoreError> {
    let by_key: HashMap<(&str, &str), &Row> =
        rows.iter().map(|row| Ok(((row.text("pk")?, row.text("sk")?), row))).collect::<Result<_, StoreError>>()?;
    let find = |key: Key| by_key.get(&(key.pk.as_str(), key.sk.as_str())).copied();
    let mut known = Vec::with_capacity(deal.working.len());
    for working in &deal.working {
        let id = ClientOrderId::derive(bot, deal.id, working.key);
        let intent = find(place_key(bot, &id)).map(Intent::from_row).transpose()?;
        let order = find(order::key(bot, &id)).map(StoredOrder::from_row).transpose()?;
        let cancel = if working.cancels == 0 {
            None
        } else {
            find(cancel_key(bot, &id, working.cancels)).map(Intent::from_row).transpose()?
        };
        known.extend(known_order(working, id, intent.as_ref(), order.as_ref(), cancel.as_ref()));
    }
    Ok(known)
}

fn known_order(
    working: &WorkingOrder,
    id: ClientOrderId,
    intent: Option<&Intent>,
    order: Option<&StoredOrder>,
    cancel: Option<&Intent>,
) -> Option<KnownOrder> {
    let state = order_state(intent.map(|i| i.state), order.map(|o| o.status))?;
    Some(KnownOrder {
        key: working.key,
        client_order_id: id,
        side: working.side,
        kind: working.kind,
        quantity: working.quantity,
        state,
        filled: order.map_or(Filled::ZERO, |o| o.filled),
        cancel_pending: working.cancels > 0 && cancel.is_none_or(|c| cancel_is_pending(c.state)),
        refusal: intent.and_then(|i| i.why.clone()),
    })
}

/// The exchange's word, when there is one, wins over the intent's state; `None`: nothing is recorded.
pub const fn order_state(intent: Option<IntentState>, order: Option<VenueStatus>) -> Option<OrderState> {
    Some(match (order, intent) {
        (Some(VenueStatus::New | VenueStatus::PartiallyFilled), _) => OrderState::Open,
        (Some(VenueStatus::Filled), _) => OrderState::Filled,
        (Some(VenueStatus::Cancelled), _) => OrderState::Cancelled,
        (Some(VenueStatus::Expired), _) => OrderState::ExpiredAtExchange,
        (Some(VenueStatus::Rejected), _) => OrderState::Rejected,
        (None, Some(IntentState::Proposed)) => OrderState::Proposed,
        (None, Some(IntentState::Authorised)) => OrderState::Authorised,
        (None, Some(IntentState::Unknown)) => OrderState::Unknown,
        // Answered, but the answer is not there: order and state are written together, so nobody knows. Never a failure (P3).
        (None, Some(IntentState::Sent)) => OrderState::Unknown,
        (None, Some(IntentState::Absent)) => OrderState::Absent,
        (None, Some(IntentState::Expired)) => OrderState::Expired,
        (None, Some(IntentState::Refused)) => OrderState::Refused,
        (None, Some(IntentState::Fenced)) => OrderState::Fenced,
        (None, None) => return None,
    })
}

/// Whether a cancel is still to be waited for. One that a fence cut off is: nothing is ever asked again.
const fn cancel_is_pending(state: IntentState) -> bool {
    match state {
        IntentState::Proposed | IntentState::Authorised | IntentState::Unknown | IntentState::Fenced => true,
        IntentState::Sent | IntentState::Absent | IntentState::Expired | IntentState::Refused => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchanges_word_wins_over_the_intent() {
        for intent in [None, Some(IntentState::Authorised), Some(IntentState::Unknown), Some(IntentState::Sent)] {
            assert_eq!(order_state(intent, Some(VenueStatus::PartiallyFilled)), Some(OrderState::Open));
            assert_eq!(order_state(intent, Some(VenueStatus::Filled)), Some(OrderState::Filled));
        }
    }
    #[test]
    fn a_lost_answer_is_never_a_failure() {
        for intent in [IntentState::Authorised, IntentState::Unknown, IntentState::Sent] {
            let state = order_state(Some(intent), None).expect("recorded");
            assert!(!state.is_final(), "{intent:?}");
        }
    }
    #[test]
    fn what_is_not_recorded_is_left_to_decide() {
        assert_eq!(order_state(None, None), None);
    }
    #[test]
    fn a_cancel_that_failed_may_be_asked_again_and_a_fenced_one_not() {
        assert!(
            !cancel_is_pending(IntentState::Expired)
                && !cancel_is_pending(IntentState::Refused)
                && !cancel_is_pending(IntentState::Absent)
        );
        assert!(cancel_is_pending(IntentState::Fenced) && cancel_is_pending(IntentState::Unknown));
    }
}
