//! Starts the next deal of a running bot: base order proposed, funds set aside, in one transaction.

use store::attribute::Row;
use store::entity::activity::{Activity, Saw};
use store::entity::bot::{self, Bot, BotState};
use store::entity::connection::{Connection, Status};
use store::entity::deal::StoredDeal;
use store::entity::wake::{self, Hint, Wake, WakeKind};
use store::transaction::change_bot::Changing;
use store::transaction::start_deal::Starting;
use store::{StoreError, Table};
use strategy::decide::{StartDeal, StartRefused, start_deal as plan_start};
use strategy::id::DealId;
use strategy::market::{MarketTime, MarketView};

use crate::after_commit::after_commit;
use crate::decide_deal::is_named;
use crate::wait::{Waiting, wait};
use crate::{Deps, Handled, NotHandled, end_deal, fit, intents, wakes};

/// Market seconds until funds, or a halted symbol, are looked at again.
const SOON_S: u64 = 60;
/// Market seconds until a plan that the market's price made impossible is tried again.
const LATER_S: u64 = 3600;

/// Starts a deal if the bot that a hint names may start one now.
pub async fn start_deal(deps: &Deps, hint: &Hint) -> Result<Handled, NotHandled> {
    let Some((bot, wake)) = find(deps, hint).await? else { return Ok(Handled::Stale) };
    if bot.open_deal.is_some() || bot.state == BotState::Stopped {
        deps.store.park_wake(&wake).await?;
        return Ok(Handled::Paused);
    }
    let mut over = bot.clone();
    end_deal::stop_if_over(&mut over);
    if over.state == BotState::Stopped {
        let changing = Changing {
            bot: over,
            bot_read: bot.version,
            deal: None,
            wakes: vec![],
            gone: vec![wake.key()],
            activity: None,
        };
        deps.store.change_bot(&deps.fresh().to_string(), changing).await?;
        return Ok(Handled::Decided);
    }
    let connection = deps.store.find_connection(bot.user, bot.connection).await?;
    let Some(connection) = connection.filter(|c| c.status == Status::Live && c.epoch == bot.epoch) else {
        // P1: a bot whose key was cut off starts nothing, and costs nothing.
        deps.store.park_wake(&wake).await?;
        return Ok(Handled::Paused);
    };
    let rules = deps.store.find_rules(&bot.exchange, &bot.pair).await?;
    let newest = deps
        .store
        .latest_candles(&bot.exchange, &bot.pair, MarketTime::START, MarketTime::from_ms(i64::MAX), 1)
        .await?;
    let Some((rules, newest)) = rules.zip(newest) else { return Ok(Handled::NoMarket) };
    let (now, wall) = (newest.last.close_time, deps.host.clock.now());
    if bot.cooldown_until > now {
        wait(deps, &bot, None, bot.cooldown_until, now, wall).await?;
        return Ok(Handled::Decided);
    }

    // ST-5: the signer would refuse the base order; saying why and looking again later costs less.
    if deps.store.is_trading_stopped(bot.user).await? {
        let until = now.plus_seconds(LATER_S);
        let text = "No deal starts: trading is stopped until its owner releases it.".to_owned();
        wait(deps, &bot, Some(Waiting { code: "trading_stopped", text, until }), until, now, wall).await?;
        return Ok(Handled::Decided);
    }

    let view = MarketView { candles: &[], last: newest.last.close, now, status: newest.status };
    let start = StartDeal {
        bot: bot.id,
        deal: DealId::new(deps.fresh()),
        pair: &bot.pair,
        rules: rules.rules,
        fees: rules.fees,
    };
    let mut decision = match plan_start(&bot.strategy, start, &view) {
        Ok(decision) => decision,
        Err(refused) => {
            let waiting = refusal(&refused, now);
            let until = waiting.until;
            wait(deps, &bot, Some(waiting), until, now, wall).await?;
            return Ok(Handled::Decided);
        }
    };
    let funds = deps.store.find_funds(bot.user, bot.connection).await?;
    if let Some(short) = shortage(&connection, &bot, &funds, &decision.deal) {
        let until = now.plus_seconds(SOON_S);
        wait(deps, &bot, Some(Waiting { code: "funds_short", text: short, until }), until, now, wall).await?;
        return Ok(Handled::Decided);
    }

    let left_over = fit::fit(&mut decision);
    let id = deps.fresh();
    let deal = decision.deal;
    let new_wakes = wakes::of_decision(deps, &wakes::owner(&bot, Some(deal.id)), &decision.wakes, now);
    let mut next = bot.clone();
    next.open_deal = Some(deal.id);
    next.waiting_because = None;
    next.version = bot.version + 1;
    let saw = Saw {
        after: now,
        until: now,
        last: view.last,
        status: view.status,
        orders: vec![],
        left_over,
        entries_stopped: false,
    };
    let starting = Starting {
        bot_read: bot.version,
        intents: intents::intents(&bot, deal.id, &decision.actions, wall),
        funds: funds.with(deal.id, deal.reserved),
        activity: Activity {
            id,
            bot: bot.id,
            user: bot.user,
            pair: bot.pair.clone(),
            deal: Some(deal.id),
            at_market: Some(now),
            at_wall: wall,
            entries: decision.timeline,
            saw: Some(saw),
            version: 1,
        },
        deal: StoredDeal {
            bot: bot.id,
            user: bot.user,
            connection: bot.connection,
            deal,
            version: 1,
            orders_version: 0,
            run: bot.run,
            epoch: bot.epoch,
            reconciled_at: wall,
        },
        wakes: new_wakes.clone(),
        gone: vec![wake.key()],
        bot: next,
    };
    deps.store.start_deal(&id.to_string(), &starting).await?;
    if let Err(error) = after_commit(deps, &new_wakes).await {
        tracing::warn!(%error, "what is due waits for the tick");
    }
    Ok(Handled::Decided)
}

async fn find(deps: &Deps, hint: &Hint) -> Result<Option<(Bot, Wake)>, StoreError> {
    let keys = [bot::key(hint.bot), wake::key(hint.bot, None, WakeKind::Time)];
    let rows = deps.store.read_many(Table::Trading, &keys).await?;
    let of = |sk: &str| rows.iter().find(|row: &&Row| row.text("sk").is_ok_and(|found| found.starts_with(sk)));
    let Some(wake) = of("WAKE#").map(Wake::from_row).transpose()?.filter(|wake| is_named(wake, hint)) else {
        return Ok(None);
    };
    match of("BOT").map(Bot::from_row).transpose()? {
        Some(bot) => Ok(Some((bot, wake))),
        None => {
            deps.store.park_wake(&wake).await?;
            Ok(None)
        }
    }
}

/// Why the plan cannot be started, and when it is tried again.
fn refusal(refused: &StartRefused, now: MarketTime) -> Waiting {
    let (code, wait_s) = match refused {
        StartRefused::MarketHalted => ("market_halted", SOON_S),
        StartRefused::PriceTooSmall => ("price_too_small", LATER_S),
        StartRefused::BelowMinimum { .. } => ("below_minimum", LATER_S),
    };
    Waiting { code, text: format!("No deal starts: {refused}."), until: now.plus_seconds(wait_s) }
}

/// What is missing when the new deal and the open ones together need more than the connection was last seen to have.
fn shortage(
    connection: &Connection,
    bot: &Bot,
    funds: &store::entity::funds::Funds,
    deal: &strategy::deal::Deal,
) -> Option<String> {
    let (equity, _) = connection.equity?;
    let needed = funds.total() + deal.reserved;
    (needed > equity).then(|| format!(
        "No deal starts: it needs {} {quote}, {} {quote} are set aside for other deals, and the connection has {equity} {quote}.",
        deal.reserved, funds.total(), quote = bot.pair.quote(),
    ))
}
