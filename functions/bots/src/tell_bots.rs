//! Makes every bot of an account look at the kill switch now. The switch itself stops entries; this takes the resting ones
//! back, and lets the ladders come again after a release.

use account::UserId;
use api::Problem;
use store::entity::bot::{Bot, BotState};
use store::entity::wake::{Owner, Wake};
use store::transaction::change_bot::Changing;
use store::transaction::commit_decision::CommitRefused;
use strategy::id::BotId;
use strategy::market::MarketTime;

use crate::Deps;
use crate::start_bot::told;
use crate::stop_bot::owner;

/// How often a bot is read again that is changed at the same moment.
const TRIES_MAX: u32 = 8;

/// What its activity says.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub code: &'static str,
    pub text: &'static str,
}

/// Tells every bot that may still do anything; how many there were. The list comes from an index, which may lag behind by a
/// moment: what it misses was started just now, and its first entry meets the switch.
pub async fn tell_bots(deps: &Deps, user: UserId, said: Said) -> Result<usize, Problem> {
    let active: Vec<BotId> =
        deps.store.list_bots(user).await?.iter().filter(|bot| bot.is_active()).map(|bot| bot.id).collect();
    for bot in &active {
        tell(deps, *bot, said).await?;
    }
    Ok(active.len())
}

async fn tell(deps: &Deps, bot: BotId, said: Said) -> Result<(), Problem> {
    for _ in 0..TRIES_MAX {
        let Some(found) = deps.store.find_bot(bot).await?.filter(Bot::is_active) else { return Ok(()) };
        let (id, now) = (deps.fresh(), deps.host.clock.now());
        let wake = match due_owner(deps, &found).await? {
            Some(owner) => vec![Wake::due(owner, id.to_string(), MarketTime::START, now)],
            None => Vec::new(),
        };
        let hints: Vec<_> = wake.iter().map(|wake| wake.hint(MarketTime::START)).collect();
        let changing = Changing {
            bot_read: found.version,
            activity: Some(told(&found, id, now, said.code, said.text)),
            bot: found,
            deal: None,
            wakes: wake,
            gone: vec![],
        };
        match deps.store.change_bot(&id.to_string(), changing).await {
            Ok(_) => {
                for hint in &hints {
                    deps.tell(hint).await;
                }
                return Ok(());
            }
            // The trader has just decided, perhaps before the switch: look again.
            Err(CommitRefused::Outdated) => {}
            Err(CommitRefused::Store(error)) => return Err(error.into()),
        }
    }
    Err(Problem::try_again().because("The switch was moved, and a bot is busy. Send the request again to tell it too."))
}

/// What becomes due: the open deal, else the running bot's search for its next one.
async fn due_owner(deps: &Deps, bot: &Bot) -> Result<Option<Owner>, Problem> {
    let open = match bot.open_deal {
        Some(deal) => deps.store.find_deal(bot.id, deal).await?.filter(|deal| !deal.deal.is_closed()),
        None => None,
    };
    Ok(match open {
        Some(deal) => Some(owner(bot, &deal)),
        None if bot.open_deal.is_none() && bot.state == BotState::Running => Some(Owner {
            bot: bot.id,
            deal: None,
            user: bot.user,
            connection: bot.connection,
            exchange: bot.exchange.clone(),
            pair: bot.pair.clone(),
            epoch: bot.epoch,
            run: bot.run,
        }),
        None => None,
    })
}
