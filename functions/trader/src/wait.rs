//! A bot that cannot start its deal yet: says why, once, and looks again later.

use account::WallTime;
use store::entity::activity::Activity;
use store::entity::bot::Bot;
use store::entity::wake::{Waits, Wake, WakeKind};
use store::transaction::change_bot::Changing;
use strategy::decide::TimelineEntry;
use strategy::market::MarketTime;

use crate::after_commit::after_commit;
use crate::{Deps, NotHandled, wakes};

/// Why it waits.
pub struct Waiting {
    pub code: &'static str,
    pub text: String,
    /** Looks again then. */
    pub until: MarketTime,
}

/// Replaces the bot's wake by one at `until`; the reason goes to the owner when it is another than before.
pub async fn wait(
    deps: &Deps,
    bot: &Bot,
    waiting: Option<Waiting>,
    until: MarketTime,
    now: MarketTime,
    wall: WallTime,
) -> Result<(), NotHandled> {
    let id = deps.fresh();
    let reason = waiting.as_ref().map(|w| w.text.clone());
    let news = waiting.filter(|w| bot.waiting_because.as_ref() != Some(&w.text));
    let activity = news.map(|w| Activity {
        id,
        bot: bot.id,
        user: bot.user,
        pair: bot.pair.clone(),
        deal: None,
        at_market: Some(now),
        at_wall: wall,
        entries: vec![TimelineEntry { at: now, code: w.code.to_owned(), text: w.text }],
        saw: None,
        version: 0,
    });
    let mut next = bot.clone();
    next.waiting_because = reason;
    let wake = Wake {
        owner: wakes::owner(bot, None),
        kind: WakeKind::Time,
        id: id.to_string(),
        written_at: now,
        waits: Waits::Time { at: until },
    };
    let changing =
        Changing { bot: next, bot_read: bot.version, deal: None, wakes: vec![wake.clone()], gone: vec![], activity };
    deps.store.change_bot(&id.to_string(), changing).await?;
    if let Err(error) = after_commit(deps, &[wake]).await {
        tracing::warn!(%error, "what is due waits for the tick");
    }
    Ok(())
}
