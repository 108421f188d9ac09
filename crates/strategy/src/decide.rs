//! The one decision function, for live, paper and backtest.

use serde::{Deserialize, Serialize};

use crate::config::Strategy;
use crate::deal::Deal;
use crate::id::{BotId, ClientOrderId, DealId};
use crate::market::{Fees, MarketTime, MarketView, Pair, SymbolRules};
use crate::money::Amount;
use crate::order::{KnownOrder, OrderKey, PlannedOrder, Role};
use crate::wake::Wakes;

/// What the signer is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Place this order.
    Place(PlannedOrder),
    /// `number` counts the cancels asked for this order, from 1; together with the order it names the intent.
    Cancel {
        /// The order's name at the exchange.
        client_order_id: ClientOrderId,
        /// The order's place in the deal.
        key: OrderKey,
        /// Which cancel of this order, from 1.
        number: u32,
        /// Why, in a sentence for the owner.
        reason: String,
    },
}

/// One line of a deal's timeline: what happened or was decided, and why, in the owner's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Market time of the decision.
    pub at: MarketTime,
    /// Stable word for programs, such as `averaging_filled`.
    pub code: String,
    /// The sentence for the owner.
    pub text: String,
}

/// The outcome of one decision. Applying it twice is the same as once: the next `decide` finds the orders proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The deal's next state.
    pub deal: Deal,
    /// What is missing, in the order in which it must be done.
    pub actions: Vec<Action>,
    /// When the deal can next matter.
    pub wakes: Wakes,
    /// What was decided and why; empty when nothing changed.
    pub timeline: Vec<TimelineEntry>,
    /// The bot must stop: a stop loss with `then: stop_bot`.
    pub stop_bot: bool,
}

/// Decides. Pure and idempotent over (deal, known orders including proposed ones); returns only what is missing.
///
/// `orders` holds the recorded state of every order in `deal.working`; an order that is missing there counts as
/// proposed a moment ago. An order that is recorded but unknown to the deal is taken over when the same decision names it
/// again. A cancel is asked for once as long as the order's `cancel_pending` stays true.
pub fn decide(bot: BotId, deal: &Deal, orders: &[KnownOrder], market: &MarketView<'_>) -> Decision {
    match &deal.strategy {
        Strategy::Dca(config) => crate::dca::decide_dca(bot, config, deal, orders, market),
    }
}

/// What a new deal is started with.
#[derive(Debug, Clone, Copy)]
pub struct StartDeal<'a> {
    /// The bot that starts it.
    pub bot: BotId,
    /// The new deal's name.
    pub deal: DealId,
    /// What is traded.
    pub pair: &'a Pair,
    /// The exchange's rules now.
    pub rules: SymbolRules,
    /// The account's fees now.
    pub fees: Fees,
}

/// Why no deal was started. Nothing was planned; the bot may try again when the cause is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartRefused {
    /// The symbol does not trade.
    #[error("the market is halted; a deal starts when it trades again")]
    MarketHalted,
    /// The price is below one tick, or an order would have no quantity.
    #[error("at this price the amounts buy less than one lot; raise them")]
    PriceTooSmall,
    /// An order of the plan is under the exchange's minimum. Never raised silently.
    #[error("{role} order {level} would be worth {value}; the smallest that the exchange takes is {smallest}")]
    BelowMinimum {
        /// Which order.
        role: Role,
        /// Its level.
        level: u16,
        /// What it would be worth, in quote.
        value: Amount,
        /// The smallest value that would do, in quote.
        smallest: Amount,
    },
}

/// Starts a deal: its first state, with the base order proposed and funds for the whole ladder in `deal.reserved`.
///
/// Whether a deal may start (bot running, cooldown, funds, limits) is the caller's question; this checks the plan against
/// the market. Errors: [`StartRefused`].
pub fn start_deal(
    strategy: &Strategy,
    start: StartDeal<'_>,
    market: &MarketView<'_>,
) -> Result<Decision, StartRefused> {
    match strategy {
        Strategy::Dca(config) => crate::dca::start_dca(config, start, market),
    }
}
