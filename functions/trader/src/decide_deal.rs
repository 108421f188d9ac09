//! One decision about an open deal. At most three consistent reads before it (G10): bot, deal and wakes; its orders; the
//! candles. A fourth, of the connection, only when something is to be asked of the signer.

use account::Epoch;
use store::attribute::Row;
use store::entity::activity::{Activity, Saw};
use store::entity::bot::{self, Bot};
use store::entity::connection::Status;
use store::entity::deal::{self, StoredDeal};
use store::entity::kill_switch;
use store::entity::market::{Latest, PAGE};
use store::entity::wake::{Hint, Waits, Wake, WakeKind};
use store::transaction::commit_decision::Committing;
use store::{StoreError, Table};
use strategy::decide::decide;
use strategy::id::DealId;
use strategy::market::{MarketTime, MarketView};

use crate::after_commit::after_commit;
use crate::{Deps, Handled, NotHandled, end_deal, fit, intents, known_orders, wakes};

/// What the first read finds.
struct Found {
    bot: Bot,
    deal: StoredDeal,
    wakes: Vec<Wake>,
}

/// Decides about the deal that a hint names.
pub async fn decide_deal(deps: &Deps, hint: &Hint, deal: DealId) -> Result<Handled, NotHandled> {
    let Some(found) = find(deps, hint, deal).await? else { return Ok(Handled::Stale) };
    let mut keys = known_orders::keys(found.bot.id, &found.deal.deal);
    keys.push(kill_switch::key(found.bot.user));
    let orders = deps.store.read_many(Table::Trading, &keys).await?;
    let known = known_orders::known_orders(found.bot.id, &found.deal.deal, &orders)?;
    let Some(market) = market(deps, &found).await? else { return Ok(Handled::NoMarket) };
    // The candle at `decided_until` was given before; it only tells last price and status when there is no later one.
    let decided_until = found.deal.deal.decided_until;
    let candles: Vec<_> = market.candles.iter().filter(|c| c.close_time > decided_until).copied().collect();
    let view =
        MarketView { candles: &candles, last: market.last.close, now: market.last.close_time, status: market.status };
    // ST-5: the signer refuses entries by itself; from here the deal learns to take the resting ones back.
    let entries_stopped = orders.iter().any(kill_switch::is_on);
    let mut deal_now = found.deal.deal.clone();
    deal_now.stop_entries(entries_stopped);
    let mut decision = decide(found.bot.id, &deal_now, &known, &view);
    let left_over = fit::fit(&mut decision);

    if !decision.actions.is_empty() && !is_live(deps, &found.bot).await? {
        // The key is gone (P1): nothing is decided, and the wake costs nothing more. Starting the bot again wakes it.
        for wake in found.wakes.iter().filter(|wake| wake.id == hint.wake_id) {
            deps.store.park_wake(wake).await?;
        }
        return Ok(Handled::Paused);
    }

    let now = deps.host.clock.now();
    let owner = wakes::owner(&found.bot, Some(deal));
    let mut new_wakes = wakes::of_decision(deps, &owner, &decision.wakes, view.now);
    if left_over > 0 {
        new_wakes.retain(|wake| wake.kind != WakeKind::Time);
        new_wakes.push(Wake::due(owner, deps.fresh().to_string(), view.now, now));
    }
    let gone = wakes::gone(&found.wakes, &new_wakes);
    let intents = intents::intents(&found.bot, deal, &decision.actions, now);
    let ended = end_deal::end_deal(deps, &found.bot, &decision, view.now).await?;
    let (bot, funds) = match ended {
        None => (None, None),
        Some(ended) => {
            new_wakes.extend(ended.wake);
            (Some((ended.bot, found.bot.version)), ended.funds)
        }
    };
    let id = deps.fresh();
    let activity = Activity {
        id,
        bot: found.bot.id,
        user: found.bot.user,
        pair: found.bot.pair.clone(),
        deal: Some(deal),
        at_market: Some(view.now),
        at_wall: now,
        entries: decision.timeline,
        saw: Some(Saw {
            after: decided_until,
            until: view.now,
            last: view.last,
            status: view.status,
            orders: known,
            left_over,
            entries_stopped,
        }),
        version: found.deal.version + 1,
    };
    let next = StoredDeal { deal: decision.deal, ..found.deal.clone() };
    let committing =
        Committing { read: &found.deal, next, intents, wakes: new_wakes.clone(), gone, bot, funds, activity };
    deps.store.commit_decision(&id.to_string(), committing).await?;
    // Committed: a failure from here on only delays.
    if let Err(error) = after_commit(deps, &new_wakes).await {
        tracing::warn!(%error, "what is due waits for the tick");
    }
    Ok(Handled::Decided)
}

/// Bot, deal and wakes in one consistent read; `None` when the hint is not about what is there now.
async fn find(deps: &Deps, hint: &Hint, deal: DealId) -> Result<Option<Found>, StoreError> {
    let mut keys = wakes::keys(hint);
    keys.extend([bot::key(hint.bot), deal::key(hint.bot, deal)]);
    let rows = deps.store.read_many(Table::Trading, &keys).await?;
    let of = |prefix: &'static str| {
        rows.iter().filter(move |row: &&Row| row.text("sk").is_ok_and(|sk| sk.starts_with(prefix)))
    };
    let wakes = of("WAKE#").map(Wake::from_row).collect::<Result<Vec<_>, _>>()?;
    let Some(named) = wakes.iter().find(|wake| is_named(wake, hint)) else { return Ok(None) };
    let bot = of("BOT").map(Bot::from_row).next().transpose()?;
    let deal = of("DEAL#").map(StoredDeal::from_row).next().transpose()?;
    match (bot, deal) {
        (Some(bot), Some(deal)) if !deal.deal.is_closed() => Ok(Some(Found { bot, deal, wakes })),
        _ => {
            // A late answer woke a deal that is over.
            deps.store.park_wake(named).await?;
            Ok(None)
        }
    }
}

/// RF-8: wake id and epoch equal those of the base item, else the hint is of another time.
pub fn is_named(wake: &Wake, hint: &Hint) -> bool {
    wake.id == hint.wake_id && wake.owner.epoch == Epoch::from_stored(hint.epoch)
}

async fn market(deps: &Deps, found: &Found) -> Result<Option<Latest>, StoreError> {
    let decided_until = found.deal.deal.decided_until;
    // The earliest moment at which a wake was crossed; order events carry none.
    let crossed = found
        .wakes
        .iter()
        .filter_map(|wake| match wake.waits {
            Waits::Due { at, .. } if at > MarketTime::START => Some(at),
            Waits::Due { .. } | Waits::Price { .. } | Waits::Time { .. } => None,
        })
        .min()
        .unwrap_or(MarketTime::from_ms(i64::MAX));
    let including = MarketTime::from_ms(decided_until.ms().saturating_sub(1));
    deps.store.latest_candles(&found.bot.exchange, &found.bot.pair, including, crossed, PAGE).await
}

/// Whether the bot's key is there and of the bot's epoch.
pub async fn is_live(deps: &Deps, bot: &Bot) -> Result<bool, StoreError> {
    let connection = deps.store.find_connection(bot.user, bot.connection).await?;
    Ok(connection.is_some_and(|c| c.status == Status::Live && c.epoch == bot.epoch))
}
