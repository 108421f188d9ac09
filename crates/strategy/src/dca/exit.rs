//! Leaving: cancel what rests, wait until everything is final, then sell what is held or keep it.

use super::draft::{Draft, Intended};
use crate::deal::{ExitReason, Outcome, Phase};
use crate::money::Quantity;
use crate::order::{OrderKind, Role, Side, Slot};

impl Draft<'_> {
    /// Phase `Exiting`. The sale is sized from what is known to be held once no order is out, so it never exceeds it.
    pub(super) fn exit(&mut self, why: ExitReason) {
        self.cancel_all("the deal leaves at market.");
        if !self.deal.working.is_empty() {
            return;
        }
        let (role, how) = match why {
            ExitReason::StopLoss => (Role::StopLoss, Outcome::StopLoss),
            ExitReason::OwnerCloses => (Role::Close, Outcome::ClosedByOwner),
        };
        let slot = Slot::of(role);
        let quantity = self.held().floor_to_lot(self.deal.rules.lot);
        let sale_tried = self.next_revision(slot) > 0;
        if quantity.is_zero() || self.market.last * quantity < self.deal.rules.notional_min {
            // The take profit was quicker than the exit: it is what ended the deal.
            let by_target = !sale_tried && !self.deal.booked.sold.quantity.is_zero();
            let how = if by_target { Outcome::TakeProfit } else { how };
            self.close(how, "Nothing is left that could be sold.");
            return;
        }
        if self.halted() || self.waits(slot) {
            return;
        }
        let reason = match why {
            ExitReason::StopLoss => format!("Stop loss: sell {quantity} at market."),
            ExitReason::OwnerCloses => format!("Close: sell {quantity} at market."),
        };
        let reference_price = self.market.last;
        self.place(Intended { slot, side: Side::Sell, kind: OrderKind::Market, quantity, reference_price, reason });
    }

    /// The owner cancels: orders are cancelled, coins are kept. Also ends an exit that has not sold yet.
    pub(super) fn leave_with_coins(&mut self) {
        self.cancel_all("the owner cancels the deal and keeps the coins.");
        if !self.deal.working.is_empty() {
            return;
        }
        let held = self.held();
        if held.floor_to_lot(self.deal.rules.lot).is_zero() && !self.deal.booked.sold.quantity.is_zero() {
            // A sale was quicker than the owner: nothing is left to keep.
            let tried = |role: Role| self.next_revision(Slot::of(role)) > 0;
            let how = match (tried(Role::StopLoss), tried(Role::Close)) {
                (true, _) => Outcome::StopLoss,
                (false, true) => Outcome::ClosedByOwner,
                (false, false) => Outcome::TakeProfit,
            };
            self.close(how, "Everything was sold before the deal could be cancelled.");
            return;
        }
        self.deal.phase = Phase::Closed { at: self.market.now, how: Outcome::Cancelled };
        self.tell("deal_closed", format!("The deal was cancelled; {held} is kept."));
    }

    /// Ends the deal; what could not be sold is reported as dust.
    pub(super) fn close(&mut self, how: Outcome, reason: &str) {
        let dust = self.held();
        self.deal.dust = dust;
        self.deal.phase = Phase::Closed { at: self.market.now, how };
        let rest = if dust > Quantity::ZERO { format!(" {dust} is left as dust.") } else { String::new() };
        self.tell("deal_closed", format!("{reason} The deal is closed.{rest}"));
    }
}
