//! Which wakes the market crossed, and what follows: due, a hint, questions about resting orders.
//!
//! An index finds candidates; each is read again by its key, and marking it is conditional on its id. Repeating a tick over
//! the same candles marks nothing twice.

use std::collections::BTreeMap;

use store::entity::wake::{Waits, Wake, WakeKind, market_steps};
use store::transaction::write_query::OrderOf;
use strategy::market::{Candle, MarketTime, Pair};

use crate::{Deps, TickFailed};

/// Marks the price wakes of a pair that these candles crossed.
pub async fn mark_crossed(deps: &Deps, exchange: &str, pair: &Pair, candles: &[Candle]) -> Result<(), TickFailed> {
    for kind in [WakeKind::Below, WakeKind::Above] {
        let Some(reached) = furthest(kind, candles, MarketTime::START) else { continue };
        for candidate in deps.store.find_reached(exchange, pair, kind, reached).await? {
            // What the index holds was true once: if its candles did not cross it, a later version has its own turn.
            if first_crossing(kind, candles, candidate.written_at, candidate.steps).is_none() {
                continue;
            }
            let Some(wake) = deps.store.find_wake(&candidate.key).await? else { continue };
            let Waits::Price { steps, decide, resting } = &wake.waits else { continue };
            let Some(due) = first_crossing(kind, candles, wake.written_at, *steps) else { continue };
            let now = deps.host.clock.now();
            let furthest = furthest(kind, candles, wake.written_at).unwrap_or(*steps);
            let of = OrderOf::from(&wake.owner);
            for (order, at) in resting.iter().filter(|(_, at)| reaches(kind, furthest, *at)) {
                let asked = deps.store.query_order(&of, order, now).await?;
                tracing::debug!(bot = %of.bot, %order, at, asked, "the market reached a resting order");
            }
            if *decide {
                tell_due(deps, &wake, due).await?;
            } else if let Some(last) = candles.last() {
                deps.store.note_asked(&wake, last.close_time).await?;
            }
        }
    }
    Ok(())
}

/// Marks the time wakes of an exchange whose time has come on the clock of their pair.
pub async fn mark_timely(deps: &Deps, exchange: &str, clocks: &BTreeMap<Pair, MarketTime>) -> Result<(), TickFailed> {
    let Some(latest) = clocks.values().max().copied() else { return Ok(()) };
    for key in deps.store.find_timely(exchange, latest).await? {
        let Some(wake) = deps.store.find_wake(&key).await? else { continue };
        let Waits::Time { at } = wake.waits else { continue };
        // A pair that is not listed here any more has no clock of its own.
        if at <= clocks.get(&wake.owner.pair).copied().unwrap_or(latest) {
            tell_due(deps, &wake, at).await?;
        }
    }
    Ok(())
}

async fn tell_due(deps: &Deps, wake: &Wake, due: MarketTime) -> Result<(), TickFailed> {
    // Due in the table before the hint: a hint that is lost only delays.
    if deps.store.mark_due(wake, due, deps.host.clock.now()).await? {
        deps.tell(&wake.hint(due)).await;
    }
    Ok(())
}

/// The lowest low, or highest high, of the candles that closed later than `after`, in steps.
fn furthest(kind: WakeKind, candles: &[Candle], after: MarketTime) -> Option<i64> {
    let later = candles.iter().filter(|candle| candle.close_time > after);
    match kind {
        WakeKind::Below => later.map(|candle| market_steps(kind, candle.low)).min(),
        WakeKind::Above | WakeKind::Time => later.map(|candle| market_steps(kind, candle.high)).max(),
    }
}
fn reaches(kind: WakeKind, market: i64, wake: i64) -> bool {
    match kind {
        WakeKind::Below => market <= wake,
        WakeKind::Above | WakeKind::Time => market >= wake,
    }
}
/// Close of the first candle, later than `written_at`, that reached the wake.
fn first_crossing(kind: WakeKind, candles: &[Candle], written_at: MarketTime, steps: i64) -> Option<MarketTime> {
    candles
        .iter()
        .filter(|candle| candle.close_time > written_at)
        .find(|candle| {
            let price = match kind {
                WakeKind::Below => candle.low,
                WakeKind::Above | WakeKind::Time => candle.high,
            };
            reaches(kind, market_steps(kind, price), steps)
        })
        .map(|candle| candle.close_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::entity::wake::wake_steps;
    use strategy::money::Price;

    fn candle(minute: i64, low: &str, high: &str) -> Candle {
        let price = |text: &str| text.parse::<Price>().expect("a price");
        Candle {
            open_time: MarketTime::from_ms(minute * 60_000),
            close_time: MarketTime::from_ms((minute + 1) * 60_000),
            open: price(low),
            high: price(high),
            low: price(low),
            close: price(high),
            volume: "1".parse().expect("a quantity"),
        }
    }
    fn check(kind: WakeKind, written_minute: i64, price: &str, expected_minute: Option<i64>) {
        let candles = [candle(0, "100", "110"), candle(1, "95", "105"), candle(2, "90", "120")];
        let steps = wake_steps(kind, price.parse().expect("a price"));
        let found = first_crossing(kind, &candles, MarketTime::from_ms(written_minute * 60_000), steps);
        assert_eq!(found.map(|t| t.ms() / 60_000), expected_minute, "{kind:?} {price} after {written_minute}");
    }

    #[test]
    fn a_wake_matches_the_first_later_candle_that_touches_it() {
        check(WakeKind::Below, 0, "95", Some(2));
        check(WakeKind::Below, 0, "94.99", Some(3));
        check(WakeKind::Below, 0, "89.99", None);
        check(WakeKind::Above, 0, "110", Some(1));
        check(WakeKind::Above, 0, "120.01", None);
    }
    #[test]
    fn candles_that_the_decision_saw_do_not_match() {
        check(WakeKind::Below, 2, "95", Some(3));
        check(WakeKind::Below, 3, "95", None);
        check(WakeKind::Above, 1, "110", Some(3));
    }
}
