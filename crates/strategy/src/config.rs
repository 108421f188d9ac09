//! What an owner may set. Texts become these types at the door; an impossible configuration cannot be built.

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Factor, Percent};

pub mod form;
mod parse;

pub use form::{BotForm, BotSettings, DcaForm, StartWhen};

/// The kinds of bot. Each kind decides in its own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Strategy {
    /// Buys in steps below a base order, sells the whole with profit.
    Dca(DcaConfig),
}

/// Long buys first and sells later. Short is not there yet and is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Buys first, sells later.
    Long,
}

/// How the base order enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryType {
    /// At once, at the market's price.
    Market,
    /// Rests at the last price, rounded down to the tick.
    Limit,
}

/// What ladder and stop are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferencePrice {
    /// The base order's average price including its fee.
    FillWithFee,
    /// The base order's average price without its fee.
    Fill,
}

/// From which order the next averaging step is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderReference {
    /// Every step is a distance from the base order's price.
    Base,
    /// Every step is a distance from the order before it.
    Last,
}

/// What a stop loss is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReference {
    /// From the base order's price: does not move.
    Base,
    /// From the average of all that was bought, fees included: moves with every averaging order.
    Average,
}

/// What a take-profit percentage is a percentage of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfitOf {
    /// Of everything that was bought.
    Total,
    /// Of the base order alone.
    Base,
}

/// What a bot does after a stop loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterStop {
    /// The bot starts its next deal after the cooldown.
    KeepRunning,
    /// The bot stops.
    StopBot,
}

/// How ladder quantities meet the lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityRounding {
    /// Up to the lot: the deal costs slightly more than configured.
    Up,
    /// Down to the lot: the deal costs slightly less than configured.
    Down,
}

/// The settings of a DCA bot. Build with [`DcaConfig::parse`]; every field is within its range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DcaConfig {
    /// Which way the position goes.
    pub direction: Direction,
    /// Quote to spend on the base order.
    pub base_amount: Amount,
    /// How the base order enters.
    pub entry: EntryType,
    /// Absent: the deal never averages.
    pub averaging: Option<Averaging>,
    /// What ladder and stop are measured from.
    pub reference_price: ReferencePrice,
    /// How quantities of buys meet the lot.
    pub rounding: QuantityRounding,
    /// Where profit is taken.
    pub take_profit: TakeProfit,
    /// Where loss is cut; absent: nowhere.
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
    /// Distance of averaging order 1 from the reference, in percent; more than 0, less than 100.
    pub deviation: Percent,
    /// Multiplies each next step; 0.1 to 10.
    pub step_scale: Factor,
    /// Multiplies each next size; 0.1 to 10.
    pub volume_scale: Factor,
    /// What a step is measured from.
    pub reference: LadderReference,
}

/// Where profit is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeProfit {
    /// Profit net of both fees, in percent; more than 0.
    pub pct: Percent,
    /// Of what.
    pub of: ProfitOf,
}

/// Where loss is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss {
    /// Distance below the reference, in percent; more than 0, less than 100.
    pub pct: Percent,
    /// What it is measured from.
    pub reference: StopReference,
    /// What the bot does afterwards.
    pub then: AfterStop,
}

/// One thing wrong with a configuration, at a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault {
    /// RFC 6901 pointer into the form.
    pub pointer: String,
    /// Stable: `required`, `not_a_string`, `not_a_number`, `not_whole`, `out_of_range`, `unknown_value`,
    /// `not_supported_yet` or `ladder_too_expensive`.
    pub code: &'static str,
    /// What to do, in a sentence.
    pub detail: String,
}
