//! The market tick: for each pair, candles first, then the wakes they crossed, `seen_until` last.
//!
//! Per pair three reads and one write, and one more write and one query for all pairs together (G9); what wakes and asks
//! costs comes on top, for those bots alone to which something happened.

use std::collections::BTreeMap;

use exchange::Venue;
use store::entity::market::{MarketRules, MarketState};
use strategy::market::{Candle, FeeAsset, Fees, MarketTime, Pair, SymbolStatus};
use strategy::money::Percent;

use crate::{Deps, Failures, TickFailed, ask_market, crossed};

/// The indexes lag: candles of the last five minutes, in ms, are looked at again.
const OVERLAP_MS: i64 = 5 * 60_000;
/// Rules are copied again after an hour of the wall clock, in ms.
const RULES_MS: i64 = 3_600_000;

/// One pair as this tick found it.
struct Looked {
    state: MarketState,
    /** Overlap and new ones, oldest first. */
    candles: Vec<Candle>,
}

/// Looks at every pair. A pair that fails keeps its `seen_until` and is looked at again by the next tick.
pub async fn market(deps: &Deps, market_now: Option<MarketTime>) -> Result<(), TickFailed> {
    let mut failures = Failures::none();
    let mut looked: Vec<(Venue, &Pair, MarketState)> = Vec::new();
    let mut clocks: BTreeMap<&'static str, BTreeMap<Pair, MarketTime>> = BTreeMap::new();
    for (venue, pair) in &deps.pairs {
        let marked = async {
            let Some(found) = look(deps, *venue, pair, market_now).await? else { return Ok(None) };
            crossed::mark_crossed(deps, venue.as_str(), pair, &found.candles).await?;
            Ok::<_, TickFailed>(Some(found.state))
        };
        match marked.await {
            Ok(Some(state)) => {
                clocks.entry(venue.as_str()).or_default().insert(pair.clone(), state.seen_until);
                looked.push((*venue, pair, state));
            }
            Ok(None) => {}
            Err(failed) => failures.note(failed),
        }
    }
    for (exchange, pairs) in &clocks {
        if let Err(failed) = crossed::mark_timely(deps, exchange, pairs).await {
            // A time wake of any of its pairs may be unmarked: none of them was seen.
            looked.retain(|(venue, _, _)| venue.as_str() != *exchange);
            failures.note(failed);
        }
    }
    let moved: Vec<_> = looked.iter().map(|(venue, pair, state)| (venue.as_str(), *pair, *state)).collect();
    deps.store.move_markets(&moved, deps.host.clock.now()).await?;
    failures.settle()
}

/// Fetches and records the candles of a pair; `None` while it has none.
async fn look(
    deps: &Deps,
    venue: Venue,
    pair: &Pair,
    market_now: Option<MarketTime>,
) -> Result<Option<Looked>, TickFailed> {
    let exchange = venue.as_str();
    let known = deps.store.find_market(exchange, pair).await?;
    let from = known.map(|state| MarketTime::from_ms(state.seen_until.ms().saturating_sub(OVERLAP_MS)));
    let candles = ask_market::candles(deps, venue, pair, from, market_now).await?;
    let Some(last) = candles.last().copied() else { return Ok(None) };
    let new: Vec<_> =
        candles.iter().filter(|c| known.is_none_or(|state| c.close_time > state.seen_until)).copied().collect();

    let now = deps.host.clock.now();
    let (mut status, mut rules_at) =
        known.map_or((SymbolStatus::Trading, None), |state| (state.status, Some(state.rules_at)));
    let outdated = rules_at.is_none_or(|at| now.ms_since(at) >= RULES_MS);
    // Without a new candle, or after a halt, the exchange says whether the symbol trades.
    if outdated || new.is_empty() || status == SymbolStatus::Break {
        match ask_market::rules(deps, venue, pair).await? {
            Some(listed) => {
                status = listed.status;
                if outdated {
                    deps.store
                        .put_rules(exchange, pair, &MarketRules { rules: listed.rules, fees: fees(venue) })
                        .await?;
                    rules_at = Some(now);
                }
            }
            None => status = SymbolStatus::Break,
        }
    }
    // Candles before wakes: whoever is woken finds the candle that woke it.
    if !new.is_empty() {
        deps.store.put_candles(exchange, pair, &new, status, now).await?;
    } else if known.is_some_and(|state| state.status != status) {
        deps.store.put_candles(exchange, pair, &[last], status, now).await?;
    }
    let seen_until = known.map_or(last.close_time, |state| state.seen_until.max(last.close_time));
    let state = MarketState {
        seen_until,
        status,
        last: last.close,
        rules_at: rules_at.unwrap_or(store::entity::market::NEVER),
    };
    Ok(Some(Looked { state, candles }))
}

/// What the account pays until its fills say otherwise: 0.1 % of the asset received, as Binance charges new accounts and
/// as the paper exchange's default profile does.
fn fees(venue: Venue) -> Fees {
    match venue {
        Venue::Paper => {
            let rate = Percent::parse("0.1").unwrap_or(Percent::ZERO);
            Fees { maker: rate, taker: rate, asset: FeeAsset::Received }
        }
    }
}
