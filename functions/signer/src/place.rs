//! The order path (reset-fence.md B.4): guard, authorise, sign, look at the deadline, send once, record.

use exchange::{OrderAnswer, Venue};
use store::Table;
use store::entity::connection::{self, Connection, SealedKey};
use store::entity::intent::{ConnectionSubject, Intent};
use store::transaction::authorise_order::Authorising;
use store::transaction::authorising::{Window, Windows};
use store::transaction::close_intent::Ending;
use store::transaction::record_outcome::{OrderNews, Recording};
use strategy::id::BotId;
use strategy::market::{MarketTime, Pair};
use strategy::money::Price;
use strategy::order::PlannedOrder;

use crate::authorise::{self, AUTHORISE_MS_MAX, Refused};
use crate::check_deadline::Started;
use crate::guard::{Facts, guard, units};
use crate::send::{self, NoAnswer};
use crate::{Deps, NotDone, fills, record};

/// GU-4 looks at this much market time, in ms.
const VOLUME_SPAN_MS: i64 = 5 * 60_000;

/// Places one order, at most once.
pub async fn place(deps: &Deps, intent: &Intent, venue: Venue, order: &PlannedOrder) -> Result<(), NotDone> {
    let (bot, deal, pair) = record::place_of(intent)?;
    let now = deps.host.clock.now();
    // RF-29: consistent, and in one read everything of the connection.
    let Some(row) = deps.store.read(Table::Vault, &connection::key(intent.user, intent.connection)).await? else {
        return record::end(deps, intent, Ending::Fenced, "the exchange key was removed").await;
    };
    let connection = Connection::from_row(&row)?;
    let Some(key) = SealedKey::from_row(&row)? else {
        return record::end(deps, intent, Ending::Fenced, "the exchange key was removed").await;
    };
    let market = deps.store.find_market(&intent.exchange, pair).await?;
    let market_now = market.map_or(MarketTime::START, |m| m.seen_until);
    let after = MarketTime::from_ms(market_now.ms().saturating_sub(VOLUME_SPAN_MS));
    let candles = deps.store.candles(&intent.exchange, pair, after, market_now).await?;
    let facts = Facts {
        order,
        pair,
        allowed_pairs: connection.allowed_pairs_at(now),
        order_quote_max: connection.order_quote_max,
        equity: connection.equity.map(|(amount, _)| amount),
        candles: &candles,
        last: market.map(|m| -> Price { m.last }),
    };
    let value = match guard(&facts) {
        Ok(value) => value,
        Err(refused) => {
            tracing::warn!(user = %intent.user, %bot, %refused, alarm = "guard", "a guard refused an order");
            return record::end(deps, intent, Ending::RefusedBeforehand, &refused.to_string()).await;
        }
    };
    let trade_id_seen = deps.store.find_trade_id_seen(bot, pair).await?;
    let offset_ms = send::offset_ms(deps, venue).await?;

    let monotonic = deps.host.clock.monotonic();
    let authorising = Authorising {
        intent,
        order,
        bot,
        deal,
        pair,
        on_paper: !venue.is_real(),
        windows: Windows::of(&row),
        // Windows count market time on paper (A.3).
        window: Window::of_ms(if venue.is_real() { now.ms() } else { market_now.ms() }),
        value_units: units(value),
        trade_id_seen,
        deadline: deps.host.clock.now().plus_ms(AUTHORISE_MS_MAX),
    };
    let authorised = match deps.store.authorise_order(&authorising, &deps.host).await {
        Ok(authorised) => authorised,
        Err(refused) => {
            return match authorise::order(refused) {
                Refused::Leave => Ok(()),
                Refused::End(ending, why) => record::end(deps, intent, ending, &why).await,
                Refused::NotNow(not) => Err(not),
            };
        }
    };
    let started = Started { monotonic, authorised_at: authorised.authorised_at() };

    // From here on the intent is AUTHORISED: no error may bring the record again.
    let answer = match deps.signer.sign_order(authorised, &key, offset_ms, deps.window).await {
        Ok(signed) => {
            send::send_once(
                deps,
                venue,
                signed,
                started,
                match venue {
                    Venue::Paper => exchange::binance::order,
                },
            )
            .await
        }
        Err(refused) => Err(send::not_signed(deps, venue, &refused)),
    };
    let settled = match answer {
        Ok(answer) => match news(deps, venue, order, pair, &answer, market_now).await {
            Some(news) => {
                let recording = Recording {
                    answered: intent,
                    place: None,
                    order,
                    bot,
                    deal,
                    pair,
                    news: &news,
                    trade_id_seen,
                    sent_at: started.authorised_at,
                };
                record::order(deps, &recording).await
            }
            None => {
                record::unknown(
                    deps,
                    intent,
                    started.authorised_at,
                    &order.client_order_id,
                    "the answer contradicts itself",
                )
                .await
            }
        },
        Err(NoAnswer::NotExecuted { why }) => record::end(deps, intent, Ending::NotExecuted, &why).await,
        Err(NoAnswer::Refused { why }) => record::end(deps, intent, Ending::Refused, &why).await,
        Err(NoAnswer::KeyRefused { why }) => {
            ask_permissions(deps, bot).await;
            record::end(deps, intent, Ending::Refused, &why).await
        }
        Err(NoAnswer::Lives) => {
            record::unknown(
                deps,
                intent,
                started.authorised_at,
                &order.client_order_id,
                "an order of this name lives already",
            )
            .await
        }
        Err(NoAnswer::NoOpenOrder) => {
            record::unknown(
                deps,
                intent,
                started.authorised_at,
                &order.client_order_id,
                "the answer is not about a placement",
            )
            .await
        }
        Err(NoAnswer::Unknown { why }) => {
            record::unknown(deps, intent, started.authorised_at, &order.client_order_id, &why).await
        }
    };
    if let Err(error) = settled {
        tracing::error!(%bot, %error, "an outcome is not recorded; the sweep will ask for it");
    }
    Ok(())
}

/// What the answer says, when its parts agree.
async fn news(
    deps: &Deps,
    venue: Venue,
    order: &PlannedOrder,
    pair: &Pair,
    answer: &OrderAnswer,
    market_now: MarketTime,
) -> Option<OrderNews> {
    if answer.client_order_id != order.client_order_id.as_str() {
        return None;
    }
    let trades = answer.fills.as_deref().unwrap_or_default();
    let mut filled = fills::sum(deps, venue, pair, trades).await;
    if filled.quantity != answer.executed {
        return None;
    }
    // The paper exchange answers placements by the wall clock; its market stands at the last candle's close.
    if !venue.is_real() && filled.last_at.is_some() {
        filled.last_at = Some(market_now);
    }
    Some(OrderNews {
        status: fills::venue_status(answer.status),
        exchange_order_id: answer.exchange_order_id.clone(),
        filled,
        trade_id: trades.iter().map(|trade| trade.trade_id).max(),
    })
}

/// KX-2: after an error about the key its permissions are looked at again; a worse verdict refuses entries.
pub async fn ask_permissions(deps: &Deps, bot: BotId) {
    let asked = match deps.store.find_bot(bot).await {
        Ok(Some(bot)) => {
            deps.store.query_connection(&bot, ConnectionSubject::Permissions, deps.host.clock.now()).await.map(|_| ())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = asked {
        tracing::warn!(%error, "the permission check waits for the sweep");
    }
}
