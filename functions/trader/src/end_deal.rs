//! What the end of a deal, or a stop, means for its bot: counted, funds given back, next deal or the end.

use store::StoreError;
use store::entity::bot::{Bot, BotState};
use store::entity::funds::Funds;
use store::entity::wake::{Waits, Wake, WakeKind};
use strategy::config::Strategy;
use strategy::deal::{Outcome, Phase};
use strategy::decide::{Decision, TimelineEntry};
use strategy::market::MarketTime;

use crate::{Deps, wakes};

/// Market seconds after a deal that could not be opened: often enough, and no order spam.
const FAILED_WAIT_S: u64 = 300;

/// The bot as it is after the decision.
pub struct Ended {
    pub bot: Bot,
    pub funds: Option<Funds>,
    /** When it looks for its next deal. */
    pub wake: Option<Wake>,
}

/// `None` when the bot does not change.
pub async fn end_deal(
    deps: &Deps,
    bot: &Bot,
    decision: &Decision,
    now: MarketTime,
) -> Result<Option<Ended>, StoreError> {
    let mut next = bot.clone();
    next.version = bot.version + 1;
    if decision.stop_bot && bot.is_active() {
        next.state = BotState::Stopped;
        next.stopped_because = Some("The stop loss was hit, and the bot was set to stop then.".to_owned());
    }
    let Phase::Closed { at, how } = decision.deal.phase else {
        return Ok((next.state != bot.state).then_some(Ended { bot: next, funds: None, wake: None }));
    };
    let funds = deps.store.find_funds(bot.user, bot.connection).await?.without(decision.deal.id);
    let Strategy::Dca(dca) = &bot.strategy;
    let (done, wait_s) = match how {
        Outcome::Failed => (0, dca.cooldown_s.max(FAILED_WAIT_S)),
        Outcome::TakeProfit | Outcome::StopLoss | Outcome::ClosedByOwner | Outcome::Cancelled => (1, dca.cooldown_s),
    };
    next.open_deal = None;
    // The next start clears it: until then the owner reads why there is no deal.
    next.waiting_because = match how {
        Outcome::Failed => Some(why_failed(&decision.timeline)),
        Outcome::TakeProfit | Outcome::StopLoss | Outcome::ClosedByOwner | Outcome::Cancelled => None,
    };
    next.deals_done = bot.deals_done.saturating_add(done);
    next.cooldown_until = at.plus_seconds(wait_s);
    stop_if_over(&mut next);
    let wake = (next.state == BotState::Running).then(|| {
        let owner = wakes::owner(&next, None);
        let id = deps.fresh().to_string();
        if next.cooldown_until > now {
            Wake { owner, kind: WakeKind::Time, id, written_at: now, waits: Waits::Time { at: next.cooldown_until } }
        } else {
            Wake::due(owner, id, now, deps.host.clock.now())
        }
    });
    Ok(Some(Ended { bot: next, funds: Some(funds), wake }))
}

/// What the timeline says of the base order: the line before the deal's end.
fn why_failed(timeline: &[TimelineEntry]) -> String {
    let cause = timeline.iter().rev().find(|line| line.code.starts_with("order_"));
    cause.or(timeline.last()).map_or_else(String::new, |line| line.text.clone())
}

/// A bot without an open deal stops when it was finishing or has done all its deals.
pub fn stop_if_over(bot: &mut Bot) {
    let why = match bot.state {
        BotState::Stopped => return,
        BotState::Finishing => "Its open deal has ended, as asked.".to_owned(),
        BotState::Running if bot.is_done() => format!("It has done the {} deals it was set to do.", bot.deals_done),
        BotState::Running => return,
    };
    bot.state = BotState::Stopped;
    bot.stopped_because = Some(why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_deal_tells_what_became_of_its_base_order() {
        let line =
            |code: &str, text: &str| TimelineEntry { at: MarketTime::START, code: code.into(), text: text.into() };
        let end = line("deal_closed", "The base order could not be placed.");
        assert_eq!(why_failed(&[line("order_refused", "It was too large."), end.clone()]), "It was too large.");
        assert_eq!(why_failed(&[end]), "The base order could not be placed.");
    }
}
