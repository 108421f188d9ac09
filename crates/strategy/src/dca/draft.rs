//! The deal while a decision is being taken: its next state, and the actions and timeline so far.

use crate::config::{AfterStop, DcaConfig};
use crate::deal::{Deal, ExitReason, Phase, Setback, WorkingOrder};
use crate::decide::{Action, Decision, TimelineEntry};
use crate::figures;
use crate::id::{BotId, ClientOrderId};
use crate::market::{Candle, MarketTime, MarketView, SymbolStatus};
use crate::money::{Price, Quantity};
use crate::order::{Filled, KnownOrder, OrderKey, OrderKind, OrderState, PlannedOrder, Role, Side, Slot};
use crate::wake::Wakes;

/// Cancels of one order that may follow each other at once; later ones wait like every setback.
const CANCELS_AT_ONCE_MAX: u32 = 3;
/// Market seconds that a setback waits at most: an exit is tried at least hourly.
const SETBACK_S_MAX: u64 = 3600;
/// Market seconds until a halted symbol is looked at again.
const HALT_S: u64 = 60;

/// An order that is about to be placed.
pub(super) struct Intended {
    pub(super) slot: Slot,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) quantity: Quantity,
    pub(super) reference_price: Price,
    pub(super) reason: String,
}

pub(super) struct Draft<'a> {
    pub(super) bot: BotId,
    pub(super) config: &'a DcaConfig,
    pub(super) deal: Deal,
    pub(super) market: &'a MarketView<'a>,
    /// Candles that no earlier decision has seen, oldest first.
    pub(super) candles: &'a [Candle],
    /// Recorded states, beside `deal.working` (same order).
    pub(super) known: Vec<KnownOrder>,
    /// Everything that was recorded, also what `deal.working` does not know yet.
    recorded: &'a [KnownOrder],
    /// Placements proven absent or never authorised, seen in this decision: their slots take the next attempt.
    pub(super) absent: Vec<OrderKey>,
    actions: Vec<Action>,
    timeline: Vec<TimelineEntry>,
    stop_bot: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        bot: BotId,
        config: &'a DcaConfig,
        deal: &Deal,
        recorded: &'a [KnownOrder],
        market: &'a MarketView<'a>,
    ) -> Self {
        let seen = market.candles.iter().take_while(|candle| candle.close_time <= deal.decided_until).count();
        let known = deal.working.iter().map(|working| recorded_or_proposed(bot, deal, working, recorded)).collect();
        let mut deal = deal.clone();
        deal.decided_until = deal.decided_until.max(market.now);
        Self {
            bot,
            config,
            deal,
            market,
            candles: market.candles.get(seen..).unwrap_or_default(),
            known,
            recorded,
            absent: Vec::new(),
            actions: Vec::new(),
            timeline: Vec::new(),
            stop_bot: false,
        }
    }

    pub(super) fn finish(self) -> Decision {
        let wakes = if self.deal.is_closed() || self.deal.fenced { Wakes::NONE } else { self.wakes() };
        Decision { deal: self.deal, actions: self.actions, wakes, timeline: self.timeline, stop_bot: self.stop_bot }
    }

    pub(super) fn tell(&mut self, code: &str, text: String) {
        self.timeline.push(TimelineEntry { at: self.market.now, code: code.to_owned(), text });
    }

    /// The live order in a slot, as an index into `known` and `deal.working`.
    pub(super) fn live(&self, slot: Slot) -> Option<usize> {
        self.deal.working.iter().position(|order| order.key.slot == slot)
    }
    /// The next free revision of a slot: 0 when nothing was ever placed in it.
    pub(super) fn next_revision(&self, slot: Slot) -> u32 {
        self.deal.revisions.iter().find(|(known, _)| *known == slot).map_or(0, |(_, next)| *next)
    }
    pub(super) fn halted(&self) -> bool {
        self.market.status == SymbolStatus::Break
    }
    /// When a halted symbol is looked at again.
    pub(super) fn halt_ends(&self) -> MarketTime {
        self.market.now.plus_seconds(HALT_S)
    }

    /// Bought and sold so far, working orders included.
    pub(super) fn executed(&self) -> (Filled, Filled) {
        figures::executed(&self.deal, &self.known)
    }
    /// Base units held, net of fees in base.
    pub(super) fn held(&self) -> Quantity {
        let (bought, sold) = self.executed();
        bought.received().less(sold.given())
    }
    pub(super) fn last_fill_at(&self) -> Option<MarketTime> {
        let (bought, sold) = self.executed();
        bought.last_at.max(sold.last_at)
    }
    /// Whether the market traded at a price for which `hit` holds, since the latest fill.
    ///
    /// Of the candle that holds the latest fill only the close counts; of later candles the whole range, given as
    /// (low, high). Candles before it do not count at all, so a lagging feed cannot cause an exit.
    pub(super) fn traded_since_fill(&self, hit: impl Fn(Price, Price) -> bool) -> bool {
        let fill = self.last_fill_at();
        let later = |time: MarketTime| fill.is_none_or(|fill| time > fill);
        let in_candles = self.candles.iter().filter(|candle| later(candle.close_time)).any(|candle| {
            if later(candle.open_time) { hit(candle.low, candle.high) } else { hit(candle.close, candle.close) }
        });
        in_candles || (later(self.market.now) && hit(self.market.last, self.market.last))
    }

    /// Places an order in a free slot: the next attempt after a proven absence, else the next revision.
    pub(super) fn place(&mut self, order: Intended) {
        let absent = self.absent.iter().position(|key| key.slot == order.slot);
        let key = match absent {
            Some(index) => {
                let key = self.absent.swap_remove(index);
                OrderKey { attempt: key.attempt.saturating_add(1), ..key }
            }
            None => OrderKey { slot: order.slot, revision: self.take_revision(order.slot), attempt: 0 },
        };
        let client_order_id = ClientOrderId::derive(self.bot, self.deal.id, key);
        // The same decision was taken before and its orders are recorded: take them over, place nothing twice (P3).
        let recorded = self.recorded.iter().find(|known| known.client_order_id == client_order_id).cloned();
        let (kind, quantity) =
            recorded.as_ref().map_or((order.kind, order.quantity), |known| (known.kind, known.quantity));
        self.deal.working.push(WorkingOrder { key, side: order.side, kind, quantity, cancels: 0 });
        if let Some(known) = recorded {
            self.known.push(known);
            return;
        }
        self.known.push(KnownOrder {
            key,
            client_order_id: client_order_id.clone(),
            side: order.side,
            kind,
            quantity,
            state: OrderState::Proposed,
            filled: Filled::ZERO,
            cancel_pending: false,
            refusal: None,
        });
        self.tell("order_placed", order.reason.clone());
        self.actions.push(Action::Place(PlannedOrder {
            client_order_id,
            key,
            side: order.side,
            kind,
            quantity,
            reference_price: order.reference_price,
            reason: order.reason,
        }));
    }
    fn take_revision(&mut self, slot: Slot) -> u32 {
        if let Some((_, next)) = self.deal.revisions.iter_mut().find(|(known, _)| *known == slot) {
            let revision = *next;
            *next = next.saturating_add(1);
            return revision;
        }
        self.deal.revisions.push((slot, 1));
        0
    }

    /// Asks to cancel a resting order. Nothing happens while it does not rest yet or a cancel is under way.
    pub(super) fn cancel(&mut self, index: usize, reason: &str) {
        let (Some(known), Some(working)) = (self.known.get(index), self.deal.working.get(index)) else { return };
        let rests = known.state == OrderState::Open && known.kind.resting_price().is_some();
        if !rests || known.cancel_pending {
            return;
        }
        let slot = working.key.slot;
        if working.cancels >= CANCELS_AT_ONCE_MAX {
            if self.waits(slot) {
                return;
            }
            self.set_back(slot);
        }
        let Some(working) = self.deal.working.get_mut(index) else { return };
        working.cancels = working.cancels.saturating_add(1);
        let (key, number) = (working.key, working.cancels);
        let Some(known) = self.known.get_mut(index) else { return };
        known.cancel_pending = true;
        let client_order_id = known.client_order_id.clone();
        self.tell("cancel_asked", format!("Cancelling {}: {reason}", name(slot)));
        self.actions.push(Action::Cancel { client_order_id, key, number, reason: reason.to_owned() });
    }
    /// Cancels what would open or enlarge the position.
    pub(super) fn cancel_entries(&mut self, reason: &str) {
        for index in 0..self.known.len() {
            if self.known.get(index).is_some_and(|known| known.key.slot.role.is_entry()) {
                self.cancel(index, reason);
            }
        }
    }
    pub(super) fn cancel_all(&mut self, reason: &str) {
        for index in 0..self.known.len() {
            self.cancel(index, reason);
        }
    }

    /// Whether a slot still waits after a setback.
    pub(super) fn waits(&self, slot: Slot) -> bool {
        self.setback(slot).and_then(|setback| setback.retry_at).is_some_and(|at| at > self.market.now)
    }
    pub(super) fn setback(&self, slot: Slot) -> Option<&Setback> {
        self.deal.setbacks.iter().find(|setback| setback.slot == slot)
    }
    /// Counts a failure and says in seconds how long the slot waits now.
    pub(super) fn set_back(&mut self, slot: Slot) -> u64 {
        let failures = self.setback(slot).map_or(0, |setback| setback.failures).saturating_add(1);
        let seconds = 60_u64.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(SETBACK_S_MAX);
        self.clear_setback(slot);
        let retry_at = Some(self.market.now.plus_seconds(seconds));
        self.deal.setbacks.push(Setback { slot, failures, retry_at });
        seconds
    }
    /// Notes once that a slot cannot be served for now; `true` the first time.
    pub(super) fn note_once(&mut self, slot: Slot) -> bool {
        if self.setback(slot).is_some() {
            return false;
        }
        self.deal.setbacks.push(Setback { slot, failures: 0, retry_at: None });
        true
    }
    pub(super) fn clear_setback(&mut self, slot: Slot) {
        self.deal.setbacks.retain(|setback| setback.slot != slot);
    }

    pub(super) fn begin_exit(&mut self, why: ExitReason, reason: String) {
        let code = match why {
            ExitReason::StopLoss => {
                let after = self.config.stop_loss.as_ref().map(|stop| stop.then);
                self.stop_bot |= after == Some(AfterStop::StopBot);
                "stop_loss_hit"
            }
            ExitReason::OwnerCloses => "owner_closes",
        };
        self.tell(code, reason);
        self.deal.phase = Phase::Exiting { why };
    }
}

/// What an order is called in the timeline.
pub(super) fn name(slot: Slot) -> String {
    match slot.role {
        Role::Base => "the base order".to_owned(),
        Role::Averaging => format!("averaging order {}", slot.level),
        Role::TakeProfit => "the take profit".to_owned(),
        Role::StopLoss => "the stop-loss sale".to_owned(),
        Role::Close => "the closing sale".to_owned(),
    }
}

/// An order that was never recorded counts as proposed a moment ago.
fn recorded_or_proposed(bot: BotId, deal: &Deal, working: &WorkingOrder, recorded: &[KnownOrder]) -> KnownOrder {
    recorded.iter().find(|known| known.key == working.key).cloned().unwrap_or_else(|| KnownOrder {
        key: working.key,
        client_order_id: ClientOrderId::derive(bot, deal.id, working.key),
        side: working.side,
        kind: working.kind,
        quantity: working.quantity,
        state: OrderState::Proposed,
        filled: Filled::ZERO,
        cancel_pending: working.cancels > 0,
        refusal: None,
    })
}
