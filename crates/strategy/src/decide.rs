//! The one decision function, for live, paper and backtest.

use serde::{Deserialize, Serialize};

use crate::deal::Deal;
use crate::id::{BotId, ClientOrderId};
use crate::market::{MarketTime, MarketView};
use crate::order::{KnownOrder, OrderKey, PlannedOrder};
use crate::wake::Wakes;

/// What the signer is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    Place(PlannedOrder),
    /// `number` counts the cancels asked for this order, from 1; together with the order it names the intent.
    Cancel { client_order_id: ClientOrderId, key: OrderKey, number: u32, reason: String },
}

/// One line of a deal's timeline: what happened or was decided, and why, in the owner's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry { pub at: MarketTime, pub code: String, pub text: String }

/// The outcome of one decision. Applying it twice is the same as once: the next `decide` finds the orders proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The deal's next state.
    pub deal: Deal,
    pub actions: Vec<Action>,
    pub wakes: Wakes,
    pub timeline: Vec<TimelineEntry>,
    /// The bot must stop: a stop loss with `then: stop_bot`.
    pub stop_bot: bool,
}

/// Decides. Pure and idempotent over (deal, known orders including proposed ones); returns only what is missing.
///
/// `orders` holds the recorded state of every order in `deal.working`; an order that is missing there counts as
/// proposed a moment ago.
pub fn decide(bot: BotId, deal: &Deal, orders: &[KnownOrder], market: &MarketView<'_>) -> Decision {
    match &deal.strategy {
        crate::config::Strategy::Dca(config) => crate::dca::decide_dca(bot, config, deal, orders, market),
    }
}
