//! The query protocol (exchanges.md): what became of an order whose answer was lost, and how resting orders fare.
//!
//! Absence needs proof: by client id, among the open orders, and among the fills since the last one known, each twice, at
//! least ten seconds apart, and both times after the exchange could still have accepted the order. Two QUERY intents make
//! the two looks; nothing waits in here.

use account::WallTime;
use exchange::{Failure, OrderAnswer, Question, Trade, Venue, binance};
use store::Table;
use store::entity::connection::SealedKey;
use store::entity::intent::{Ask, Intent, IntentState, place_key};
use store::entity::order::{self, StoredOrder};
use store::transaction::authorise_query::QueryGrant;
use store::transaction::close_intent::Ending;
use store::transaction::record_outcome::{OrderNews, Recording};
use strategy::id::ClientOrderId;
use strategy::market::Pair;
use strategy::order::PlannedOrder;

use crate::authorise::{self, AUTHORISE_MS_MAX, Refused};
use crate::{Deps, NotDone, fills, record, send};

/// After the send window an order can still be on its way through the exchange for this long, ms (its own timeout).
const SERVER_TIMEOUT_MS: i64 = 10_000;
/// The two looks lie this far apart, ms.
const BETWEEN_LOOKS_MS: i64 = 10_000;
/// Pages of a thousand fills, and orders of fills looked up, before absence is called unproven.
const PAGES_MAX: u32 = 5;
const ORDERS_MAX: usize = 20;

struct Asking<'a> {
    deps: &'a Deps,
    venue: Venue,
    grant: &'a QueryGrant,
    key: &'a SealedKey,
    offset_ms: i64,
    pair: &'a Pair,
    order: &'a ClientOrderId,
}

/// Asks about one order and records the answer.
pub async fn query_order(deps: &Deps, intent: &Intent, venue: Venue, order: &ClientOrderId) -> Result<(), NotDone> {
    let Some(bot) = intent.bot else { return Err(NotDone::GiveUp("a question about an order without a bot".into())) };
    let Some(place) = deps.store.find_intent(&place_key(bot, order)).await? else {
        return record::end_query(deps, intent, IntentState::Expired, Some("no such order")).await;
    };
    let Ask::Place(planned) = &place.ask else { return Err(NotDone::GiveUp("an order that was not placed".into())) };
    let known = deps.store.read(Table::Trading, &order::key(bot, order)).await?;
    let known = known.map(|row| StoredOrder::from_row(&row)).transpose()?;
    let open = match place.state {
        IntentState::Sent => known.as_ref().is_some_and(|k| !k.status.is_final()),
        IntentState::Authorised | IntentState::Unknown => true,
        IntentState::Proposed
        | IntentState::Absent
        | IntentState::Expired
        | IntentState::Refused
        | IntentState::Fenced => false,
    };
    if !open {
        return record::end_query(deps, intent, IntentState::Sent, Some("nothing is open")).await;
    }
    let Some(key) = deps.store.find_sealed_key(intent.user, intent.connection).await? else {
        return record::end_query(deps, intent, IntentState::Fenced, Some("the exchange key was removed")).await;
    };
    let offset_ms = send::offset_ms(deps, venue).await?;
    let deadline = deps.host.clock.now().plus_ms(AUTHORISE_MS_MAX);
    let grant = match deps.store.authorise_query(intent, deadline, &deps.host).await {
        Ok(grant) => grant,
        Err(refused) => {
            return match authorise::access(refused) {
                Refused::Leave => Ok(()),
                Refused::End(ending, why) => record::end_query(deps, intent, ending.state(), Some(&why)).await,
                Refused::NotNow(not) => Err(not),
            };
        }
    };
    let (_, _, pair) = record::place_of(&place)?;
    let asking = Asking { deps, venue, grant: &grant, key: &key, offset_ms, pair, order };
    let asked = match find(&asking, &place, planned).await {
        Ok(Some(news)) => found(deps, intent, &place, planned, known.as_ref(), &news).await,
        Ok(None) if place.state == IntentState::Sent => {
            tracing::error!(%bot, %order, "the exchange does not know an order that it had accepted");
            record::end_query(deps, intent, IntentState::Expired, Some("the exchange does not know the order")).await
        }
        Ok(None) => absent(deps, intent, &place, venue, grant.authorised_at()).await,
        Err(failure) => record::end_query(deps, intent, IntentState::Expired, Some(&failure.to_string())).await,
    };
    if let Err(error) = asked {
        tracing::warn!(%bot, %order, %error, "the question is asked again");
    }
    Ok(())
}

/// By client id, then among the open orders, then among the fills. `None`: all three say no.
async fn find(asking: &Asking<'_>, place: &Intent, planned: &PlannedOrder) -> Result<Option<OrderNews>, Failure> {
    let by_id = Question::Order { pair: asking.pair.clone(), order: asking.order.clone() };
    match asking.ask(&by_id, binance::order).await {
        Ok(answer) => return asking.news(answer, &by_id).await.map(Some),
        Err(Failure::NotFound) => {}
        Err(failure) => return Err(failure),
    }
    if place.state == IntentState::Sent {
        return Ok(None);
    }
    let open = asking.ask(&Question::OpenOrders { pair: asking.pair.clone() }, binance::open_orders).await?;
    if let Some(answer) = open.into_iter().find(|o| o.client_order_id == asking.order.as_str()) {
        return asking.news(answer, &by_id).await.map(Some);
    }
    among_fills(asking, place, planned).await
}

/// A market order that filled at once is neither open nor, perhaps, found by its name yet: its fills tell.
async fn among_fills(
    asking: &Asking<'_>,
    place: &Intent,
    planned: &PlannedOrder,
) -> Result<Option<OrderNews>, Failure> {
    let unread = |error: store::StoreError| Failure::Unknown { why: error.to_string() };
    let row = asking.deps.store.read(Table::Trading, &place.key).await.map_err(unread)?;
    let seen: i64 = row.as_ref().and_then(|row| row.number("trade_id_seen").ok()).unwrap_or(0);
    let mut from = seen.saturating_add(1);
    let mut looked_up: Vec<String> = Vec::new();
    for _ in 0..PAGES_MAX {
        let page: Vec<Trade> =
            asking.ask(&Question::TradesFrom { pair: asking.pair.clone(), trade_id: from }, binance::trades).await?;
        for trade in &page {
            // More cannot have been filled than was asked for: another order's.
            if trade.quantity > planned.quantity || looked_up.contains(&trade.exchange_order_id) {
                continue;
            }
            if looked_up.len() >= ORDERS_MAX {
                return Err(Failure::Unknown { why: "too many orders have traded to tell them apart".into() });
            }
            looked_up.push(trade.exchange_order_id.clone());
            let by_id =
                Question::OrderById { pair: asking.pair.clone(), exchange_order_id: trade.exchange_order_id.clone() };
            let answer = asking.ask(&by_id, binance::order).await?;
            if answer.client_order_id == asking.order.as_str() {
                return asking.news(answer, &by_id).await.map(Some);
            }
        }
        match page.last() {
            Some(last) if page.len() >= 1_000 => from = last.trade_id.saturating_add(1),
            Some(_) | None => return Ok(None),
        }
    }
    Err(Failure::Unknown { why: "too many fills to look through".into() })
}

impl Asking<'_> {
    async fn ask<T>(
        &self,
        question: &Question,
        read: fn(exchange::Received<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self.venue {
            Venue::Paper => {
                send::ask(self.deps, self.venue, self.grant, self.key, self.offset_ms, question, read).await
            }
        }
    }
    /// Status and fills that agree; when a fill came between the two questions, the order is asked once more.
    async fn news(&self, answer: OrderAnswer, again: &Question) -> Result<OrderNews, Failure> {
        let mut answer = answer;
        let trades = match answer.executed.is_zero() {
            true => Vec::new(),
            false => {
                self.ask(
                    &Question::TradesOf {
                        pair: self.pair.clone(),
                        exchange_order_id: answer.exchange_order_id.clone(),
                    },
                    binance::trades,
                )
                .await?
            }
        };
        let filled = fills::sum(self.deps, self.venue, self.pair, &trades).await;
        if filled.quantity != answer.executed {
            answer = self.ask(again, binance::order).await?;
        }
        if filled.quantity != answer.executed {
            return Err(Failure::Unknown { why: "the order and its fills do not agree yet".into() });
        }
        Ok(OrderNews {
            status: fills::venue_status(answer.status),
            exchange_order_id: answer.exchange_order_id,
            filled,
            trade_id: trades.iter().map(|trade| trade.trade_id).max(),
        })
    }
}

async fn found(
    deps: &Deps,
    intent: &Intent,
    place: &Intent,
    planned: &PlannedOrder,
    known: Option<&StoredOrder>,
    news: &OrderNews,
) -> Result<(), NotDone> {
    let (bot, deal, pair) = record::place_of(place)?;
    if let Some(known) = known
        && place.state == IntentState::Sent
        && known.status == news.status
        && known.filled.quantity == news.filled.quantity
    {
        // Nothing new: the bot is not woken for it (P5).
        deps.store.note_seen(bot, &planned.client_order_id, deps.host.clock.now()).await?;
        return record::end_query(deps, intent, IntentState::Sent, None).await;
    }
    let open = place.state != IntentState::Sent;
    let recording = Recording {
        answered: intent,
        place: open.then_some(&place.key),
        order: planned,
        bot,
        deal,
        pair,
        news,
        trade_id_seen: known.map_or(0, |k| k.trade_id_seen),
        sent_at: place.authorised_at.unwrap_or(place.proposed_at),
    };
    record::order(deps, &recording).await
}

/// Nothing found. Counts as a look only when the order could not be accepted any more; the second look proves absence.
async fn absent(deps: &Deps, intent: &Intent, place: &Intent, venue: Venue, asked_at: WallTime) -> Result<(), NotDone> {
    let settled_at = place.authorised_at.unwrap_or(asked_at).plus_ms(venue.send_window_ms_max() + SERVER_TIMEOUT_MS);
    if place.state != IntentState::Unknown || asked_at < settled_at {
        return record::end_query(deps, intent, IntentState::Sent, Some("not found, and too early to tell")).await;
    }
    match deps.store.note_absence(&place.key, asked_at).await? {
        Some(first) if asked_at.ms_since(first) >= BETWEEN_LOOKS_MS => {
            record::end(deps, place, Ending::Absent, "it never reached the exchange").await?;
            record::end_query(deps, intent, IntentState::Sent, Some("proven absent")).await
        }
        Some(_) => record::end_query(deps, intent, IntentState::Sent, Some("not found; looked for once more")).await,
        None => record::end_query(deps, intent, IntentState::Sent, Some("settled meanwhile")).await,
    }
}
