//! The DCA bot: a base order, a ladder of averaging orders below it, one take profit over the whole, a stop.
//!
//! A decision runs through fixed steps on a [`draft::Draft`] of the deal: settle what ended, then act by phase, then say
//! when to wake. Each step only adds what is missing, so a decision repeated finds nothing to do.
//! Never reads anything but its arguments, and never counts an unknown order as failed.

use crate::config::DcaConfig;
use crate::deal::{Deal, ExitReason, OwnerWish, Phase};
use crate::decide::Decision;
use crate::id::BotId;
use crate::market::MarketView;
use crate::order::KnownOrder;
use draft::Draft;

mod draft;
mod exit;
mod ladder_orders;
mod opening;
mod plan;
mod settle;
mod start;
mod stop;
mod take_profit;
mod wakes;

pub(crate) use plan::{Plan, plan, planned_rung};
pub(crate) use start::start_dca;

/// See [`crate::decide::decide`].
pub(crate) fn decide_dca(
    bot: BotId,
    config: &DcaConfig,
    deal: &Deal,
    orders: &[KnownOrder],
    market: &MarketView<'_>,
) -> Decision {
    let mut draft = Draft::new(bot, config, deal, orders, market);
    if deal.is_closed() {
        return draft.finish();
    }
    draft.settle();
    if draft.deal.fenced {
        return draft.finish();
    }
    if draft.deal.wish == OwnerWish::Cancel {
        draft.leave_with_coins();
        return draft.finish();
    }
    if draft.deal.entries_stopped {
        draft.cancel_entries("trading is stopped.");
    }
    if draft.deal.phase == Phase::Opening {
        draft.open();
    }
    if draft.deal.phase == Phase::Open {
        draft.keep_open();
    }
    if let Phase::Exiting { why } = draft.deal.phase {
        draft.exit(why);
    }
    draft.finish()
}

impl Draft<'_> {
    /// Phase `Open`: leave if it is time, else keep take profit and ladder as they should be.
    fn keep_open(&mut self) {
        if self.target_reached() {
            self.finish_after_take_profit();
            return;
        }
        if self.deal.wish == OwnerWish::Close {
            self.begin_exit(ExitReason::OwnerCloses, "The owner closes the deal at market.".to_owned());
            return;
        }
        if let Some(reason) = self.stop_hit() {
            self.begin_exit(ExitReason::StopLoss, reason);
            return;
        }
        // The ladder goes on only behind a take profit that covers what is held (DCA-1: cancel, wait, place, averaging).
        if self.keep_take_profit() {
            self.keep_ladder();
        }
    }
}
