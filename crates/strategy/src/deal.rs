//! One deal: its configuration snapshot, what was filled, and which orders are still out.

use serde::{Deserialize, Serialize};

use crate::config::Strategy;
use crate::id::DealId;
use crate::market::{Fees, MarketTime, Pair, SymbolRules};
use crate::money::{Amount, Price, Quantity};
use crate::order::{Filled, OrderKey, OrderKind, Role, Side, Slot};

/// Where a deal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// The base order is out.
    Opening,
    /// Something is held; ladder and take profit are out.
    Open,
    /// Leaving at market: resting orders are cancelled first, then what is held is sold.
    Exiting {
        /// What caused it.
        why: ExitReason,
    },
    /// Nothing is out and nothing (but dust) is held. Final.
    Closed {
        /// Market time of the decision that closed it; the cooldown starts here.
        at: MarketTime,
        /// How it ended.
        how: Outcome,
    },
}

/// Why a deal leaves at market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The stop was hit.
    StopLoss,
    /// The owner closes the deal at market.
    OwnerCloses,
}

/// How a deal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The take profit was filled.
    TakeProfit,
    /// Sold at market by the stop.
    StopLoss,
    /// Sold at market by the owner.
    ClosedByOwner,
    /// Orders cancelled, coins kept.
    Cancelled,
    /// The base order could not be placed; nothing was bought.
    Failed,
}

/// What the owner asked of an open deal and `decide` must carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerWish {
    /// Nothing; the deal runs by its settings.
    None,
    /// Sell what is held at market and end.
    Close,
    /// Cancel the orders, keep the coins and end.
    Cancel,
}

/// An order of this deal that is not settled yet. The trader reads exactly these before deciding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOrder {
    /// Which placement in which slot.
    pub key: OrderKey,
    /// Buy or sell.
    pub side: Side,
    /// How it trades.
    #[serde(flatten)]
    pub kind: OrderKind,
    /// Base units asked for.
    pub quantity: Quantity,
    /// Cancels asked for so far; the latest one may still be under way.
    pub cancels: u32,
}

/// Sums of what settled orders executed. What working orders executed is in their recorded states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// Base and averaging orders.
    pub bought: Filled,
    /// Take profit, stop loss and closing orders.
    pub sold: Filled,
    /// The base order alone, for references.
    pub base: Filled,
}

/// One deal. `decide` takes it and returns its next state; nothing else changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// Names the deal.
    pub id: DealId,
    /// What is traded.
    pub pair: Pair,
    /// Snapshot at the start: edits of the bot change future deals only.
    pub strategy: Strategy,
    /// The exchange's rules at the start.
    pub rules: SymbolRules,
    /// The account's fees at the start; what was really paid stands in the fills.
    pub fees: Fees,
    /// Where the deal is; flattened as `phase` with its data.
    #[serde(flatten)]
    pub phase: Phase,
    /// What the owner asked for.
    pub wish: OwnerWish,
    /// Sums over orders that have settled and left `working`.
    pub booked: Booked,
    /// Orders that are not settled yet, at most one per slot.
    pub working: Vec<WorkingOrder>,
    /// Averaging levels that are done (filled, or given up with a reason), lowest first.
    pub levels_done: Vec<u16>,
    /// Next free revision per slot that was ever used.
    pub revisions: Vec<(Slot, u32)>,
    /// Close of the last candle given to `decide`.
    pub decided_until: MarketTime,
    /// Market time of the decision that started it.
    pub started_at: MarketTime,
    /// The price the base order was planned at.
    pub start_price: Price,
    /// Quote set aside for this deal, from the rounded quantities.
    pub reserved: Amount,
    /// Held quantity that could not be sold at the end (below the lot or the exchange's minimum): reported, not lost.
    pub dust: Quantity,
    /// What slots executed in orders that the exchange ended early: the remainder is placed again without it.
    #[serde(default)]
    pub early: Vec<(Slot, Quantity)>,
    /// Slots in which something failed, so that it is neither repeated at every call nor told twice.
    #[serde(default)]
    pub setbacks: Vec<Setback>,
    /// An order was cut off by a fence: the deal does nothing more.
    #[serde(default)]
    pub fenced: bool,
    /// The owner's kill switch is on: no entry rests and none is placed; exits go on.
    #[serde(default)]
    pub entries_stopped: bool,
}

/// A failure in a slot. Failures in a row wait 1, 2, 4 ... 60 market minutes: often enough for an exit, too rare to
/// count as order spam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setback {
    /// Where it failed; averaging level 0 stands for the ladder as a whole.
    pub slot: Slot,
    /// Failures in a row.
    pub failures: u32,
    /// Not again before this market time; absent: as soon as it becomes possible.
    pub retry_at: Option<MarketTime>,
}

/// What a new deal starts from.
#[derive(Debug, Clone)]
pub struct DealStart {
    /// The new deal's name.
    pub id: DealId,
    /// What is traded.
    pub pair: Pair,
    /// Snapshot of the bot's settings.
    pub strategy: Strategy,
    /// The exchange's rules.
    pub rules: SymbolRules,
    /// The account's fees.
    pub fees: Fees,
    /// Market time of the start: the close of the latest closed candle.
    pub at: MarketTime,
    /// The price the base order is planned at.
    pub price: Price,
    /// Quote to set aside, from the rounded quantities.
    pub reserved: Amount,
}

impl Deal {
    /// A deal in phase `Opening` with no order out yet; [`crate::decide::start_deal`] adds the base order.
    pub fn open(start: DealStart) -> Deal {
        let nothing = Booked { bought: Filled::ZERO, sold: Filled::ZERO, base: Filled::ZERO };
        Deal {
            id: start.id,
            pair: start.pair,
            strategy: start.strategy,
            rules: start.rules,
            fees: start.fees,
            phase: Phase::Opening,
            wish: OwnerWish::None,
            booked: nothing,
            working: Vec::new(),
            levels_done: Vec::new(),
            revisions: Vec::new(),
            decided_until: start.at,
            started_at: start.at,
            start_price: start.price,
            reserved: start.reserved,
            dust: Quantity::ZERO,
            early: Vec::new(),
            setbacks: Vec::new(),
            fenced: false,
            entries_stopped: false,
        }
    }
    /// Notes where the kill switch is. Entries that it refused are due again with its release.
    pub fn stop_entries(&mut self, stopped: bool) {
        if self.entries_stopped && !stopped {
            self.setbacks.retain(|setback| setback.slot.role != Role::Averaging);
        }
        self.entries_stopped = stopped;
    }
    /// Whether the deal is over.
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }
}
