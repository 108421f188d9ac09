//! Turns what was decided into intents for the signer.

use account::WallTime;
use store::entity::bot::Bot;
use store::entity::intent::{Ask, Intent, IntentState, cancel_key, place_key};
use strategy::decide::Action;
use strategy::id::DealId;

/// One PROPOSED intent per action, under the bot's present run and epoch.
pub fn intents(bot: &Bot, deal: DealId, actions: &[Action], now: WallTime) -> Vec<Intent> {
    actions
        .iter()
        .map(|action| {
            let (key, ask) = match action {
                Action::Place(order) => (place_key(bot.id, &order.client_order_id), Ask::Place(order.clone())),
                Action::Cancel { client_order_id, number, .. } => (
                    cancel_key(bot.id, client_order_id, *number),
                    Ask::Cancel { order: client_order_id.clone(), number: *number },
                ),
            };
            Intent {
                key,
                ask,
                state: IntentState::Proposed,
                user: bot.user,
                connection: bot.connection,
                exchange: bot.exchange.clone(),
                bot: Some(bot.id),
                deal: Some(deal),
                pair: Some(bot.pair.clone()),
                run: bot.run,
                epoch: bot.epoch,
                proposed_at: now,
                authorised_at: None,
                why: None,
            }
        })
        .collect()
}
