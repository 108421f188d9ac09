//! Cuts a decision to what one transaction holds. What is cut off is not in the deal either, so the next decision, due at
//! once, finds it missing and asks for it.

use strategy::decide::{Action, Decision};
use store::transaction::commit_decision::INTENTS_MAX;

/// Cuts the tail of the actions; answers how many were cut.
pub fn fit(decision: &mut Decision) -> usize {
    if decision.actions.len() <= INTENTS_MAX { return 0; }
    let cut = decision.actions.split_off(INTENTS_MAX);
    for action in &cut {
        match action {
            Action::Place(order) => {
                decision.deal.working.retain(|working| working.key != order.key);
                let told = decision.timeline.iter().rposition(|line| line.code == "order_placed" && line.text == order.reason);
                if let Some(index) = told { decision.timeline.remove(index); }
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
