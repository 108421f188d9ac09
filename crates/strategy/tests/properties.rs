//! What must hold on every path of the market and under every mishap.
//!
//! The central property (P5): a deal that is decided at every candle and a deal that is decided only at its wake
//! conditions and order events ask for the same orders. That is the proof that skipping is honest.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod exchange;

use exchange::{Exchange, Mishaps};
use proptest::prelude::*;
use rust_decimal::Decimal;
use strategy::config::{
    AfterStop, Averaging, DcaConfig, Direction, EntryType, LadderReference, ProfitOf, QuantityRounding, ReferencePrice,
    StopLoss, StopReference, Strategy as Bot, TakeProfit,
};
use strategy::deal::{Deal, Outcome, Phase};
use strategy::decide::{Action, Decision, StartDeal, decide, start_deal};
use strategy::figures::position;
use strategy::id::{BotId, DealId};
use strategy::market::{Candle, FeeAsset, Fees, MarketTime, MarketView, SymbolRules, SymbolStatus};
use strategy::money::{Amount, Factor, Lot, Percent, Price, Quantity, Tick};
use strategy::order::{OrderState, Side};
use strategy::wake::Wakes;
use ulid::Ulid;

#[derive(Clone, Copy, PartialEq)]
enum Drive {
    EveryCandle,
    OnlyWakes,
}

#[derive(Debug, Clone)]
struct Setting {
    config: DcaConfig,
    fees: Fees,
    mishaps: Mishaps,
}

fn bot() -> BotId {
    BotId::new(Ulid::from_parts(1, 1))
}
fn rules() -> SymbolRules {
    SymbolRules {
        tick: Tick::parse("0.01").unwrap(),
        lot: Lot::parse("0.001").unwrap(),
        notional_min: Amount::parse("5").unwrap(),
    }
}

/// Runs deals one after the other over the candles; returns every action with the candle it was taken at.
fn run(setting: &Setting, candles: &[Candle], drive: Drive) -> (Vec<String>, usize) {
    let (log, decisions, _) = run_counting(setting, candles, drive);
    (log, decisions)
}
/// The same, with the phases in which deals were left.
fn run_counting(setting: &Setting, candles: &[Candle], drive: Drive) -> (Vec<String>, usize, Vec<Phase>) {
    let mut closed = Vec::new();
    let strategy = Bot::Dca(setting.config.clone());
    let pair = "ETH-USDT".parse().unwrap();
    let mut log = Vec::new();
    let mut decisions = 0;
    let mut current: Option<(Deal, Wakes, Exchange)> = None;
    let mut deals = 0_u128;
    for (index, candle) in candles.iter().enumerate() {
        let minute = index as u64;
        let Some((deal, wakes, exchange)) = current.as_mut() else {
            deals += 1;
            let deal = DealId::new(Ulid::from_parts(7, deals));
            let start = StartDeal { bot: bot(), deal, pair: &pair, rules: rules(), fees: setting.fees };
            let started = start_deal(&strategy, start, &view(&[], candle)).unwrap();
            let lot = rules().lot.decimal();
            let mut exchange =
                Exchange { orders: Default::default(), fees: setting.fees, mishaps: setting.mishaps, lot };
            write(&mut log, index, &started);
            exchange.record(&started);
            let (mut deal, mut wakes) = (started.deal, started.wakes);
            settle_minute(&mut deal, &mut wakes, &mut exchange, candles, index, &mut log, &mut decisions, false);
            current = Some((deal, wakes, exchange));
            continue;
        };
        let event = exchange.apply(candle, minute);
        let crossed = wakes.below.as_ref().is_some_and(|wake| candle.low <= wake.price)
            || wakes.above.as_ref().is_some_and(|wake| candle.high >= wake.price)
            || wakes.at.is_some_and(|at| at <= candle.close_time);
        let woken = event || crossed || drive == Drive::EveryCandle;
        settle_minute(deal, wakes, exchange, candles, index, &mut log, &mut decisions, woken);
        if deal.is_closed() {
            assert!(deal.working.is_empty());
            closed.push(deal.phase.clone());
            current = None;
        }
    }
    (log, decisions, closed)
}

/// Decides and carries out until nothing more happens in this minute.
#[expect(clippy::too_many_arguments, reason = "the loop of one test minute")]
fn settle_minute(
    deal: &mut Deal,
    wakes: &mut Wakes,
    exchange: &mut Exchange,
    candles: &[Candle],
    index: usize,
    log: &mut Vec<String>,
    decisions: &mut usize,
    mut woken: bool,
) {
    for round in 0.. {
        assert!(round < 300, "orders are asked for without end");
        if woken {
            let before = deal.clone();
            let seen = candles[..=index].iter().take_while(|c| c.close_time <= deal.decided_until).count();
            let market = view(&candles[seen..=index], &candles[index]);
            let decision = decide(bot(), deal, &exchange.recorded(), &market);
            *decisions += 1;
            check(&before, &decision, exchange, &market);
            write(log, index, &decision);
            *deal = decision.deal;
            *wakes = decision.wakes;
        }
        woken = exchange.drain(index as u64);
        if !woken {
            return;
        }
    }
}

/// What must hold after every single decision; records its orders.
fn check(before: &Deal, decision: &Decision, exchange: &mut Exchange, market: &MarketView<'_>) {
    exchange.record(decision);
    exchange.assert_slots(&decision.deal);
    assert!(exchange.offered() <= exchange.held(), "more is offered than held");
    // Applying a decision twice is the same as once: from the new state, and from the old one beside the new orders.
    let again = decide(bot(), &decision.deal, &exchange.recorded(), market);
    assert!(again.actions.is_empty() && again.timeline.is_empty(), "not idempotent: {:?}", again.actions);
    assert_eq!(again.deal, decision.deal);
    assert_eq!(again.wakes, decision.wakes);
    let replayed = decide(bot(), before, &exchange.recorded(), market);
    assert!(replayed.actions.is_empty(), "placed again from the old state: {:?}", replayed.actions);
    let position = position(&decision.deal, &exchange.recorded());
    assert_eq!(position.held.decimal(), exchange.held(), "the deal's holding is the exchange's");
    // Funds are reserved at the planned price; a market entry may slip, a limit entry is held to them exactly.
    let Bot::Dca(config) = &before.strategy;
    if config.entry == EntryType::Limit {
        assert!(position.cost <= decision.deal.reserved, "{:?} spent of {:?}", position.cost, decision.deal.reserved);
    }
    for action in &decision.actions {
        let Action::Place(order) = action else { continue };
        assert!(order.quantity.is_multiple_of(rules().lot) && !order.quantity.is_zero());
        assert!(order.reference_price * order.quantity >= rules().notional_min);
        if let Some(price) = order.kind.resting_price() {
            assert!(price.is_multiple_of(rules().tick));
        }
        assert_eq!(order.side == Side::Buy, order.key.slot.role.is_entry());
    }
    // A market order that the exchange took is watched too: it fills at the next trade, whatever its price.
    let open = |o: &&strategy::order::KnownOrder| o.state == OrderState::Open;
    if !decision.deal.is_closed() {
        let recorded = exchange.recorded();
        let resting = recorded.iter().filter(open).count();
        let listed = [&decision.wakes.below, &decision.wakes.above].into_iter().flatten().map(|w| w.resting.len());
        assert_eq!(listed.sum::<usize>(), resting, "every open order is watched");
    }
}

fn write(log: &mut Vec<String>, index: usize, decision: &Decision) {
    log.extend(decision.actions.iter().map(|action| format!("{index}: {action:?}")));
}
fn view<'a>(candles: &'a [Candle], last: &Candle) -> MarketView<'a> {
    MarketView { candles, last: last.close, now: last.close_time, status: SymbolStatus::Trading }
}

fn candles() -> impl Strategy<Value = Vec<Candle>> {
    prop::collection::vec((-150_i64..150, 0_i64..120, 0_i64..120, -30_i64..30), 10..120).prop_map(|moves| {
        let cents = |value: i64| Price::admit(Decimal::new(value.max(100), 2)).unwrap();
        let mut close = 10_000_i64;
        let candle = |(index, (change, up, down, gap)): (usize, (i64, i64, i64, i64))| {
            // Markets jump between candles: a price may be left without being traded again.
            let open = (close + if gap.abs() > 15 { gap * 2 } else { 0 }).max(200);
            close = (open + open * change / 10_000).max(200);
            let open_time = MarketTime::START.plus_seconds(60 * (index as u64 + 1));
            Candle {
                open_time,
                close_time: open_time.plus_seconds(60),
                open: cents(open),
                high: cents(open.max(close) + up),
                low: cents(open.min(close) - down),
                close: cents(close),
                volume: Quantity::parse("1").unwrap(),
            }
        };
        moves.into_iter().enumerate().map(candle).collect()
    })
}

prop_compose! {
    fn settings()(
        count in 0_u16..8, active in 1_u16..8, deviation in 3_i64..200, step in 5_i64..20, volume in 8_i64..20,
        pct in 10_i64..300, stop in prop::option::of((50_i64..900, any::<bool>(), any::<bool>())),
        base in 10_i64..60, of_base in any::<bool>(), last in any::<bool>(), with_fee in any::<bool>(), up in any::<bool>(),
        received in any::<bool>(), market in any::<bool>(), mishaps in prop_oneof![Just(0_u64), Just(5), Just(30)], seed in any::<u64>(),
    ) -> Setting {
        let hundredth = |value: i64| Percent::admit(Decimal::new(value, 2)).unwrap();
        let tenth = |value: i64| Factor::admit(Decimal::new(value, 1)).unwrap();
        let averaging = Averaging {
            amount: Amount::parse("30").unwrap(), count, active: active.min(count.max(1)), deviation: hundredth(deviation),
            step_scale: tenth(step), volume_scale: tenth(volume),
            reference: if last { LadderReference::Last } else { LadderReference::Base },
        };
        let fee = Percent::parse("0.1").unwrap();
        Setting {
            config: DcaConfig {
                direction: Direction::Long,
                base_amount: Amount::admit(Decimal::from(base)).unwrap(),
                entry: if market { EntryType::Market } else { EntryType::Limit },
                averaging: (count > 0).then_some(averaging),
                reference_price: if with_fee { ReferencePrice::FillWithFee } else { ReferencePrice::Fill },
                rounding: if up { QuantityRounding::Up } else { QuantityRounding::Down },
                take_profit: TakeProfit {
                    pct: hundredth(pct), of: if of_base { ProfitOf::Base } else { ProfitOf::Total },
                },
                stop_loss: stop.map(|(pct, average, stops)| StopLoss {
                    pct: hundredth(pct),
                    reference: if average { StopReference::Average } else { StopReference::Base },
                    then: if stops { AfterStop::StopBot } else { AfterStop::KeepRunning },
                }),
                cooldown_s: 0,
                stop_after_deals: None,
            },
            fees: Fees { maker: fee, taker: fee, asset: if received { FeeAsset::Received } else { FeeAsset::Quote } },
            mishaps: Mishaps { seed, percent: mishaps },
        }
    }
}

/// The property above says nothing if the paths never lead anywhere: every kind of end must be met.
#[test]
fn the_random_paths_reach_every_way_a_deal_can_end() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_usize; 3];
    let mut decided = [0_usize; 2];
    for _ in 0..200 {
        let setting = settings().new_tree(&mut runner).unwrap().current();
        let candles = candles().new_tree(&mut runner).unwrap().current();
        let (_, often, closed) = run_counting(&setting, &candles, Drive::EveryCandle);
        let (_, seldom, _) = run_counting(&setting, &candles, Drive::OnlyWakes);
        decided[0] += often;
        decided[1] += seldom;
        for phase in closed {
            match phase {
                Phase::Closed { how: Outcome::TakeProfit, .. } => seen[0] += 1,
                Phase::Closed { how: Outcome::StopLoss, .. } => seen[1] += 1,
                Phase::Closed { how: Outcome::Failed, .. } => seen[2] += 1,
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 20), "take profit, stop loss, failed: {seen:?}");
    assert!(decided[1] < decided[0], "skipping must skip: {decided:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deciding_only_at_wakes_asks_for_the_same_orders_as_deciding_at_every_candle(
        setting in settings(), candles in candles(),
    ) {
        let (every, often) = run(&setting, &candles, Drive::EveryCandle);
        let (wakes, seldom) = run(&setting, &candles, Drive::OnlyWakes);
        prop_assert_eq!(every, wakes);
        prop_assert!(seldom <= often);
    }

    #[test]
    fn rounding_to_steps_stays_within_one_step(value in 1_u64..1_000_000_000_000, step in 1_u64..100_000) {
        let (value, step) = (Decimal::new(value as i64, 8), Decimal::new(step as i64, 8));
        let lot = Lot::admit(step).unwrap();
        let quantity = Quantity::admit(value).unwrap();
        let (down, up) = (quantity.floor_to_lot(lot), quantity.ceil_to_lot(lot));
        prop_assert!(down <= quantity && quantity <= up);
        prop_assert!(down.is_multiple_of(lot) && up.is_multiple_of(lot));
        prop_assert!(up.decimal() - down.decimal() <= step);
        let tick = Tick::admit(step).unwrap();
        let price = Price::admit(value).unwrap();
        prop_assert!(price.ticks_floor(tick) <= price.ticks_ceil(tick));
        prop_assert_eq!(Price::parse(&price.to_string()).unwrap(), price);
    }
}
