//! Cancels one order. A cancel only takes risk away; what it finds cancelled, filled or gone is settled by asking.

use exchange::Venue;
use store::Table;
use store::entity::intent::Intent;
use store::entity::order::{self, StoredOrder};
use store::transaction::authorise_cancel::AuthorisingCancel;
use store::transaction::close_intent::Ending;
use store::transaction::record_outcome::{OrderNews, Recording};
use strategy::id::ClientOrderId;

use crate::authorise::{self, AUTHORISE_MS_MAX, Refused};
use crate::check_deadline::Started;
use crate::place::ask_permissions;
use crate::send::{self, NoAnswer};
use crate::{Deps, NotDone, fills, record};

/// Cancels, at most once per intent.
pub async fn cancel(deps: &Deps, intent: &Intent, venue: Venue, order: &ClientOrderId) -> Result<(), NotDone> {
    let (bot, deal, pair) = record::place_of(intent)?;
    let known = deps.store.read(Table::Trading, &order::key(bot, order)).await?;
    let Some(known) = known.map(|row| StoredOrder::from_row(&row)).transpose()? else {
        return record::end(
            deps,
            intent,
            Ending::RefusedBeforehand,
            "the order is not on the exchange as far as we know",
        )
        .await;
    };
    if known.status.is_final() {
        return record::end(deps, intent, Ending::RefusedBeforehand, "the order has ended already").await;
    }
    let Some(key) = deps.store.find_sealed_key(intent.user, intent.connection).await? else {
        return record::end(deps, intent, Ending::Fenced, "the exchange key was removed").await;
    };
    let offset_ms = send::offset_ms(deps, venue).await?;

    let monotonic = deps.host.clock.monotonic();
    let authorising =
        AuthorisingCancel { intent, bot, deal, pair, order, deadline: deps.host.clock.now().plus_ms(AUTHORISE_MS_MAX) };
    let authorised = match deps.store.authorise_cancel(&authorising, &deps.host).await {
        Ok(authorised) => authorised,
        Err(refused) => {
            return match authorise::access(refused) {
                Refused::Leave => Ok(()),
                Refused::End(ending, why) => record::end(deps, intent, ending, &why).await,
                Refused::NotNow(not) => Err(not),
            };
        }
    };
    let started = Started { monotonic, authorised_at: authorised.authorised_at() };

    // From here on the intent is AUTHORISED: no error may bring the record again.
    let answer = match deps.signer.sign_cancel(authorised, &key, offset_ms, deps.window).await {
        Ok(signed) => {
            send::send_once(
                deps,
                venue,
                signed,
                started,
                match venue {
                    Venue::Paper => exchange::binance::cancelled_order,
                },
            )
            .await
        }
        Err(refused) => Err(send::not_signed(deps, venue, &refused)),
    };
    let settled = match answer {
        // The fills are those on record: then the cancel's answer is the whole truth.
        Ok(answer) if answer.client_order_id == order.as_str() && answer.executed == known.filled.quantity => {
            let news = OrderNews {
                status: fills::venue_status(answer.status),
                exchange_order_id: answer.exchange_order_id,
                filled: known.filled,
                trade_id: None,
            };
            let recording = Recording {
                answered: intent,
                place: None,
                order: &known.order,
                bot,
                deal,
                pair,
                news: &news,
                trade_id_seen: known.trade_id_seen,
                sent_at: known.sent_at,
            };
            record::order(deps, &recording).await
        }
        // A fill came between: its price and fee are told by a question.
        Ok(_) => {
            record::unknown(deps, intent, started.authorised_at, order, "cancelled, with fills that are not on record")
                .await
        }
        Err(NoAnswer::NotExecuted { why }) => record::end(deps, intent, Ending::NotExecuted, &why).await,
        Err(NoAnswer::KeyRefused { why }) => {
            ask_permissions(deps, bot).await;
            record::end(deps, intent, Ending::Refused, &why).await
        }
        Err(NoAnswer::Lives) => {
            record::unknown(deps, intent, started.authorised_at, order, "the answer is not about a cancel").await
        }
        // It may have been filled, or cancelled by somebody else.
        Err(NoAnswer::NoOpenOrder) => {
            record::unknown(deps, intent, started.authorised_at, order, "the exchange knows no open order of this name")
                .await
        }
        Err(NoAnswer::Refused { why } | NoAnswer::Unknown { why }) => {
            record::unknown(deps, intent, started.authorised_at, order, &why).await
        }
    };
    if let Err(error) = settled {
        tracing::error!(%bot, %error, "a cancel's outcome is not recorded; the sweep will ask for it");
    }
    Ok(())
}
