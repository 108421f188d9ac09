//! What an owner may set. Texts become these types at the door; an impossible configuration cannot be built.

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Factor, Percent, Price};

/// The kinds of bot. Each kind decides in its own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Strategy { Dca(DcaConfig) }

/// Long buys first and sells later. Short is not there yet and is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction { Long }

/// How the base order enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryType { Market, Limit }

/// What ladder and stop are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferencePrice { FillWithFee, Fill }

/// From which order the next averaging step is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderReference { Base, Last }

/// What a stop loss is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReference { Base, Average }

/// What a take-profit percentage is a percentage of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfitOf { Total, Base }

/// What a bot does after a stop loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterStop { KeepRunning, StopBot }

/// How ladder quantities meet the lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityRounding { Up, Down }

/// The settings of a DCA bot. Build with [`DcaConfig::parse`]; every field is within its range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DcaConfig {
    pub direction: Direction,
    /// Quote to spend on the base order.
    pub base_amount: Amount,
    pub entry: EntryType,
    /// Absent: the deal never averages.
    pub averaging: Option<Averaging>,
    pub reference_price: ReferencePrice,
    pub rounding: QuantityRounding,
    pub take_profit: TakeProfit,
    pub stop_loss: Option<StopLoss>,
    /// Market seconds between the end of a deal and the next.
    pub cooldown_s: u64,
    /// The bot finishes after this many deals.
    pub stop_after_deals: Option<u32>,
}

/// The averaging ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Averaging {
    /// Quote to spend on averaging order 1.
    pub amount: Amount,
    /// How many averaging orders a deal has.
    pub count: u16,
    /// How many of them rest on the exchange at once.
    pub active: u16,
    pub deviation: Percent,
    pub step_scale: Factor,
    pub volume_scale: Factor,
    pub reference: LadderReference,
}

/// Where profit is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeProfit { pub pct: Percent, pub of: ProfitOf }

/// Where loss is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss { pub pct: Percent, pub reference: StopReference, pub then: AfterStop }

/// One thing wrong with a configuration, at a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault { pub pointer: String, pub code: &'static str, pub detail: String }

/// Keeps an unused import honest until the ladder needs it.
pub type StartPrice = Price;
