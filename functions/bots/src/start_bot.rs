//! `POST /v1/bots/{id}/start`: lets a bot run under the account's present epoch. What trades is decided by the trader.

use std::sync::Arc;

use account::Epoch;
use api::{Answer, Operation, Problem, Request, shape};
use store::entity::activity::Activity;
use store::entity::bot::{Bot, BotState};
use store::entity::connection::{Connection, Status};
use store::entity::intent::ConnectionSubject;
use store::entity::wake::{Owner, Wake};
use store::transaction::change_bot::Changing;
use store::transaction::commit_decision::CommitRefused;
use strategy::decide::TimelineEntry;
use strategy::id::BotId;
use strategy::market::MarketTime;

use crate::view::ShownBot;
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("start_bot", "Lets a bot run")
        .path::<BotId>("id", "The bot.")
        .may_take::<shape::Empty>()
        .answers::<ShownBot>(200, "The running bot.")
        .refuses(&[
            Problem::bot_is_running,
            Problem::connection_not_live,
            Problem::pair_not_allowed,
            Problem::market_unknown,
            Problem::funds_short,
            Problem::stale_version,
            Problem::step_up_required,
        ])
}

/// Answers the running bot.
pub async fn start_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let trade_epoch = request.session()?.user.trade_epoch;
    let bot = door::own_bot(&deps, &request).await?;
    if bot.state == BotState::Running && bot.epoch == trade_epoch {
        return Err(Problem::bot_is_running());
    }
    let connection = live_connection(&deps, &bot, trade_epoch).await?;
    door::real_key_needs_proof(&deps, &request, &connection).await?;
    // GU-1.
    if !connection.allowed_pairs_at(deps.host.clock.now()).contains(&bot.pair) {
        return Err(Problem::pair_not_allowed());
    }
    let (rules, state) = door::market(&deps, &bot.exchange, &bot.pair).await?;
    let preview = door::plan(&bot.strategy, &rules, &state)?;
    door::startable(&preview)?;
    if bot.open_deal.is_none()
        && let Some((equity, _)) = connection.equity
    {
        let reserved = deps.store.find_funds(bot.user, bot.connection).await?.total();
        if reserved + preview.funds.quote > equity {
            return Err(Problem::funds_short().because(format!(
                "A deal needs {} {quote}; the connection has {equity} {quote}, of which {reserved} {quote} are set aside for other deals.",
                preview.funds.quote, quote = bot.pair.quote(),
            )));
        }
    }
    door::within_limits(&preview, &connection)?;

    let (id, now) = (deps.fresh(), deps.host.clock.now());
    let mut next = Bot {
        state: BotState::Running,
        run: bot.run + 1,
        epoch: trade_epoch,
        stopped_because: None,
        waiting_because: None,
        cooldown_until: MarketTime::START,
        checked_at: now,
        ..bot.clone()
    };
    // A bot that has done its deals counts anew.
    if next.is_done() {
        next.deals_done = 0;
    }
    let owner = Owner {
        bot: next.id,
        deal: next.open_deal,
        user: next.user,
        connection: next.connection,
        exchange: next.exchange.clone(),
        pair: next.pair.clone(),
        epoch: next.epoch,
        run: next.run,
    };
    let wake = Wake::due(owner, id.to_string(), MarketTime::START, now);
    let activity = told(&next, id, now, "bot_started", "The owner starts the bot.");
    let changing = Changing {
        bot: next,
        bot_read: bot.version,
        deal: None,
        wakes: vec![wake.clone()],
        gone: vec![],
        activity: Some(activity),
    };
    let started = deps.store.change_bot(&id.to_string(), changing).await.map_err(refused)?;
    // KX-2: what the key may do and what is there is asked at every start. Not written: the daily question comes.
    for subject in [ConnectionSubject::Balances, ConnectionSubject::Permissions] {
        if let Err(error) = deps.store.query_connection(&started, subject, now).await {
            tracing::warn!(%error, "a question was not asked at a start");
        }
    }
    deps.tell(&wake.hint(MarketTime::START)).await;
    Ok(Answer::ok(&view::bot(&started, Some(&connection), trade_epoch)))
}

/// The bot's connection, if orders could be signed with it now.
async fn live_connection(deps: &Deps, bot: &Bot, trade_epoch: Epoch) -> Result<Connection, Problem> {
    let connection = deps.store.find_connection(bot.user, bot.connection).await?;
    if let Some(why) = view::paused(&Bot { epoch: trade_epoch, ..bot.clone() }, connection.as_ref(), trade_epoch) {
        return Err(Problem::connection_not_live()
            .because(format!("The bot cannot start: {why}. Attach a key and make a bot with it.")));
    }
    let connection = connection.filter(|c| c.status == Status::Live).ok_or_else(Problem::connection_not_live)?;
    if !connection.verdict_accepted {
        return Err(Problem::connection_not_live().because("The permissions of the exchange key are not accepted any more. Attach a key that can read and trade, and nothing else."));
    }
    Ok(connection)
}

/// One line of activity for what the owner did.
pub fn told(bot: &Bot, id: ulid::Ulid, now: account::WallTime, code: &str, text: &str) -> Activity {
    Activity {
        id,
        bot: bot.id,
        user: bot.user,
        pair: bot.pair.clone(),
        deal: bot.open_deal,
        at_market: None,
        at_wall: now,
        entries: vec![TimelineEntry { at: MarketTime::START, code: code.to_owned(), text: text.to_owned() }],
        saw: None,
        version: 0,
    }
}

/// Somebody was faster: the caller looks again.
pub fn refused(refused: CommitRefused) -> Problem {
    match refused {
        CommitRefused::Outdated => Problem::stale_version(),
        CommitRefused::Store(error) => error.into(),
    }
}
