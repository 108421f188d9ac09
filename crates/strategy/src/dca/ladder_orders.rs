//! Keeps the ladder: so many averaging orders as may rest at once, lowest level first.

use super::draft::{Draft, Intended};
use crate::figures;
use crate::ladder::{self, Rung};
use crate::order::{OrderKind, Role, Side, Slot};

impl Draft<'_> {
    /// The orders of this deal's ladder that exist, measured from the base order.
    pub(super) fn rungs(&self) -> Vec<Rung> {
        let reference = figures::reference(self.deal.booked.base, self.config.reference_price);
        let rules = self.deal.rules;
        match (self.config.averaging.as_ref(), reference) {
            (Some(averaging), Some(reference)) => {
                ladder::rungs(averaging, reference, rules.tick, rules.lot, self.config.rounding)
            }
            (None, _) | (_, None) => Vec::new(),
        }
    }

    pub(super) fn keep_ladder(&mut self) {
        let Some(averaging) = self.config.averaging.as_ref() else { return };
        let live = |draft: &Self| draft.deal.working.iter().filter(|o| o.key.slot.role == Role::Averaging).count();
        // A ladder with its full number out is the common case; it costs no arithmetic.
        let room = |draft: &Self| live(draft) < usize::from(averaging.active);
        if self.deal.entries_stopped || !room(self) || self.halted() || self.waits(Slot::averaging(0)) {
            return;
        }
        for rung in self.rungs() {
            let slot = Slot::averaging(rung.level());
            if !room(self) || self.waits(slot) {
                return;
            }
            if self.live(slot).is_some() || self.deal.levels_done.binary_search(&rung.level()).is_ok() {
                continue;
            }
            self.place_averaging(slot, &rung);
        }
    }

    fn place_averaging(&mut self, slot: Slot, rung: &Rung) {
        let early = self.deal.early.iter().find(|(early, _)| *early == slot).map(|(_, quantity)| *quantity);
        let quantity = early.map_or(rung.quantity, |early| rung.quantity.less(early).floor_to_lot(self.deal.rules.lot));
        let value = rung.price * quantity;
        let least = self.deal.rules.notional_min;
        if quantity.is_zero() || value < least {
            // Never raised silently: that would change the owner's risk.
            let smallest = ladder::smallest_value(rung.price, self.deal.rules.lot, least);
            let what = if early.is_some() { "The remainder of averaging order" } else { "Averaging order" };
            self.tell(
                "below_minimum",
                format!(
                    "{what} {} would be worth {value}, less than the exchange's minimum of {least}; it is left out. {smallest} would do.",
                    slot.level
                ),
            );
            self.level_done(slot.level);
            return;
        }
        self.place(Intended {
            slot,
            side: Side::Buy,
            kind: OrderKind::Limit { price: rung.price },
            quantity,
            reference_price: rung.price,
            reason: format!(
                "Averaging order {}: buy {quantity} at {}, {} % below the reference.",
                slot.level,
                rung.price,
                rung.step.cumulative.normalize()
            ),
        });
    }
}
