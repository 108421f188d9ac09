//! One deal: its configuration snapshot, what was filled, and which orders are still out.

use serde::{Deserialize, Serialize};

use crate::config::Strategy;
use crate::id::DealId;
use crate::market::{Fees, MarketTime, Pair, SymbolRules};
use crate::money::{Amount, Price, Quantity};
use crate::order::{Filled, OrderKey, OrderKind, Side};
use crate::money::Quantity as Q;

/// Where a deal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// The base order is out.
    Opening,
    /// Something is held; ladder and take profit are out.
    Open,
    /// Leaving at market: resting orders are cancelled first, then what is held is sold.
    Exiting { why: ExitReason },
    /// Nothing is out and nothing (but dust) is held. Final.
    Closed { at: MarketTime, how: Outcome },
}

/// Why a deal leaves at market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason { StopLoss, OwnerCloses }

/// How a deal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    TakeProfit, StopLoss, ClosedByOwner,
    /// Orders cancelled, coins kept.
    Cancelled,
    /// The base order could not be placed; nothing was bought.
    Failed,
}

/// What the owner asked of an open deal and `decide` must carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerWish { None, Close, Cancel }

/// An order of this deal that is not settled yet. The trader reads exactly these before deciding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOrder {
    pub key: OrderKey,
    pub side: Side,
    #[serde(flatten)]
    pub kind: OrderKind,
    pub quantity: Q,
    /// Cancels asked for so far; the latest one may still be under way.
    pub cancels: u32,
}

/// Sums of what settled orders executed, and of what working orders executed when last booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    pub bought: Filled,
    pub sold: Filled,
    /// The base order alone, for references.
    pub base: Filled,
}

/// One deal. `decide` takes it and returns its next state; nothing else changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    pub id: DealId,
    pub pair: Pair,
    /// Snapshot at the start: edits of the bot change future deals only.
    pub strategy: Strategy,
    pub rules: SymbolRules,
    pub fees: Fees,
    #[serde(flatten)]
    pub phase: Phase,
    pub wish: OwnerWish,
    /// Sums over orders that have settled and left `working`.
    pub booked: Booked,
    pub working: Vec<WorkingOrder>,
    /// Averaging levels that are done (filled, or given up with a reason), lowest first.
    pub levels_done: Vec<u16>,
    /// Next free revision per slot that was ever used.
    pub revisions: Vec<(crate::order::Slot, u32)>,
    /// Close of the last candle given to `decide`.
    pub decided_until: MarketTime,
    pub started_at: MarketTime,
    /// The price the base order was planned at.
    pub start_price: Price,
    /// Quote set aside for this deal, from the rounded quantities.
    pub reserved: Amount,
    /// Held quantity below the lot at the end: reported, not lost.
    pub dust: Quantity,
}
