//! Books orders that ended: they leave `working`, their sums go to `booked`, and their slot learns why they ended.

use super::draft::{Draft, name};
use crate::deal::WorkingOrder;
use crate::order::{KnownOrder, OrderState, Role, Side, Slot};

impl Draft<'_> {
    /// Moves every order in a final state out of `working`. Each is told once, since it is gone afterwards.
    pub(super) fn settle(&mut self) {
        let working = std::mem::take(&mut self.deal.working);
        let known = std::mem::take(&mut self.known);
        let (ended, rest): (Vec<_>, Vec<_>) =
            working.into_iter().zip(known).partition(|(_, known)| known.state.is_final());
        (self.deal.working, self.known) = rest.into_iter().unzip();
        for (working, known) in ended {
            self.book(&known);
            self.follow_up(&working, &known);
        }
    }

    fn book(&mut self, known: &KnownOrder) {
        let booked = &mut self.deal.booked;
        match known.side {
            Side::Buy => booked.bought = booked.bought.plus(known.filled),
            Side::Sell => booked.sold = booked.sold.plus(known.filled),
        }
        if known.key.slot.role == Role::Base {
            booked.base = booked.base.plus(known.filled);
        }
    }

    fn follow_up(&mut self, working: &WorkingOrder, known: &KnownOrder) {
        let slot = known.key.slot;
        let order = capital(&name(slot));
        let reason = known.refusal.as_deref().map_or_else(|| "no reason given".to_owned(), str::to_owned);
        let filled = known.filled.quantity;
        match known.state {
            // Not final; `settle` never passes them.
            OrderState::Proposed | OrderState::Authorised | OrderState::Unknown | OrderState::Open => {}
            OrderState::Filled => {
                let price = known.filled.value.per(filled).map_or_else(String::new, |price| format!(" at {price}"));
                self.tell(&format!("{}_filled", slot.role), format!("{order} was filled: {filled}{price}."));
                self.clear_setback(slot);
                if slot.role == Role::Averaging {
                    self.level_done(slot.level);
                    self.clear_setback(Slot::averaging(0));
                }
            }
            OrderState::Cancelled if working.cancels > 0 => {
                self.tell(
                    "order_cancelled",
                    format!("{order} was cancelled as asked; {filled} of it had been filled."),
                );
                self.clear_setback(slot);
                self.keep_early(slot, known);
            }
            OrderState::Cancelled => {
                self.tell(
                    "order_cancelled_elsewhere",
                    format!("{order} was cancelled outside of this bot; {filled} of it had been filled."),
                );
                self.ended_early(slot, known);
            }
            OrderState::ExpiredAtExchange => {
                self.tell(
                    "order_ended_by_exchange",
                    format!("The exchange ended {} after {filled} of {} was filled.", name(slot), known.quantity),
                );
                self.ended_early(slot, known);
            }
            OrderState::Rejected => {
                self.tell("order_rejected", format!("The exchange rejected {}: {reason}.", name(slot)));
                self.refused(slot, true);
            }
            OrderState::Refused => {
                self.tell("order_refused", format!("{order} was not sent: {reason}."));
                self.refused(slot, false);
            }
            OrderState::Expired => {
                self.tell("order_expired", format!("{order} was not sent in time; it may be placed again."));
                self.absent.push(known.key);
            }
            OrderState::Absent => {
                self.tell("order_absent", format!("{order} never reached the exchange; it may be placed again."));
                self.absent.push(known.key);
            }
            OrderState::Fenced => {
                self.deal.fenced = true;
                self.tell(
                    "fenced",
                    format!("{order} was cut off because the exchange key was removed; this deal does nothing more."),
                );
            }
        }
    }

    fn ended_early(&mut self, slot: Slot, known: &KnownOrder) {
        match (slot.role, known.state) {
            // Somebody cancelled it on purpose: the bot does not fight that.
            (Role::Averaging, OrderState::Cancelled) => self.level_done(slot.level),
            (Role::Base, _) => {}
            _ => {
                self.keep_early(slot, known);
                // A partly filled order made progress: its remainder follows at once.
                if known.filled.quantity.is_zero() {
                    self.set_back(slot);
                }
            }
        }
    }
    /// Remembers what a level has already bought, so that only the remainder is placed again.
    fn keep_early(&mut self, slot: Slot, known: &KnownOrder) {
        if slot.role != Role::Averaging || known.filled.quantity.is_zero() {
            return;
        }
        match self.deal.early.iter_mut().find(|(early, _)| *early == slot) {
            Some((_, quantity)) => *quantity = *quantity + known.filled.quantity,
            None => self.deal.early.push((slot, known.filled.quantity)),
        }
    }
    /// Rejected by the exchange: an averaging level is given up. Refused by a guard: it may be tried again later.
    fn refused(&mut self, slot: Slot, by_exchange: bool) {
        if slot.role == Role::Averaging {
            if by_exchange {
                self.level_done(slot.level);
                self.tell("averaging_given_up", format!("Averaging order {} is given up.", slot.level));
            }
            self.set_back(Slot::averaging(0));
        } else if slot.role != Role::Base {
            let seconds = self.set_back(slot);
            self.tell("retry_later", format!("{} is tried again in {} min.", capital(&name(slot)), seconds / 60));
        }
    }
    pub(super) fn level_done(&mut self, level: u16) {
        if let Err(place) = self.deal.levels_done.binary_search(&level) {
            self.deal.levels_done.insert(place, level);
        }
        self.deal.early.retain(|(slot, _)| *slot != Slot::averaging(level));
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
