//! What the matching engine must do, one rule per test.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use paper::account::Account;
use paper::exchange::Exchange;
use paper::filter::Filter;
use paper::order::{Kind, NewOrder, Order, Status, TimeInForce};
use paper::place::PlaceRefused;
use paper::profile::Profile;
use paper::symbol::{Symbol, default_rules};
use rust_decimal::Decimal;
use strategy::market::{Candle, MarketTime, Pair, SymbolStatus};
use strategy::order::Side;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}
fn pair() -> Pair {
    "BTC-USDT".parse().unwrap()
}
fn candle(minute: i64, open: &str, high: &str, low: &str, close: &str, volume: &str) -> Candle {
    Candle {
        open_time: MarketTime::from_ms(minute * 60_000),
        close_time: MarketTime::from_ms((minute + 1) * 60_000),
        open: open.parse().unwrap(),
        high: high.parse().unwrap(),
        low: low.parse().unwrap(),
        close: close.parse().unwrap(),
        volume: volume.parse().unwrap(),
    }
}
fn flat(minute: i64, price: &str) -> Candle {
    candle(minute, price, price, price, price, "100")
}
fn exchange_with(profile: Profile) -> Exchange {
    let account = Account::open([("USDT".into(), d("10000")), ("BTC".into(), d("10"))]).unwrap();
    let mut exchange = Exchange::open(profile, account);
    exchange.list(Symbol::list(pair(), default_rules().unwrap()).unwrap());
    exchange.apply_candle(&pair(), flat(1, "100")).unwrap();
    exchange
}
fn exchange() -> Exchange {
    exchange_with(Profile::standard())
}
fn limit(side: Side, price: &str, quantity: &str, time_in_force: TimeInForce) -> NewOrder {
    let kind = Kind::Limit { price: price.parse().unwrap(), quantity: quantity.parse().unwrap(), time_in_force };
    NewOrder { client_id: None, side, kind }
}
fn gtc(side: Side, price: &str, quantity: &str) -> NewOrder {
    limit(side, price, quantity, TimeInForce::Gtc)
}
fn maker(side: Side, price: &str, quantity: &str) -> NewOrder {
    let kind = Kind::LimitMaker { price: price.parse().unwrap(), quantity: quantity.parse().unwrap() };
    NewOrder { client_id: None, side, kind }
}
fn market(side: Side, quantity: &str) -> NewOrder {
    NewOrder { client_id: None, side, kind: Kind::Market { quantity: quantity.parse().unwrap() } }
}
fn by_quote(side: Side, amount: &str) -> NewOrder {
    NewOrder { client_id: None, side, kind: Kind::MarketByQuote { amount: amount.parse().unwrap() } }
}
fn named(id: &str, order: NewOrder) -> NewOrder {
    NewOrder { client_id: Some(id.into()), ..order }
}
fn place(exchange: &mut Exchange, new: NewOrder) -> u64 {
    exchange.place(&pair(), new).unwrap().id
}
fn apply(exchange: &mut Exchange, candle: Candle) {
    assert!(exchange.apply_candle(&pair(), candle).unwrap());
}
fn order(exchange: &Exchange, id: u64) -> &Order {
    exchange.order(id).unwrap()
}
fn refused(exchange: &mut Exchange, new: NewOrder) -> PlaceRefused {
    exchange.place(&pair(), new).unwrap_err()
}

#[test]
fn a_market_order_is_new_when_placed_and_takes_at_the_open_of_the_next_candle() {
    let mut exchange = exchange();
    let id = place(&mut exchange, market(Side::Buy, "0.5"));
    assert_eq!((order(&exchange, id).status, order(&exchange, id).executed.is_zero()), (Status::New, true));
    apply(&mut exchange, candle(2, "101", "105", "100", "102", "100"));
    let bought = order(&exchange, id);
    assert_eq!(bought.status, Status::Filled);
    assert_eq!(bought.value.to_string(), "50.505"); // 0.5 at the ask, one tick over the open
    assert_eq!(bought.last_fill_at, Some(MarketTime::from_ms(120_000)));
    assert_eq!(exchange.account().balance("BTC").free, d("10.4995")); // fee 0.1 % in the asset received
    assert_eq!(exchange.account().balance("USDT").free, d("9949.495"));
    assert_eq!(exchange.account().balance("USDT").locked, d("0"));
}

#[test]
fn a_market_order_walks_the_levels_and_the_rest_of_the_volume_share_is_all_it_gets() {
    let mut exchange = exchange();
    let id = place(&mut exchange, market(Side::Sell, "1.5"));
    // Volume 10, share 0.1, ten levels: 0.1 on each, 1 in all.
    apply(&mut exchange, candle(2, "100", "100", "100", "100", "10"));
    let sold = order(&exchange, id);
    assert_eq!((sold.status, sold.executed.to_string()), (Status::Expired, "1".into()));
    assert_eq!(sold.value.to_string(), "99.945"); // 99.99, 99.98 … 99.90
    assert_eq!(exchange.account().balance("BTC").locked, d("0"));
    assert_eq!(exchange.fills().len(), 10);
}

#[test]
fn a_market_order_by_quote_spends_as_close_as_lots_allow() {
    let mut exchange = exchange();
    let id = place(&mut exchange, by_quote(Side::Buy, "50"));
    apply(&mut exchange, flat(2, "100"));
    let bought = order(&exchange, id);
    assert_eq!((bought.status, bought.executed.to_string()), (Status::Filled, "0.49995".into()));
    let id = place(&mut exchange, by_quote(Side::Sell, "50"));
    apply(&mut exchange, flat(3, "100"));
    let sold = order(&exchange, id);
    assert_eq!((sold.status, sold.executed.to_string()), (Status::Filled, "0.50005".into()));
}

#[test]
fn a_market_buy_never_spends_more_than_it_locked() {
    let mut exchange = exchange();
    // 99 x 100.01 is 9900.99; with the collar all 10000 are locked.
    let id = place(&mut exchange, market(Side::Buy, "99"));
    assert_eq!(exchange.account().balance("USDT").free, d("0"));
    apply(&mut exchange, candle(2, "200", "200", "200", "200", "100000"));
    let bought = order(&exchange, id);
    assert_eq!(bought.status, Status::Expired);
    assert!(bought.value.decimal() <= d("10000"));
    assert_eq!(refused(&mut exchange, market(Side::Buy, "99")), PlaceRefused::InsufficientBalance);
}

#[test]
fn a_resting_buy_fills_only_when_a_later_trade_prints_below_it() {
    let mut exchange = exchange();
    let id = place(&mut exchange, gtc(Side::Buy, "99", "0.1"));
    apply(&mut exchange, candle(2, "100", "100", "99", "100", "100")); // touches
    assert_eq!(order(&exchange, id).status, Status::New);
    apply(&mut exchange, candle(3, "100", "100", "98.99", "100", "100")); // goes through
    let bought = order(&exchange, id);
    assert_eq!((bought.status, bought.value.to_string()), (Status::Filled, "9.9".into()));
    assert!(exchange.fills().iter().all(|fill| fill.maker));
}

#[test]
fn a_resting_order_gets_its_share_of_each_print_and_no_more() {
    let mut exchange = exchange();
    let id = place(&mut exchange, gtc(Side::Sell, "100.5", "5"));
    // 25 prints of 1, share 0.1: 0.1 for each of the prints above 100.5.
    apply(&mut exchange, candle(2, "100", "101", "100", "100", "25"));
    let sold = order(&exchange, id);
    let above = exchange.fills().len();
    assert_eq!(sold.status, Status::PartiallyFilled);
    assert_eq!(sold.executed.decimal(), Decimal::from(above) * d("0.1"));
    assert_eq!(exchange.account().balance("BTC").locked, d("5") - sold.executed.decimal());
}

#[test]
fn an_order_that_arrives_does_not_fill_as_a_maker_in_the_print_of_its_arrival() {
    let mut exchange = exchange();
    let id = place(&mut exchange, gtc(Side::Buy, "99", "0.1"));
    // The open is already below its price: it takes at the ask and pays less than its limit.
    apply(&mut exchange, candle(2, "90", "90", "90", "90", "100"));
    assert_eq!(order(&exchange, id).status, Status::Filled);
    assert!(exchange.fills().iter().all(|fill| !fill.maker && fill.price.to_string() == "90.01"));
    assert_eq!(exchange.account().balance("USDT").free, d("9990.999")); // the difference came back
}

#[test]
fn ioc_takes_what_there_is_and_fok_all_or_nothing() {
    let mut exchange = exchange();
    let ioc = place(&mut exchange, limit(Side::Buy, "100.01", "0.5", TimeInForce::Ioc));
    apply(&mut exchange, candle(2, "100", "100", "100", "100", "10"));
    assert_eq!(
        (order(&exchange, ioc).status, order(&exchange, ioc).executed.to_string()),
        (Status::Expired, "0.1".into())
    );
    let fok = place(&mut exchange, limit(Side::Buy, "100.02", "0.3", TimeInForce::Fok));
    apply(&mut exchange, candle(3, "100", "100", "100", "100", "10"));
    assert_eq!((order(&exchange, fok).status, order(&exchange, fok).executed.is_zero()), (Status::Expired, true));
    let fok = place(&mut exchange, limit(Side::Buy, "100.02", "0.2", TimeInForce::Fok));
    apply(&mut exchange, candle(4, "100", "100", "100", "100", "10"));
    assert_eq!(order(&exchange, fok).status, Status::Filled);
}

#[test]
fn a_maker_order_that_would_take_is_refused_and_expires_when_the_book_moved_meanwhile() {
    let mut exchange = exchange();
    assert_eq!(refused(&mut exchange, maker(Side::Buy, "100.01", "0.1")), PlaceRefused::WouldTake);
    let id = place(&mut exchange, maker(Side::Buy, "100", "0.1"));
    apply(&mut exchange, candle(2, "99", "99", "99", "99", "10"));
    assert_eq!((order(&exchange, id).status, order(&exchange, id).executed.is_zero()), (Status::Expired, true));
    assert_eq!(exchange.account().balance("USDT").free, d("10000"));
}

#[test]
fn an_order_that_would_trade_with_the_same_account_expires_the_resting_one() {
    let mut exchange = exchange();
    let sell = place(&mut exchange, gtc(Side::Sell, "100.05", "1"));
    apply(&mut exchange, candle(2, "100", "100", "100", "100", "10"));
    let buy = place(&mut exchange, gtc(Side::Buy, "100.05", "0.1"));
    apply(&mut exchange, candle(3, "100", "100", "100", "100", "10"));
    assert_eq!(order(&exchange, sell).status, Status::ExpiredInMatch);
    assert_eq!(order(&exchange, buy).status, Status::Filled);
    assert_eq!(exchange.account().balance("BTC").locked, d("0"));
}

#[test]
fn a_cancel_holds_at_once_also_before_the_order_has_arrived() {
    let mut exchange = exchange();
    let id = place(&mut exchange, market(Side::Buy, "1"));
    exchange.cancel(id).unwrap();
    apply(&mut exchange, flat(2, "100"));
    assert_eq!((order(&exchange, id).status, order(&exchange, id).executed.is_zero()), (Status::Canceled, true));
    assert_eq!(exchange.account().balance("USDT").free, d("10000"));
    assert!(exchange.cancel(id).is_err());
}

#[test]
fn filters_balances_and_open_client_ids_refuse() {
    let mut exchange = exchange();
    let filter = PlaceRefused::Filter;
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "99.001", "1")), filter(Filter::Price));
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "9999999999", "1")), filter(Filter::Price));
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "99", "0.000001")), filter(Filter::LotSize));
    assert_eq!(refused(&mut exchange, market(Side::Buy, "0")), filter(Filter::LotSize));
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "99", "0.05")), filter(Filter::Notional));
    assert_eq!(refused(&mut exchange, market(Side::Sell, "0.04999")), filter(Filter::Notional));
    assert_eq!(refused(&mut exchange, by_quote(Side::Buy, "4.99")), filter(Filter::Notional));
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "99", "102")), PlaceRefused::InsufficientBalance);
    assert_eq!(refused(&mut exchange, gtc(Side::Sell, "199", "10.1")), PlaceRefused::InsufficientBalance);
    place(&mut exchange, named("mine", gtc(Side::Buy, "90", "0.1")));
    assert_eq!(refused(&mut exchange, named("mine", gtc(Side::Buy, "80", "0.1"))), PlaceRefused::Duplicate);
}

#[test]
fn a_client_id_is_free_again_once_its_order_is_filled() {
    let mut exchange = exchange();
    place(&mut exchange, named("mine", market(Side::Buy, "0.1")));
    apply(&mut exchange, flat(2, "100"));
    place(&mut exchange, named("mine", market(Side::Buy, "0.1")));
}

#[test]
fn open_orders_per_symbol_are_bounded() {
    let mut exchange = exchange();
    for _ in 0..200 {
        place(&mut exchange, gtc(Side::Buy, "50", "0.1"));
    }
    assert_eq!(refused(&mut exchange, gtc(Side::Buy, "50", "0.1")), PlaceRefused::Filter(Filter::MaxNumOrders));
}

#[test]
fn a_closed_market_takes_and_fills_nothing() {
    let mut exchange = exchange();
    let id = place(&mut exchange, gtc(Side::Buy, "99", "0.1"));
    exchange.list(Symbol { status: SymbolStatus::Break, ..exchange.symbol(&pair()).unwrap().clone() });
    assert_eq!(refused(&mut exchange, market(Side::Buy, "1")), PlaceRefused::Closed);
    apply(&mut exchange, flat(2, "90"));
    assert_eq!(order(&exchange, id).status, Status::New);
    exchange.list(Symbol::list("ETH-USDT".parse().unwrap(), default_rules().unwrap()).unwrap());
    let unpriced = exchange.place(&"ETH-USDT".parse().unwrap(), market(Side::Buy, "1")).unwrap_err();
    assert_eq!(unpriced, PlaceRefused::Closed);
}

#[test]
fn latency_lets_orders_arrive_at_a_later_print() {
    let mut exchange = exchange_with(Profile { latency_ms: 20_000, ..Profile::standard() });
    let id = place(&mut exchange, market(Side::Buy, "0.1"));
    apply(&mut exchange, candle(2, "100", "116", "92", "108", "100"));
    // Print 9 of 25 begins 21.6 s into the minute; the path stands at 95 there.
    assert_eq!(order(&exchange, id).value.to_string(), "9.501");
    assert_eq!(order(&exchange, id).last_fill_at, Some(MarketTime::from_ms(120_000 + 21_600)));
}

#[test]
fn a_candle_that_contradicts_itself_is_refused() {
    let mut exchange = exchange();
    assert!(exchange.apply_candle(&pair(), candle(2, "100", "99", "98", "98", "1")).is_err());
    assert!(exchange.apply_candle(&pair(), Candle { close_time: MarketTime::from_ms(0), ..flat(2, "100") }).is_err());
}

#[test]
fn the_standard_profile_is_the_one_that_the_issue_names() {
    let profile = Profile::standard();
    assert_eq!((profile.maker.to_string(), profile.taker.to_string()), ("0.1".into(), "0.1".into()));
    assert_eq!((profile.half_spread_ticks, profile.latency_ms, profile.volume_share), (1, 0, d("0.1")));
}
