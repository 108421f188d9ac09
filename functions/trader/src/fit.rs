//! Cuts a decision to what one transaction holds. What is cut off is not in the deal either, so the next decision, due at
//! once, finds it missing and asks for it.

use store::transaction::commit_decision::INTENTS_MAX;
use strategy::decide::{Action, Decision};
use strategy::order::{OrderKey, Slot};

/// Cuts the tail of the actions; answers how many were cut.
pub fn fit(decision: &mut Decision) -> usize {
    if decision.actions.len() <= INTENTS_MAX {
        return 0;
    }
    let cut = decision.actions.split_off(INTENTS_MAX);
    for action in &cut {
        match action {
            Action::Place(order) => {
                decision.deal.working.retain(|working| working.key != order.key);
                give_back(&mut decision.deal.revisions, order.key);
                let told =
                    decision.timeline.iter().rposition(|line| line.code == "order_placed" && line.text == order.reason);
                if let Some(index) = told {
                    decision.timeline.remove(index);
                }
            }
            Action::Cancel { key, number, .. } => {
                if let Some(working) = decision.deal.working.iter_mut().find(|working| working.key == *key) {
                    working.cancels = number.saturating_sub(1);
                }
            }
        }
    }
    cut.len()
}

/// A placement that was not asked for leaves its number to the next decision, so that a cut changes no order's name.
fn give_back(revisions: &mut Vec<(Slot, u32)>, key: OrderKey) {
    if key.attempt > 0 {
        return;
    }
    if let Some(index) =
        revisions.iter().position(|(slot, next)| *slot == key.slot && *next == key.revision.saturating_add(1))
    {
        if key.revision == 0 {
            revisions.remove(index);
        } else if let Some((_, next)) = revisions.get_mut(index) {
            *next = key.revision;
        }
    }
}
