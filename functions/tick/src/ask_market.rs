//! Asks an exchange for public market data and reads the answer.

use exchange::{Failure, PublicQuestion, PublicRequest, Venue, binance};
use strategy::market::{Candle, MarketTime, Pair};
use wire::Sent;

use crate::{Deps, TickFailed};

/// The most candles that one answer holds.
const LIMIT: u16 = 1_000;
/// Answers per tick and pair: after a long gap the next ticks go on from there.
const ANSWERS_MAX: usize = 5;
/// How many candles the first look at a pair takes: an hour to draw.
const FIRST: u16 = 60;

/// Closed candles that open at or after `from`, oldest first; the latest ones without it. Ends before the first candle
/// that is out of order, so that what follows is asked for again.
pub async fn candles(
    deps: &Deps,
    venue: Venue,
    pair: &Pair,
    from: Option<MarketTime>,
    now: Option<MarketTime>,
) -> Result<Vec<Candle>, TickFailed> {
    let mut all: Vec<Candle> = Vec::new();
    let mut start = from;
    for _ in 0..ANSWERS_MAX {
        let limit = if start.is_some() { LIMIT } else { FIRST };
        let received =
            ask(deps, venue, pair, &PublicQuestion::Candles { pair: pair.clone(), from: start, limit }).await?;
        let answer = match venue {
            Venue::Paper => binance::candles(received.received()),
        }
        .map_err(|e| failed(pair, &e))?;
        let full = answer.len() >= usize::from(LIMIT);
        let before = all.len();
        for candle in answer {
            let next = all.last().map_or(from.unwrap_or(MarketTime::START), |last| last.close_time);
            if candle.open_time >= next && candle.close_time > candle.open_time {
                all.push(candle);
            }
        }
        start = all.last().map(|last| last.close_time);
        if !full || all.len() == before {
            break;
        }
    }
    // The paper exchange tells closed candles only: those that it has applied.
    all.retain(|candle| now.is_none_or(|now| candle.close_time <= now));
    Ok(all)
}

/// The rules and status of a pair; `None` when the exchange does not list it.
pub async fn rules(deps: &Deps, venue: Venue, pair: &Pair) -> Result<Option<binance::PairRules>, TickFailed> {
    let received = ask(deps, venue, pair, &PublicQuestion::Pairs { only: vec![pair.clone()] }).await?;
    let pairs = match venue {
        Venue::Paper => binance::pairs(received.received()),
    }
    .map_err(|e| failed(pair, &e))?;
    Ok(pairs.into_iter().find(|listed| listed.pair == *pair))
}

async fn ask(deps: &Deps, venue: Venue, pair: &Pair, question: &PublicQuestion) -> Result<wire::Answer, TickFailed> {
    match deps.market.send(PublicRequest::build(venue, question)).await {
        Sent::Answered(answer) => Ok(answer),
        Sent::NotSent { why } | Sent::Unknown { why } => Err(TickFailed::Market { pair: pair.to_string(), why }),
    }
}
fn failed(pair: &Pair, failure: &Failure) -> TickFailed {
    TickFailed::Market { pair: pair.to_string(), why: failure.to_string() }
}
