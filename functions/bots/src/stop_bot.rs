//! `POST /v1/bots/{id}/stop`: no new deal; the open one finishes, is cancelled, or is closed at market.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::bot::{Bot, BotState};
use store::entity::deal::StoredDeal;
use store::entity::wake::{self, Owner, Wake, WakeKind};
use store::transaction::change_bot::Changing;
use strategy::deal::OwnerWish;
use strategy::id::BotId;
use strategy::market::MarketTime;

use crate::start_bot::{refused, told};
use crate::view::ShownBot;
use crate::{Deps, door, view};

/// What becomes of the open deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Deals {
    /// It goes on to its own end.
    #[default]
    Finish,
    /// Its orders are cancelled, the coins stay.
    Cancel,
    /// What it holds is sold at market.
    Close,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct StopForm {
    deals: Deals,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("stop_bot", "Stops a bot; its open deal finishes, is cancelled, or is closed at market")
        .path::<BotId>("id", "The bot.")
        .may_take::<StopForm>()
        .answers::<ShownBot>(200, "The bot as it is now.")
        .refuses(&[Problem::stale_version])
}

/// Answers the bot as it is now.
pub async fn stop_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let trade_epoch = request.session()?.user.trade_epoch;
    let bot = door::own_bot(&deps, &request).await?;
    let form: StopForm = if request.body().is_empty() { StopForm::default() } else { request.json()? };
    let open = match bot.open_deal {
        Some(deal) => deps.store.find_deal(bot.id, deal).await?.filter(|deal| !deal.deal.is_closed()),
        None => None,
    };
    let (id, now) = (deps.fresh(), deps.host.clock.now());
    let mut next = bot.clone();
    let mut changing = match &open {
        None if bot.state == BotState::Stopped => {
            return Ok(Answer::ok(&view::bot_with_connection(&deps, &bot, trade_epoch).await?));
        }
        None => {
            next.state = BotState::Stopped;
            next.stopped_because = Some("Stopped by its owner.".to_owned());
            Changing {
                bot: next,
                bot_read: bot.version,
                deal: None,
                wakes: vec![],
                gone: vec![wake::key(bot.id, None, WakeKind::Time)],
                activity: None,
            }
        }
        Some(deal) => {
            if bot.state == BotState::Running {
                next.state = BotState::Finishing;
            }
            let wish = wish(deal, form.deals);
            let changed = (wish != deal.deal.wish).then(|| {
                let mut changed = deal.clone();
                changed.deal.wish = wish;
                (deal, changed)
            });
            // The deal is due either way: a changed wish is carried out, and an unchanged one costs one look.
            let wake = Wake::due(owner(&bot, deal), id.to_string(), MarketTime::START, now);
            Changing {
                bot: next,
                bot_read: bot.version,
                deal: changed,
                wakes: vec![wake],
                gone: vec![],
                activity: None,
            }
        }
    };
    let text = match form.deals {
        Deals::Finish => "The owner stops the bot; an open deal goes on to its end.",
        Deals::Cancel => "The owner stops the bot; the orders of an open deal are cancelled and its coins stay.",
        Deals::Close => "The owner stops the bot; what an open deal holds is sold at market.",
    };
    changing.activity = Some(told(&bot, id, now, "bot_stopped", text));
    let hints: Vec<_> = changing.wakes.iter().map(|wake| wake.hint(MarketTime::START)).collect();
    let stopped = deps.store.change_bot(&id.to_string(), changing).await.map_err(refused)?;
    for hint in &hints {
        deps.tell(hint).await;
    }
    Ok(Answer::ok(&view::bot_with_connection(&deps, &stopped, trade_epoch).await?))
}

/// A deal that is being left is not called back: `finish` asks nothing new.
const fn wish(deal: &StoredDeal, deals: Deals) -> OwnerWish {
    match deals {
        Deals::Finish => deal.deal.wish,
        Deals::Cancel => OwnerWish::Cancel,
        Deals::Close => OwnerWish::Close,
    }
}

/// Whose wake the deal's is.
pub fn owner(bot: &Bot, deal: &StoredDeal) -> Owner {
    Owner {
        bot: bot.id,
        deal: Some(deal.deal.id),
        user: bot.user,
        connection: bot.connection,
        exchange: bot.exchange.clone(),
        pair: bot.pair.clone(),
        epoch: bot.epoch,
        run: bot.run,
    }
}
