//! `POST /v1/bots`: keeps a bot, stopped. Starting is another request.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use store::entity::bot::{Bot, BotState};
use strategy::config::BotForm;
use strategy::id::BotId;
use strategy::market::MarketTime;

use crate::view::ShownBot;
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("create_bot", "Keeps a bot, stopped")
        .details("Starting it is another request.")
        .takes::<BotForm>()
        .answers::<ShownBot>(201, "The bot.")
        .refuses(&[Problem::pair_not_allowed, Problem::try_again, Problem::step_up_required])
}

/// Answers 201 with the bot.
pub async fn create_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = &request.session()?.user;
    let creation = request.creation()?;
    let id_of_bot = BotId::new(creation.id);
    // An earlier try may have made it, and what it was made of may not pass any more.
    if creation.repeated
        && let Some(made) = made_before(&deps, &request, id_of_bot).await?
    {
        return Ok(made);
    }
    let (form, settings) = door::settings(&request)?;
    let connection = door::keepable(&deps, &request, &settings).await?;
    door::real_key_needs_proof(&deps, &request, &connection).await?;
    let bot = Bot {
        id: id_of_bot,
        user: user.id,
        connection: connection.id,
        exchange: connection.exchange.clone(),
        pair: settings.pair,
        name: settings.name,
        strategy: settings.strategy,
        form: serde_json::to_string(&form).map_err(|e| Problem::unavailable().logged(e))?,
        state: BotState::Stopped,
        run: 0,
        epoch: user.trade_epoch,
        version: 1,
        open_deal: None,
        deals_done: 0,
        cooldown_until: MarketTime::START,
        stopped_because: Some("It was not started yet.".to_owned()),
        waiting_because: None,
        checked_at: deps.host.clock.now(),
        created_at: deps.host.clock.now(),
    };
    if !deps.store.create_bot(&bot).await? {
        // There is one of this name: a lost answer was asked for again, or an earlier try was only slow.
        return made_before(&deps, &request, id_of_bot).await?.ok_or_else(Problem::try_again);
    }
    Ok(Answer::created(&view::bot(&bot, Some(&connection), user.trade_epoch)))
}

/// The bot that an earlier try of this request made.
async fn made_before(deps: &Deps, request: &Request, id: BotId) -> Result<Option<Answer>, Problem> {
    let user = &request.session()?.user;
    let Some(bot) = deps.store.find_bot(id).await?.filter(|bot| bot.user == user.id) else { return Ok(None) };
    let shown = view::bot_with_connection(deps, &bot, user.trade_epoch).await?;
    Ok(Some(Answer::created(&shown)))
}
