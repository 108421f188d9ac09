//! What holds for every sequence of orders, cancels and candles.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;

use paper::account::Account;
use paper::apply::apply_candle;
use paper::changes::Resting;
use paper::exchange::Exchange;
use paper::fill::Fill;
use paper::order::{Kind, NewOrder, Order, TimeInForce};
use paper::profile::Profile;
use paper::symbol::{Symbol, default_rules};
use proptest::prelude::*;
use rust_decimal::Decimal;
use strategy::market::{Candle, MarketTime, Pair};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::Side;

#[derive(Debug, Clone)]
enum Step {
    Place(NewOrder),
    Cancel(u64),
    Candle(Candle),
    SameCandleAgain,
}

fn cents(range: std::ops::Range<i64>) -> impl Strategy<Value = Decimal> {
    range.prop_map(|n| Decimal::new(n, 2))
}
fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}
fn price() -> impl Strategy<Value = Price> {
    cents(9900..10100).prop_map(|p| Price::admit(p).unwrap())
}
fn quantity() -> impl Strategy<Value = Quantity> {
    (1i64..300_000).prop_map(|lots| Quantity::admit(Decimal::new(lots, 5)).unwrap())
}
fn kind() -> impl Strategy<Value = Kind> {
    let tif = prop_oneof![Just(TimeInForce::Gtc), Just(TimeInForce::Ioc), Just(TimeInForce::Fok)];
    prop_oneof![
        4 => (price(), quantity(), tif).prop_map(|(price, quantity, time_in_force)| Kind::Limit { price, quantity, time_in_force }),
        2 => (price(), quantity()).prop_map(|(price, quantity)| Kind::LimitMaker { price, quantity }),
        1 => quantity().prop_map(|quantity| Kind::Market { quantity }),
        1 => cents(500..30_000).prop_map(|a| Kind::MarketByQuote { amount: Amount::admit(a).unwrap() }),
    ]
}
fn order() -> impl Strategy<Value = NewOrder> {
    (side(), kind(), proptest::option::of("[a-c]")).prop_map(|(side, kind, client_id)| NewOrder {
        client_id,
        side,
        kind,
    })
}
fn candle() -> impl Strategy<Value = Candle> {
    (cents(9900..10100), cents(0..100), cents(0..100), 0u32..=100, 0i64..4_000_000).prop_map(
        |(low, a, b, close, volume)| {
            let high = low + a + b;
            let close = (low + (high - low) * Decimal::new(i64::from(close), 2)).round_dp(2);
            let p = |d| Price::admit(d).unwrap();
            Candle {
                open_time: MarketTime::START,
                close_time: MarketTime::START,
                open: p(low + a),
                high: p(high),
                low: p(low),
                close: p(close),
                volume: Quantity::admit(Decimal::new(volume, 5)).unwrap(),
            }
        },
    )
}
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => order().prop_map(Step::Place),
        1 => (1u64..30).prop_map(Step::Cancel),
        3 => candle().prop_map(Step::Candle),
        1 => Just(Step::SameCandleAgain),
    ]
}
fn pair() -> Pair {
    "BTC-USDT".parse().unwrap()
}
fn start() -> BTreeMap<String, Decimal> {
    [("USDT".to_owned(), Decimal::from(1000)), ("BTC".to_owned(), Decimal::TEN)].into()
}
fn exchange(profile: Profile) -> Exchange {
    let mut exchange = Exchange::open(profile, Account::open(start()).unwrap());
    exchange.list(Symbol::list(pair(), default_rules().unwrap()).unwrap());
    exchange
}
fn at_minute(candle: Candle, minute: i64) -> Candle {
    Candle {
        open_time: MarketTime::from_ms(minute * 60_000),
        close_time: MarketTime::from_ms((minute + 1) * 60_000),
        ..candle
    }
}

/// Runs the steps, and calls `check` after each with every candle so far.
fn run(profile: Profile, steps: &[Step], mut check: impl FnMut(&Exchange, &[Candle])) -> Exchange {
    let mut exchange = exchange(profile);
    let mut candles: Vec<Candle> = Vec::new();
    for step in steps {
        match step {
            Step::Place(order) => drop(exchange.place(&pair(), order.clone()).map(|order| order.id)),
            Step::Cancel(id) => drop(exchange.cancel(*id)),
            Step::Candle(candle) => {
                let candle = at_minute(*candle, candles.len() as i64 + 1);
                exchange.apply_candle(&pair(), candle).unwrap();
                candles.push(candle);
            }
            Step::SameCandleAgain => {
                if let Some(candle) = candles.last() {
                    let (account, fills) = (exchange.account().clone(), exchange.fills().len());
                    assert!(!exchange.apply_candle(&pair(), *candle).unwrap());
                    assert_eq!((exchange.account(), exchange.fills().len()), (&account, fills));
                }
            }
        }
        check(&exchange, &candles);
    }
    exchange
}

/// Balances = opening balances + what the fills exchanged: with the fees and the market's side of each fill the sum of
/// every asset is constant.
fn nothing_is_lost(exchange: &Exchange) {
    let mut expected = start();
    for fill in exchange.fills() {
        for (asset, units) in fill.exchanged() {
            *expected.entry(asset.to_owned()).or_default() += units;
        }
    }
    for (asset, balance) in exchange.account().balances() {
        assert_eq!(balance.total(), expected.get(asset).copied().unwrap_or_default(), "{asset}");
        assert!(balance.free >= Decimal::ZERO && balance.locked >= Decimal::ZERO, "{asset} {balance:?}");
        let held: Decimal = exchange.orders().filter(|o| o.locked_asset() == asset).map(|o| o.locked).sum();
        assert_eq!(balance.locked, held, "{asset} is locked for open orders and nothing else");
    }
    for order in exchange.orders() {
        assert!(order.status.is_open() || order.locked.is_zero(), "{order:?}");
        let fills = exchange.fills().iter().filter(|f| f.order_id == order.id);
        let (q, v) = fills.fold((Quantity::ZERO, Amount::ZERO), |(q, v), f| (q + f.quantity, v + f.value));
        assert_eq!((order.executed, order.value), (q, v));
        assert!(order.kind.quantity().is_none_or(|asked| order.executed <= asked), "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn money_is_conserved_and_no_balance_is_negative(steps in proptest::collection::vec(step(), 1..60)) {
        run(Profile::standard(), &steps, |exchange, _| nothing_is_lost(exchange));
    }

    #[test]
    fn no_fill_is_beyond_the_limit_and_makers_fill_only_through(steps in proptest::collection::vec(step(), 1..60)) {
        run(Profile::standard(), &steps, |exchange, candles| for fill in exchange.fills() {
            let order = exchange.order(fill.order_id).unwrap();
            let candle = candles.iter().find(|c| c.open_time == fill.candle).unwrap();
            if let Some(limit) = order.kind.limit() {
                let kept = match fill.side { Side::Buy => fill.price <= limit, Side::Sell => fill.price >= limit };
                assert!(kept, "{fill:?}");
                assert!(!fill.maker || fill.price == limit, "{fill:?}");
                assert!(!fill.maker || match fill.side { Side::Buy => candle.low < limit, Side::Sell => candle.high > limit });
            }
            assert!(!(fill.maker && matches!(order.kind, Kind::Market { .. } | Kind::MarketByQuote { .. })));
            assert!(fill.maker || !matches!(order.kind, Kind::LimitMaker { .. }));
        });
    }

    #[test]
    fn a_candle_gives_no_more_than_the_share_of_its_volume(steps in proptest::collection::vec(step(), 1..60)) {
        let exchange = run(Profile::standard(), &steps, |_, _| {});
        let mut per_candle: BTreeMap<MarketTime, Decimal> = BTreeMap::new();
        for fill in exchange.fills() { *per_candle.entry(fill.candle).or_default() += fill.quantity.decimal(); }
        let candles: Vec<Candle> = steps.iter().filter_map(|s| if let Step::Candle(c) = s { Some(*c) } else { None }).collect();
        for (minute, candle) in candles.iter().enumerate() {
            let got = per_candle.get(&MarketTime::from_ms((minute as i64 + 1) * 60_000)).copied().unwrap_or_default();
            prop_assert!(got <= candle.volume.decimal() * Decimal::new(1, 1), "{got} of {candle:?}");
        }
    }

    #[test]
    fn the_same_steps_give_the_same_fills(steps in proptest::collection::vec(step(), 1..60)) {
        let log = |exchange: &Exchange| serde_json::to_string(&(exchange.account(), exchange.fills())).unwrap();
        prop_assert_eq!(log(&run(Profile::standard(), &steps, |_, _| {})), log(&run(Profile::standard(), &steps, |_, _| {})));
    }

    /// A store that writes a candle's changes in pieces and breaks off after any of them ends up where one that did not
    /// break off is, when it applies the candle again.
    #[test]
    fn a_candle_broken_off_after_any_piece_is_completed_by_applying_it_again(
        orders in proptest::collection::vec(order(), 1..25), first in candle(), second in candle(), third in candle(), stop in 0usize..6, size in 1usize..4,
    ) {
        let mut book = exchange(Profile::standard());
        let [first, second, third] = [at_minute(first, 1), at_minute(second, 2), at_minute(third, 3)];
        book.apply_candle(&pair(), first).unwrap();
        let (early, late) = orders.split_at(orders.len() / 2);
        for order in early { drop(book.place(&pair(), order.clone()).map(|o| o.id)); }
        book.apply_candle(&pair(), second).unwrap();
        for order in late { drop(book.place(&pair(), order.clone()).map(|o| o.id)); }

        let whole = Stored::of(&book).apply(&third, size, usize::MAX);
        let broken = Stored::of(&book).apply(&third, size, stop).apply(&third, size, usize::MAX);
        prop_assert_eq!(broken, whole);
    }

    /// Reading only the accounts that a candle touches is enough.
    #[test]
    fn a_candle_that_touches_no_order_changes_nothing(
        orders in proptest::collection::vec(order(), 1..25), first in candle(), second in candle(), third in candle(),
    ) {
        let mut book = exchange(Profile::standard());
        book.apply_candle(&pair(), at_minute(first, 1)).unwrap();
        for order in orders { drop(book.place(&pair(), order).map(|o| o.id)); }
        book.apply_candle(&pair(), at_minute(second, 2)).unwrap();
        let third = at_minute(third, 3);
        let open: Vec<Order> = book.orders().filter(|o| o.status.is_open()).cloned().collect();
        let changes = apply_candle(book.symbol(&pair()).unwrap(), &Profile::standard(), &third, &open, &[]).unwrap();
        let touched = open.iter().any(|order| Resting::from(order).is_touched_by(&third));
        prop_assert!(touched || changes.is_empty());
    }
}

/// What a store holds: written piece by piece.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    symbol: Symbol,
    account: Account,
    orders: BTreeMap<u64, Order>,
    fills: Vec<Fill>,
}

impl Stored {
    fn of(exchange: &Exchange) -> Self {
        Self {
            symbol: exchange.symbol(&pair()).unwrap().clone(),
            account: exchange.account().clone(),
            orders: exchange.orders().map(|o| (o.id, o.clone())).collect(),
            fills: exchange.fills().to_vec(),
        }
    }
    /// Applies a candle and stops after `stop` pieces.
    fn apply(mut self, candle: &Candle, size: usize, stop: usize) -> Self {
        let open: Vec<Order> = self.orders.values().filter(|o| o.status.is_open()).cloned().collect();
        let changes = apply_candle(&self.symbol, &Profile::standard(), candle, &open, &self.fills).unwrap();
        for piece in changes.pieces(&self.account.clone(), size).unwrap().into_iter().take(stop) {
            self.account = piece.account;
            for change in piece.changes {
                self.orders.insert(change.order.id, change.order);
                self.fills.extend(change.fills);
            }
        }
        self
    }
}
