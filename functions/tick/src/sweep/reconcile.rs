//! Asks the exchange without a cause, seldom: hourly about the orders of each open deal, daily about the balances and
//! permissions of each active bot's connection (KX-2). The marks spread it over the hour and the day.

use store::StoreError;
use store::entity::bot::{ACTIVE_MARK, Bot};
use store::entity::deal::{OPEN_MARK, StoredDeal};
use store::entity::intent::ConnectionSubject;
use store::transaction::write_query::OrderOf;
use store::{Table, entity};
use strategy::id::ClientOrderId;

use crate::Deps;
use crate::sweep::intents::Connections;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

pub async fn open_deals(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    let mut connections = Connections::default();
    for key in deps.store.find_marked(OPEN_MARK, now.plus_ms(-HOUR_MS)).await? {
        let Some(row) = deps.store.read(Table::Trading, &key).await? else { continue };
        let deal = StoredDeal::from_row(&row)?;
        let bot = deps.store.find_bot(deal.bot).await?;
        if let Some(bot) = bot.filter(|_| !deal.deal.is_closed())
            && connections.is_live(deps, deal.user, deal.connection, bot.epoch).await?
        {
            let of = OrderOf {
                bot: deal.bot,
                deal: Some(deal.deal.id),
                user: deal.user,
                connection: deal.connection,
                exchange: bot.exchange.clone(),
                pair: Some(deal.deal.pair.clone()),
                run: bot.run,
                epoch: bot.epoch,
            };
            for working in &deal.deal.working {
                let order = ClientOrderId::derive(deal.bot, deal.deal.id, working.key);
                // Only what the exchange has said something about: the rest has its own steps.
                let open = deps.store.find_order(deal.bot, &order).await?.is_some_and(|found| !found.status.is_final());
                if open {
                    deps.store.query_order(&of, &order, now).await?;
                }
            }
        }
        // Last: a sweep that breaks off asks again, under the same names.
        deps.store.note_swept(&key, now).await?;
    }
    Ok(())
}

pub async fn active_bots(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    let mut connections = Connections::default();
    for key in deps.store.find_marked(ACTIVE_MARK, now.plus_ms(-DAY_MS)).await? {
        let Some(row) = deps.store.read(Table::Trading, &key).await? else { continue };
        let bot = Bot::from_row(&row)?;
        if bot.is_active() && connections.is_live(deps, bot.user, bot.connection, bot.epoch).await? {
            for subject in [ConnectionSubject::Balances, ConnectionSubject::Permissions] {
                deps.store.query_connection(&bot, subject, now).await?;
            }
        }
        deps.store.note_swept(&entity::bot::key(bot.id), now).await?;
    }
    Ok(())
}
