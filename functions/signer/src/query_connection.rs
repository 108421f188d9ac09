//! Asks about a connection: its balances, or what its key may do.

use exchange::{Account, Failure, PublicQuestion, PublicRequest, Question, Venue, Verdict};
use store::entity::connection::Connection;
use store::entity::intent::{ConnectionSubject, Intent, IntentState};
use strategy::market::Pair;
use strategy::money::{Amount, Price};

use crate::authorise::{self, AUTHORISE_MS_MAX, Refused};
use crate::{Deps, NotDone, record, send};

/// Asks and records.
pub async fn query_connection(
    deps: &Deps,
    intent: &Intent,
    venue: Venue,
    subject: ConnectionSubject,
) -> Result<(), NotDone> {
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
    let asked = match subject {
        ConnectionSubject::Permissions => {
            let read = match venue {
                Venue::Paper => exchange::binance::permissions,
            };
            let said = send::ask(deps, venue, &grant, &key, offset_ms, &Question::Permissions, read).await;
            permissions(deps, intent, said).await
        }
        ConnectionSubject::Balances => {
            let read = match venue {
                Venue::Paper => exchange::binance::account,
            };
            let said = send::ask(deps, venue, &grant, &key, offset_ms, &Question::Account, read).await;
            balances(deps, intent, venue, said).await
        }
    };
    if let Err(error) = asked {
        tracing::warn!(connection = %intent.connection, %error, "the question is asked again");
    }
    Ok(())
}

/// KX-1, KX-2: the verdict, whether it is better or worse than before.
async fn permissions(deps: &Deps, intent: &Intent, said: Result<Verdict, Failure>) -> Result<(), NotDone> {
    let (accepted, why) = match said {
        Ok(Verdict::Accepted) => (true, String::new()),
        Ok(Verdict::Refused(faults)) => (false, faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        Err(failure @ Failure::KeyRefused { .. }) => (false, failure.to_string()),
        Err(failure) => return record::end_query(deps, intent, IntentState::Expired, Some(&failure.to_string())).await,
    };
    if !accepted {
        tracing::warn!(user = %intent.user, connection = %intent.connection, why, alarm = "verdict", "a key is not accepted any more");
    }
    deps.store.record_verdict(intent, accepted, &why, &deps.host).await?;
    Ok(())
}

async fn balances(deps: &Deps, intent: &Intent, venue: Venue, said: Result<Account, Failure>) -> Result<(), NotDone> {
    let account = match said {
        Ok(account) => account,
        Err(failure) => return record::end_query(deps, intent, IntentState::Expired, Some(&failure.to_string())).await,
    };
    let Some(connection) = deps.store.find_connection(intent.user, intent.connection).await? else { return Ok(()) };
    let equity = equity(deps, intent, venue, &connection, &account).await?;
    let json = serde_json::to_string(&account.balances).map_err(|e| NotDone::GiveUp(e.to_string()))?;
    deps.store.record_balances(intent, &json, equity, &deps.host).await?;
    Ok(())
}

/// What the account is worth in quote: the quote asset, and the bases of the allowed pairs at their last prices. What has
/// no price counts nothing, which makes GU-4 stricter.
async fn equity(
    deps: &Deps,
    intent: &Intent,
    venue: Venue,
    connection: &Connection,
    account: &Account,
) -> Result<Amount, NotDone> {
    let Some(quote) = intent.pair.as_ref().or(connection.allowed_pairs.first()).map(|pair| pair.quote().to_owned())
    else {
        return Ok(Amount::ZERO);
    };
    let mut worth = Amount::admit(account.total(&quote).decimal()).unwrap_or(Amount::ZERO);
    for pair in connection.allowed_pairs.iter().filter(|pair| pair.quote() == quote) {
        let held = account.total(pair.base());
        if held.is_zero() {
            continue;
        }
        match last_price(deps, intent, venue, pair).await? {
            Some(price) => worth = worth + price * held,
            None => tracing::warn!(%pair, "holdings without a price are not counted as equity"),
        }
    }
    Ok(worth)
}

async fn last_price(deps: &Deps, intent: &Intent, venue: Venue, pair: &Pair) -> Result<Option<Price>, NotDone> {
    if let Some(market) = deps.store.find_market(&intent.exchange, pair).await? {
        return Ok(Some(market.last));
    }
    let request = PublicRequest::build(venue, &PublicQuestion::LastPrice { pair: pair.clone() });
    Ok(send::ask_public(
        deps,
        request,
        match venue {
            Venue::Paper => exchange::binance::last_price,
        },
    )
    .await)
}
