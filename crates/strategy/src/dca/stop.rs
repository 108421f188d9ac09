//! The software stop: when the market has traded at or below it since the latest fill.

use super::draft::Draft;
use crate::config::StopReference;
use crate::figures;
use crate::formula;
use crate::money::Price;

impl Draft<'_> {
    /// `SL = reference * (1 - sl/100)`, rounded towards the market (up). `None` without a stop or a position.
    pub(super) fn stop_trigger(&self) -> Option<Price> {
        let stop = self.config.stop_loss.as_ref()?;
        let reference = match stop.reference {
            StopReference::Base => figures::reference(self.deal.booked.base, self.config.reference_price)?,
            StopReference::Average => {
                let (bought, _) = self.executed();
                bought.cost().per(bought.received())?
            }
        };
        formula::stop_trigger(reference, stop.pct, self.deal.rules.tick)
    }
    /// The reason to leave, when the stop was hit. Low first: a stop inside a candle's range counts before any target.
    pub(super) fn stop_hit(&self) -> Option<String> {
        let trigger = self.stop_trigger()?;
        self.traded_since_fill(|low, _| low <= trigger)
            .then(|| format!("The market reached the stop at {trigger}: everything is sold at market."))
    }
}
