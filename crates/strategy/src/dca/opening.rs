//! Phase `Opening`: the base order is out.
//!
//! A limit base order rests until it is filled or the owner cancels the deal. When a part of it was filled and the market
//! then trades above it, the price has left: the remainder is cancelled and the deal opens with what was bought, so that
//! no holding stays without a take profit.

use super::draft::{Draft, Intended};
use crate::deal::{Outcome, OwnerWish, Phase};
use crate::order::{OrderState, Role, Side, Slot};

const BASE: Slot = Slot::of(Role::Base);

impl Draft<'_> {
    pub(super) fn open(&mut self) {
        if let Some(index) = self.live(BASE) {
            if self.deal.wish == OwnerWish::Close {
                self.cancel(index, "the owner closes the deal.");
            } else if self.is_left(index) {
                self.cancel(index, "the price left after a part was filled; the deal opens with that part.");
            }
            return;
        }
        let base = self.deal.booked.base;
        if !base.quantity.is_zero() {
            let average = base.cost().per(base.received()).map_or_else(String::new, |p| format!(" at {p} with fee"));
            self.tell("deal_opened", format!("The deal is open: {} bought{average}.", base.quantity));
            self.deal.phase = Phase::Open;
        } else if self.deal.wish == OwnerWish::Close {
            self.close(Outcome::Cancelled, "The deal ended before anything was bought.");
        } else if self.deal.entries_stopped {
            self.close(Outcome::Failed, "Trading was stopped before anything was bought.");
        } else if self.absent.iter().any(|key| key.slot == BASE) && !self.halted() {
            // The same order under the next attempt: size and price stay what funds were reserved for.
            if let Some(order) = self.base_order() {
                self.place(order);
            }
        } else {
            self.close(Outcome::Failed, "The base order could not be placed; nothing was bought.");
        }
    }

    pub(super) fn base_order(&self) -> Option<Intended> {
        let row = super::plan(self.config, self.deal.rules, self.deal.fees, self.deal.start_price)?.base;
        Some(Intended {
            slot: BASE,
            side: Side::Buy,
            kind: row.kind,
            quantity: row.quantity,
            reference_price: row.price,
            reason: format!("Base order: buy {} for about {}.", row.quantity, row.price * row.quantity),
        })
    }

    /// Whether a resting buy was partly filled and the market has since traded above it.
    pub(super) fn is_left(&self, index: usize) -> bool {
        let Some(left) = self.leaves_at(index) else { return false };
        self.traded_since_fill(|_, high| high >= left)
    }
    /// The price at which a partly filled resting buy counts as left: one tick above it.
    pub(super) fn leaves_at(&self, index: usize) -> Option<crate::money::Price> {
        let known = self.known.get(index)?;
        let resting = known.state == OrderState::Open && known.side == Side::Buy;
        let part = !known.filled.quantity.is_zero() && known.filled.quantity < known.quantity;
        let price = known.kind.resting_price().filter(|_| resting && part)?;
        crate::money::Price::admit(price.decimal().checked_add(self.deal.rules.tick.decimal())?).ok()
    }
}
