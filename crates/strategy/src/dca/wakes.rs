//! When the deal can next matter, read off its resting orders, its stop and its waits.

use super::draft::Draft;
use crate::deal::{OwnerWish, Phase};
use crate::id::ClientOrderId;
use crate::money::Price;
use crate::order::{OrderKind, OrderState, Side};
use crate::wake::{PriceWake, Wakes};

impl Draft<'_> {
    pub(super) fn wakes(&self) -> Wakes {
        let own_stop = if self.deal.phase == Phase::Open && self.deal.wish == OwnerWish::None {
            self.stop_trigger()
        } else {
            None
        };
        // While something is still filling, the deal must also see the price leave it.
        let leaves = (0..self.known.len()).filter_map(|index| self.leaves_at(index)).min();
        let mut below = self.resting(Side::Buy);
        below.sort_by_key(|(_, price)| std::cmp::Reverse(*price));
        let mut above = self.resting(Side::Sell);
        above.extend(self.waiting_at_market());
        above.sort_by_key(|(_, price)| *price);
        let nearest_below = below.first().map(|(_, price)| *price).into_iter().chain(own_stop).max();
        let nearest_above = above.first().map(|(_, price)| *price).into_iter().chain(leaves).min();
        let wake = |price: Option<Price>, decide, resting| price.map(|price| PriceWake { price, decide, resting });
        let retries = self.deal.setbacks.iter().filter_map(|setback| setback.retry_at);
        let halt = self.halted().then(|| self.halt_ends());
        Wakes {
            below: wake(nearest_below, own_stop.is_some(), below),
            above: wake(nearest_above, leaves.is_some(), above),
            at: retries.filter(|at| *at > self.market.now).chain(halt).min(),
        }
    }

    /// Market orders that the exchange took and has not filled yet: they fill at the next trade, whatever its price, so
    /// any candle is a reason to ask. One tick is the price that every candle is above.
    fn waiting_at_market(&self) -> impl Iterator<Item = (ClientOrderId, Price)> {
        let any_price = Price::admit(self.deal.rules.tick.decimal()).ok();
        let open = self.known.iter().filter(|known| known.state == OrderState::Open && known.kind == OrderKind::Market);
        open.filter_map(move |known| Some((known.client_order_id.clone(), any_price?)))
    }

    fn resting(&self, side: Side) -> Vec<(ClientOrderId, Price)> {
        let rest = self.known.iter().filter(|known| known.state == OrderState::Open && known.side == side);
        rest.filter_map(|known| Some((known.client_order_id.clone(), known.kind.resting_price()?))).collect()
    }
}
