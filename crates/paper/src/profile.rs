//! How realistic the fills are: fees, spread, delay and the share of the traded volume one account gets.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy::market::Candle;
use strategy::money::Percent;

use crate::path::PRINTS;

/// When a resting order fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillRule {
    /// Only when a later trade prints beyond its price: a buy at P below P, a sell at P above P.
    Through,
}

/// The assumptions under which orders fill. Named next to every result, since the result depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What it is called in reports.
    pub name: String,
    /// Fee of a resting order, on the asset received.
    pub maker: Percent,
    /// Fee of an order that takes, on the asset received.
    pub taker: Percent,
    /// Distance of bid and ask from the last trade, in price ticks.
    pub half_spread_ticks: u32,
    /// Time from the request to the order's arrival in the book, in milliseconds of market time.
    pub latency_ms: u32,
    /// The part of a candle's volume that one account can get, between 0 and 1.
    pub volume_share: Decimal,
    /// Price levels over which the depth on each side is spread, one tick apart.
    pub levels: u32,
    /// How far beyond the last quote a market order may run; what is locked for it covers so much, if there is as much.
    pub market_collar: Percent,
    /// When resting orders fill.
    pub rule: FillRule,
}

impl Profile {
    /// The profile `default`: maker and taker 0.1 %, half spread 1 tick, no latency, volume share 0.1, through rule.
    ///
    /// Ten levels and a collar of 5 % are our choice: the depth of one level is then 1 % of the candle's volume, and no
    /// market order of a bot walks further than the signer's hard price band.
    pub fn standard() -> Self {
        Self {
            name: "default".into(),
            maker: percent(Decimal::new(1, 1)),
            taker: percent(Decimal::new(1, 1)),
            half_spread_ticks: 1,
            latency_ms: 0,
            volume_share: Decimal::new(1, 1),
            levels: 10,
            market_collar: percent(Decimal::from(5)),
            rule: FillRule::Through,
        }
    }
    /// The print of the candle's path at which orders sent before the candle arrive.
    pub(crate) fn arrival_print(&self, candle: &Candle) -> usize {
        let last = PRINTS as i64 - 1;
        let duration = candle.close_time.ms().saturating_sub(candle.open_time.ms()).max(1);
        let late = i64::from(self.latency_ms).saturating_mul(PRINTS as i64);
        usize::try_from(late.saturating_add(duration - 1).saturating_div(duration).min(last)).unwrap_or(0)
    }
}

fn percent(value: Decimal) -> Percent {
    Percent::admit(value).unwrap_or(Percent::ZERO)
}
