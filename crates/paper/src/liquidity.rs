//! How much of a candle's volume one account can still get, by print and by level.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use strategy::market::{Candle, SymbolRules};
use strategy::money::{Price, Quantity};
use strategy::order::Side;

use crate::fill::Fill;
use crate::path::Print;
use crate::profile::Profile;
use crate::quote::depth_per_level;

/// The account's share of a candle's volume and what is used of it.
#[derive(Debug)]
pub(crate) struct Liquidity<'a> {
    profile: &'a Profile,
    rules: &'a SymbolRules,
    level_depth: Quantity,
    total_max: Decimal,
    total_used: Decimal,
    /// Used by resting orders, per print.
    printed: BTreeMap<usize, Decimal>,
    /// Used by taking orders, per print, level and whether the level was bought from.
    walked: BTreeMap<(usize, Price, bool), Decimal>,
}

impl<'a> Liquidity<'a> {
    /// `already` are the account's fills in this candle that are stored from an attempt that broke off.
    pub(crate) fn new(profile: &'a Profile, rules: &'a SymbolRules, candle: &Candle, already: &[Fill]) -> Self {
        let mut liquidity = Self {
            profile,
            rules,
            level_depth: depth_per_level(candle.volume, profile, rules),
            total_max: candle.volume.decimal() * profile.volume_share,
            total_used: Decimal::ZERO,
            printed: BTreeMap::new(),
            walked: BTreeMap::new(),
        };
        for fill in already.iter().filter(|fill| fill.candle == candle.open_time) {
            if fill.maker {
                liquidity.use_print(fill.print, fill.quantity);
            } else {
                liquidity.use_level(fill.print, fill.side, fill.price, fill.quantity);
            }
        }
        liquidity
    }
    /// What a resting order can still get of this print, in whole lots.
    pub(crate) fn of_print(&self, print: &Print) -> Quantity {
        let used = self.printed.get(&print.index).copied().unwrap_or_default();
        self.lots(print.volume * self.profile.volume_share - used)
    }
    /// What a taking order can still get of this level, in whole lots.
    pub(crate) fn of_level(&self, print: usize, side: Side, level: Price) -> Quantity {
        let used = self.walked.get(&(print, level, side == Side::Buy)).copied().unwrap_or_default();
        self.lots(self.level_depth.decimal() - used)
    }
    /// What is left of the account's share of the candle as a whole.
    pub(crate) fn of_all(&self) -> Quantity {
        self.lots(self.total_max)
    }
    pub(crate) fn use_print(&mut self, print: usize, quantity: Quantity) {
        *self.printed.entry(print).or_default() += quantity.decimal();
        self.total_used += quantity.decimal();
    }
    pub(crate) fn use_level(&mut self, print: usize, side: Side, level: Price, quantity: Quantity) {
        *self.walked.entry((print, level, side == Side::Buy)).or_default() += quantity.decimal();
        self.total_used += quantity.decimal();
    }
    /// Whole lots of `units`, and of what is left of the candle's share as a whole.
    fn lots(&self, units: Decimal) -> Quantity {
        let left = units.min(self.total_max - self.total_used);
        Quantity::admit(left).unwrap_or(Quantity::ZERO).floor_to_lot(self.rules.lot)
    }
}
