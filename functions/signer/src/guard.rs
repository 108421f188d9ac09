//! The guards: what the signer refuses whatever the trader decided (reset-fence.md A.3). Pure.
//!
//! The trader may be in a thief's hands, so an order is valued at the market's price when that is higher than the one it
//! names. GU-1 holds for every order. GU-4 limits what opens or enlarges a position; an exit sells what earlier orders
//! inside the limit have bought, and refusing it would hold the owner in a falling market.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use store::entity::connection::ENTRY_EQUITY_PCT;
use strategy::market::{Candle, Pair};
use strategy::money::{Amount, Price};
use strategy::order::PlannedOrder;

/// GU-4: share of the quote volume of the last five minutes, in percent.
const VOLUME_SHARE_PCT: i64 = 1;

/// What the guards look at.
#[derive(Debug)]
pub struct Facts<'a> {
    pub order: &'a PlannedOrder,
    pub pair: &'a Pair,
    pub allowed_pairs: &'a [Pair],
    pub order_quote_max: Amount,
    /// Quote; `None` before balances were ever recorded.
    pub equity: Option<Amount>,
    /// Closed candles of the last five minutes of market time.
    pub candles: &'a [Candle],
    /// The market's last price.
    pub last: Option<Price>,
}

/// Why a guard refused. The text is the owner's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardRefused {
    /// GU-1.
    #[error("{0} is not among the pairs this connection allows")]
    PairNotAllowed(Pair),
    /// No price to value the order with.
    #[error("the market of {0} is not known yet")]
    NoMarket(Pair),
    /// GU-4, absolute.
    #[error("the order is worth {value}, more than the {max} this connection allows for one order")]
    AboveOrderMax { value: Amount, max: Amount },
    /// GU-4, equity.
    #[error("the order is worth {value}, more than 5 % of the account's {equity}")]
    AboveEquityShare { value: Amount, equity: Amount },
    /// GU-4, volume.
    #[error("the order is worth {value}, more than 1 % of the {volume} traded in the last five minutes")]
    AboveVolumeShare { value: Amount, volume: Amount },
}

/// What the order is worth, in quote: at its own price or the market's, whichever is more.
pub fn value(facts: &Facts<'_>) -> Amount {
    let own = facts.order.kind.resting_price().unwrap_or(facts.order.reference_price);
    facts.last.map_or(own, |last| own.max(last)) * facts.order.quantity
}

/// Checks GU-1 and GU-4; answers the order's value for GU-5's counters.
pub fn guard(facts: &Facts<'_>) -> Result<Amount, GuardRefused> {
    if !facts.allowed_pairs.contains(facts.pair) {
        return Err(GuardRefused::PairNotAllowed(facts.pair.clone()));
    }
    if facts.last.is_none() {
        return Err(GuardRefused::NoMarket(facts.pair.clone()));
    }
    let value = value(facts);
    if !facts.order.key.slot.role.is_entry() {
        return Ok(value);
    }
    if value > facts.order_quote_max {
        return Err(GuardRefused::AboveOrderMax { value, max: facts.order_quote_max });
    }
    if let Some(equity) = facts.equity
        && exceeds(value, equity, ENTRY_EQUITY_PCT)
    {
        return Err(GuardRefused::AboveEquityShare { value, equity });
    }
    let volume = facts.candles.iter().fold(Amount::ZERO, |sum, candle| sum + candle.close * candle.volume);
    if exceeds(value, volume, VOLUME_SHARE_PCT) {
        return Err(GuardRefused::AboveVolumeShare { value, volume });
    }
    Ok(value)
}

/// Whether `value > whole * percent / 100`, without a division.
fn exceeds(value: Amount, whole: Amount, percent: i64) -> bool {
    value.decimal().saturating_mul(Decimal::new(100, 0)) > whole.decimal().saturating_mul(Decimal::new(percent, 0))
}

/// GU-5 counts whole units of 1e-8 quote, rounded up.
pub fn units(value: Amount) -> u64 {
    value.decimal().saturating_mul(Decimal::new(100_000_000, 0)).ceil().to_u64().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use strategy::id::{BotId, ClientOrderId, DealId};
    use strategy::market::MarketTime;
    use strategy::money::Quantity;
    use strategy::order::{OrderKey, OrderKind, Role, Side, Slot};

    use super::*;

    fn order(role: Role, price: &str, quantity: &str) -> PlannedOrder {
        let key = OrderKey { slot: Slot::of(role), revision: 0, attempt: 0 };
        let ulid = ulid::Ulid::from_parts(1, 2);
        let price: Price = price.parse().expect("price");
        PlannedOrder {
            client_order_id: ClientOrderId::derive(BotId::new(ulid), DealId::new(ulid), key),
            key,
            side: Side::Buy,
            kind: OrderKind::Limit { price },
            quantity: quantity.parse().expect("quantity"),
            reference_price: price,
            reason: "test".into(),
        }
    }
    fn candle(volume: &str) -> Candle {
        let price: Price = "100".parse().expect("price");
        Candle {
            open_time: MarketTime::from_ms(0),
            close_time: MarketTime::from_ms(60_000),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: volume.parse::<Quantity>().expect("volume"),
        }
    }
    /// One order of one unit at `price`; the limits leave exactly 100 unless a case changes them.
    struct Case {
        role: Role,
        price: &'static str,
        last: Option<&'static str>,
        max: &'static str,
        equity: Option<&'static str>,
        volume: &'static str,
        pairs: &'static [&'static str],
    }
    const PLAIN: Case = Case {
        role: Role::Base,
        price: "100",
        last: Some("100"),
        max: "100",
        equity: Some("2000"),
        volume: "100",
        pairs: &["ETH-USDT"],
    };
    fn check(case: Case, expected: Result<&str, &str>) {
        let order = order(case.role, case.price, "1");
        let amount = |text: &str| Amount::parse(text).expect("amount");
        let pairs: Vec<Pair> = case.pairs.iter().map(|p| p.parse().expect("pair")).collect();
        let outcome = guard(&Facts {
            order: &order,
            pair: &"ETH-USDT".parse().expect("pair"),
            allowed_pairs: &pairs,
            order_quote_max: amount(case.max),
            equity: case.equity.map(amount),
            candles: &[candle(case.volume)],
            last: case.last.map(|p| p.parse().expect("price")),
        });
        let outcome = outcome.map(|value| value.to_string()).map_err(|refused| refused.to_string());
        match expected {
            Ok(value) => assert_eq!(outcome.as_deref(), Ok(value)),
            Err(part) => assert!(outcome.as_ref().is_err_and(|text| text.contains(part)), "{outcome:?} has no {part}"),
        }
    }

    // GU-1.
    #[test]
    fn only_allowed_pairs_trade() {
        check(Case { pairs: &["BTC-USDT"], ..PLAIN }, Err("not among the pairs"));
        check(Case { pairs: &[], role: Role::StopLoss, ..PLAIN }, Err("not among the pairs"));
    }
    // GU-4: each bound admits its own value and refuses the next.
    #[test]
    fn each_limit_admits_its_value_and_refuses_more() {
        check(PLAIN, Ok("100"));
        check(Case { max: "99.99999999", ..PLAIN }, Err("this connection allows"));
        check(Case { equity: Some("1999.99"), ..PLAIN }, Err("5 % of the account"));
        check(Case { volume: "99.99999999", ..PLAIN }, Err("1 % of the"));
        check(Case { volume: "0", ..PLAIN }, Err("1 % of the"));
        check(Case { equity: None, ..PLAIN }, Ok("100"));
    }
    // The price an order names is the trader's word; the market's is not.
    #[test]
    fn an_order_is_valued_at_the_market_when_that_is_more() {
        check(Case { price: "1", ..PLAIN }, Ok("100"));
        check(Case { price: "1", last: Some("100.01"), ..PLAIN }, Err("this connection allows"));
        check(Case { price: "100.01", last: Some("1"), ..PLAIN }, Err("this connection allows"));
        check(Case { last: None, ..PLAIN }, Err("not known yet"));
    }
    #[test]
    fn an_exit_is_not_held_back_by_its_size() {
        for role in [Role::TakeProfit, Role::StopLoss, Role::Close] {
            check(Case { role, max: "1", equity: Some("1"), volume: "0", ..PLAIN }, Ok("100"));
        }
        check(Case { role: Role::Averaging, max: "1", ..PLAIN }, Err("this connection allows"));
    }
    #[test]
    fn counters_round_up() {
        assert_eq!(units(Amount::parse("0.000000001").expect("amount")), 1);
        assert_eq!(units(Amount::parse("83.179926").expect("amount")), 8_317_992_600);
    }
}
