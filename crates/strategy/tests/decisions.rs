//! Single decisions, told as sentences: what an order's end means, what waits for what, and what is never done.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what went wrong by failing")]

use rust_decimal::Decimal;
use strategy::config::{
    AfterStop, Averaging, DcaConfig, Direction, EntryType, LadderReference, ProfitOf, QuantityRounding, ReferencePrice,
    StopLoss, StopReference, Strategy, TakeProfit,
};
use strategy::deal::{Deal, Outcome, OwnerWish, Phase};
use strategy::decide::{Action, Decision, StartDeal, StartRefused, decide, start_deal};
use strategy::figures::{planned_buy, position};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{Candle, FeeAsset, Fees, MarketTime, MarketView, SymbolRules, SymbolStatus};
use strategy::money::{Amount, Factor, Lot, Percent, Price, Quantity, Tick};
use strategy::order::{Filled, KnownOrder, OrderState, Role, Slot};
use strategy::wake::Wakes;
use ulid::Ulid;

const BASE: Slot = Slot::of(Role::Base);
const TAKE_PROFIT: Slot = Slot::of(Role::TakeProfit);
const STOP_LOSS: Slot = Slot::of(Role::StopLoss);
const FIRST: Slot = Slot::averaging(1);
const SECOND: Slot = Slot::averaging(2);

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}
fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}
fn percent(text: &str) -> Percent {
    Percent::parse(text).unwrap()
}

fn config() -> DcaConfig {
    DcaConfig {
        direction: Direction::Long,
        base_amount: Amount::parse("100").unwrap(),
        entry: EntryType::Market,
        averaging: Some(Averaging {
            amount: Amount::parse("100").unwrap(),
            count: 3,
            active: 2,
            deviation: percent("1"),
            step_scale: Factor::parse("1").unwrap(),
            volume_scale: Factor::parse("1").unwrap(),
            reference: LadderReference::Base,
        }),
        reference_price: ReferencePrice::Fill,
        rounding: QuantityRounding::Up,
        take_profit: TakeProfit { pct: percent("1"), of: ProfitOf::Total },
        stop_loss: Some(StopLoss { pct: percent("10"), reference: StopReference::Base, then: AfterStop::StopBot }),
        cooldown_s: 0,
        stop_after_deals: None,
    }
}

/// One deal with its orders, minute by minute.
struct Scene {
    deal: Deal,
    orders: Vec<KnownOrder>,
    wakes: Wakes,
    minute: u64,
    fees: Fees,
    last: Price,
    status: SymbolStatus,
}

impl Scene {
    fn started(config: DcaConfig) -> Scene {
        let fees = Fees { maker: percent("0.1"), taker: percent("0.1"), asset: FeeAsset::Received };
        let started = start(config, fees, "100", "5").unwrap();
        let mut scene = Scene {
            deal: started.deal.clone(),
            orders: Vec::new(),
            wakes: Wakes::NONE,
            minute: 1,
            fees,
            last: price("100"),
            status: SymbolStatus::Trading,
        };
        scene.take(&started);
        scene
    }
    /// Base order filled at 100; take profit and two averaging orders rest.
    fn opened(config: DcaConfig) -> Scene {
        let mut scene = Scene::started(config);
        scene.fills(BASE, "1");
        scene.decides("100", "100");
        scene.all_rest();
        scene.decides("100", "100");
        scene
    }
    fn take(&mut self, decision: &Decision) {
        for action in &decision.actions {
            match action {
                Action::Place(order) => self.orders.push(KnownOrder {
                    key: order.key,
                    client_order_id: order.client_order_id.clone(),
                    side: order.side,
                    kind: order.kind,
                    quantity: order.quantity,
                    state: OrderState::Proposed,
                    filled: Filled::ZERO,
                    cancel_pending: false,
                    refusal: None,
                }),
                Action::Cancel { key, .. } => {
                    self.orders.iter_mut().find(|o| o.key == *key).unwrap().cancel_pending = true;
                }
            }
        }
        self.deal = decision.deal.clone();
        self.wakes = decision.wakes.clone();
    }
    fn order(&mut self, slot: Slot) -> &mut KnownOrder {
        self.orders.iter_mut().rev().find(|o| o.key.slot == slot).expect("such an order")
    }
    fn becomes(&mut self, slot: Slot, state: OrderState) {
        let order = self.order(slot);
        (order.state, order.cancel_pending) = (state, false);
    }
    fn all_rest(&mut self) {
        for order in self.orders.iter_mut().filter(|o| o.state == OrderState::Proposed) {
            order.state = OrderState::Open;
        }
    }
    fn cancels_go_through(&mut self) {
        for order in self.orders.iter_mut().filter(|o| o.cancel_pending) {
            (order.state, order.cancel_pending) = (OrderState::Cancelled, false);
        }
    }
    /// Fills so much at the order's price (100 for market orders), in the middle of the coming minute.
    fn fills(&mut self, slot: Slot, amount: &str) {
        let (fees, at) = (self.fees, MarketTime::START.plus_seconds(60 * self.minute + 30));
        let order = self.order(slot);
        let at_price = order.kind.resting_price().unwrap_or(price("100"));
        let sell = !slot.role.is_entry();
        let part = planned_buy(at_price, quantity(amount), fees.taker, if sell { FeeAsset::Quote } else { fees.asset });
        order.filled = order.filled.plus(Filled { last_at: Some(at), ..part });
        order.state = if order.filled.quantity == order.quantity { OrderState::Filled } else { OrderState::Open };
    }
    /// Decides at the close of a minute that went from `low` to its close.
    fn decides(&mut self, low: &str, close: &str) -> Vec<String> {
        let open_time = MarketTime::START.plus_seconds(60 * self.minute);
        self.minute += 1;
        let (low, close) = (price(low), price(close));
        self.last = close;
        let candle = Candle {
            open_time,
            close_time: open_time.plus_seconds(60),
            open: close,
            high: close,
            low,
            close,
            volume: Quantity::ZERO,
        };
        self.decides_on(&[candle])
    }
    /// Decides on an order event, without a new candle.
    fn hears(&mut self) -> Vec<String> {
        self.decides_on(&[])
    }
    fn decides_on(&mut self, candles: &[Candle]) -> Vec<String> {
        let now = MarketTime::START.plus_seconds(60 * self.minute);
        let market = MarketView { candles, last: self.last, now, status: self.status };
        let decision = decide(bot(), &self.deal, &self.orders, &market);
        self.take(&decision);
        let again = decide(bot(), &self.deal, &self.orders, &market);
        assert!(again.actions.is_empty() && again.timeline.is_empty(), "told or asked twice: {again:?}");
        let place = |action: &Action| match action {
            Action::Place(o) => {
                format!("{} {} r{}a{}", o.key.slot.role, o.key.slot.level, o.key.revision, o.key.attempt)
            }
            Action::Cancel { key, .. } => format!("cancel {} {}", key.slot.role, key.slot.level),
        };
        let mut done: Vec<_> = decision.actions.iter().map(place).collect();
        if decision.stop_bot {
            done.push("stop bot".to_owned());
        }
        done
    }
    fn ended(&self) -> Outcome {
        let Phase::Closed { how, .. } = &self.deal.phase else { panic!("still {:?}", self.deal.phase) };
        *how
    }
}

fn bot() -> BotId {
    BotId::new(Ulid::from_parts(1, 1))
}
fn start(config: DcaConfig, fees: Fees, last: &str, minimum: &str) -> Result<Decision, StartRefused> {
    let rules = SymbolRules {
        tick: Tick::parse("0.01").unwrap(),
        lot: Lot::parse("0.001").unwrap(),
        notional_min: Amount::parse(minimum).unwrap(),
    };
    let pair = "ETH-USDT".parse().unwrap();
    let start = StartDeal { bot: bot(), deal: DealId::new(Ulid::from_parts(2, 2)), pair: &pair, rules, fees };
    let (last, now) = (price(last), MarketTime::START.plus_seconds(60));
    start_deal(&Strategy::Dca(config), start, &MarketView { candles: &[], last, now, status: SymbolStatus::Trading })
}

#[test]
fn an_opened_deal_waits_for_its_orders_and_its_stop_and_nothing_else() {
    let scene = Scene::opened(config());
    let below = scene.wakes.below.clone().unwrap();
    assert_eq!((below.price, below.decide), (price("99"), true));
    assert_eq!(below.resting.iter().map(|(_, p)| *p).collect::<Vec<_>>(), [price("99"), price("98")]);
    let above = scene.wakes.above.unwrap();
    assert!(!above.decide && above.resting.len() == 1);
    assert_eq!(scene.wakes.at, None);
}

#[test]
fn in_the_candle_of_the_latest_fill_only_the_close_can_hit_the_stop() {
    let mut scene = Scene::started(config());
    scene.fills(BASE, "1");
    assert_eq!(scene.decides("80", "95"), ["take_profit 0 r0a0", "averaging 1 r0a0", "averaging 2 r0a0"]);
    scene.all_rest();
    assert_eq!(scene.decides("90.01", "95"), [""; 0]);
    assert_eq!(scene.decides("90", "95")[0], "cancel take_profit 0", "a later low counts");
    let mut scene = Scene::started(config());
    scene.fills(BASE, "1");
    assert_eq!(scene.decides("80", "90"), ["stop_loss 0 r0a0", "stop bot"], "the close itself counts");
}

#[test]
fn candles_older_than_the_latest_fill_cannot_hit_the_stop() {
    let mut scene = Scene::opened(config());
    scene.minute += 1;
    scene.fills(FIRST, "1.011");
    scene.minute -= 1;
    assert_eq!(scene.decides("80", "95"), ["cancel take_profit 0"]);
}

#[test]
fn a_stop_cancels_everything_waits_and_sells_what_is_held_at_market() {
    let mut scene = Scene::opened(config());
    scene.becomes(FIRST, OrderState::Unknown);
    assert_eq!(scene.decides("90", "90"), ["cancel take_profit 0", "cancel averaging 2", "stop bot"]);
    scene.cancels_go_through();
    assert_eq!(scene.hears(), [""; 0], "an unknown order is waited for");
    scene.fills(FIRST, "1.011");
    assert_eq!(scene.hears(), ["stop_loss 0 r0a0"]);
    assert_eq!(scene.order(STOP_LOSS).quantity, quantity("2.008"), "2.011 less the fee in base, down to the lot");
    scene.fills(STOP_LOSS, "2.008");
    scene.hears();
    assert_eq!(scene.ended(), Outcome::StopLoss);
    assert_eq!(scene.deal.dust, quantity("0.000989"));
}

#[test]
fn a_stop_that_comes_after_the_take_profit_was_filled_sells_nothing() {
    let mut scene = Scene::opened(config());
    scene.fills(TAKE_PROFIT, "0.999");
    assert_eq!(scene.decides("80", "80"), ["cancel averaging 1", "cancel averaging 2"]);
    scene.cancels_go_through();
    assert_eq!(scene.hears(), [""; 0]);
    assert_eq!(scene.ended(), Outcome::TakeProfit);
}

#[test]
fn a_rejected_stop_sale_is_tried_again_later_and_ever_more_rarely() {
    let mut scene = Scene::opened(config());
    scene.decides("90", "90");
    scene.cancels_go_through();
    assert_eq!(scene.hears(), ["stop_loss 0 r0a0"]);
    scene.becomes(STOP_LOSS, OrderState::Rejected);
    assert_eq!(scene.hears(), [""; 0], "not at once");
    assert_eq!(scene.wakes.at, Some(MarketTime::START.plus_seconds(60 * (scene.minute + 1))));
    assert_eq!(scene.decides("90", "90"), ["stop_loss 0 r1a0"]);
    scene.becomes(STOP_LOSS, OrderState::Refused);
    scene.hears();
    assert_eq!(scene.decides("90", "90"), [""; 0], "two minutes the second time");
    assert_eq!(scene.decides("90", "90"), ["stop_loss 0 r2a0"]);
}

#[test]
fn an_unknown_take_profit_is_never_placed_again_before_it_is_proven_absent() {
    let mut scene = Scene::opened(config());
    scene.becomes(TAKE_PROFIT, OrderState::Unknown);
    scene.fills(FIRST, "1.011");
    for _ in 0..5 {
        assert_eq!(scene.decides("99", "99"), [""; 0]);
    }
    scene.becomes(TAKE_PROFIT, OrderState::Absent);
    assert_eq!(scene.hears(), ["take_profit 0 r0a1", "averaging 3 r0a0"]);
}

#[test]
fn a_base_order_that_expired_unsent_takes_the_next_attempt_and_a_rejected_one_ends_the_deal() {
    let mut scene = Scene::started(config());
    let first = scene.order(BASE).client_order_id.clone();
    scene.becomes(BASE, OrderState::Expired);
    assert_eq!(scene.hears(), ["base 0 r0a1"]);
    assert_ne!(scene.order(BASE).client_order_id, first);
    scene.order(BASE).refusal = Some("insufficient balance".to_owned());
    scene.becomes(BASE, OrderState::Rejected);
    assert_eq!(scene.hears(), [""; 0]);
    assert_eq!(scene.ended(), Outcome::Failed);
    assert_eq!(scene.wakes, Wakes::NONE);
}

#[test]
fn a_fenced_deal_does_nothing_more_and_says_so_once() {
    let mut scene = Scene::opened(config());
    scene.becomes(FIRST, OrderState::Fenced);
    assert_eq!(scene.decides("80", "80"), [""; 0]);
    assert_eq!(scene.wakes, Wakes::NONE);
    assert!(scene.deal.fenced && !scene.deal.is_closed());
    assert_eq!(scene.decides("70", "70"), [""; 0]);
}

#[test]
fn a_rejected_averaging_order_is_given_up_and_the_next_one_waits_a_minute() {
    let mut scene = Scene::opened(config());
    scene.becomes(FIRST, OrderState::Rejected);
    assert_eq!(scene.hears(), [""; 0]);
    assert_eq!(scene.deal.levels_done, [1]);
    assert_eq!(scene.decides("99.5", "99.5"), ["averaging 3 r0a0"]);
}

#[test]
fn an_averaging_order_refused_by_a_guard_comes_again_in_a_new_revision() {
    let mut scene = Scene::opened(config());
    scene.becomes(FIRST, OrderState::Refused);
    assert_eq!(scene.hears(), [""; 0]);
    assert_eq!(scene.decides("99.5", "99.5"), ["averaging 1 r1a0"]);
}

#[test]
fn a_buy_that_is_still_filling_moves_the_take_profit_only_when_the_price_leaves_it() {
    let mut scene = Scene::opened(config());
    scene.fills(FIRST, "0.5");
    assert_eq!(scene.decides("98.9", "98.9"), [""; 0]);
    assert_eq!(scene.wakes.above.clone().unwrap().price, price("99.01"));
    assert!(scene.wakes.above.clone().unwrap().decide);
    assert_eq!(scene.decides("98.9", "99.01"), ["cancel take_profit 0"]);
    scene.cancels_go_through();
    assert_eq!(scene.hears(), ["take_profit 0 r1a0"]);
    assert_eq!(scene.order(TAKE_PROFIT).quantity, quantity("1.498"));
}

#[test]
fn a_part_that_the_exchange_ended_is_completed_by_its_remainder() {
    let mut scene = Scene::opened(config());
    scene.fills(FIRST, "0.5");
    scene.becomes(FIRST, OrderState::ExpiredAtExchange);
    scene.decides("98.9", "98.9");
    scene.cancels_go_through();
    assert_eq!(scene.hears(), ["take_profit 0 r1a0", "averaging 1 r1a0"]);
    assert_eq!(scene.order(FIRST).quantity, quantity("0.511"));
}

#[test]
fn a_remainder_under_the_minimum_is_left_out_and_never_raised() {
    let mut scene = Scene::opened(config());
    scene.fills(FIRST, "0.99");
    scene.becomes(FIRST, OrderState::ExpiredAtExchange);
    scene.decides("98.9", "98.9");
    scene.cancels_go_through();
    // 0.021 at 99 is worth 2.08; the exchange takes 5 at least.
    assert_eq!(scene.hears(), ["take_profit 0 r1a0", "averaging 3 r0a0"]);
    assert_eq!(scene.deal.levels_done, [1]);
}

#[test]
fn a_take_profit_cancelled_by_hand_comes_back_after_a_minute_and_an_averaging_order_does_not() {
    let mut scene = Scene::opened(config());
    scene.becomes(TAKE_PROFIT, OrderState::Cancelled);
    scene.becomes(SECOND, OrderState::Cancelled);
    assert_eq!(scene.hears(), ["averaging 3 r0a0"]);
    assert_eq!(scene.decides("99.5", "99.5"), ["take_profit 0 r1a0"]);
}

#[test]
fn an_averaging_fill_while_the_cancel_is_under_way_is_part_of_the_next_take_profit() {
    let mut scene = Scene::opened(config());
    scene.fills(FIRST, "1.011");
    assert_eq!(scene.decides("99", "99"), ["cancel take_profit 0"]);
    // The cancel comes too late: the take profit sold its part first, and the second order was filled as well.
    scene.fills(TAKE_PROFIT, "0.999");
    scene.order(TAKE_PROFIT).cancel_pending = false;
    scene.fills(SECOND, "1.021");
    assert_eq!(scene.decides("98", "98"), ["take_profit 0 r1a0", "averaging 3 r0a0"]);
    let held = position(&scene.deal, &scene.orders).held;
    assert_eq!(scene.order(TAKE_PROFIT).quantity, held.floor_to_lot(Lot::parse("0.001").unwrap()));
}

#[test]
fn the_owner_closes_at_market_or_cancels_and_keeps_the_coins() {
    let mut scene = Scene::opened(config());
    scene.deal.wish = OwnerWish::Close;
    assert_eq!(scene.hears(), ["cancel take_profit 0", "cancel averaging 1", "cancel averaging 2"]);
    scene.cancels_go_through();
    assert_eq!(scene.hears(), ["close 0 r0a0"]);
    scene.fills(Slot::of(Role::Close), "0.999");
    scene.hears();
    assert_eq!(scene.ended(), Outcome::ClosedByOwner);

    let mut scene = Scene::opened(config());
    scene.deal.wish = OwnerWish::Cancel;
    assert_eq!(scene.decides("80", "80").len(), 3, "the stop no longer matters");
    scene.cancels_go_through();
    assert_eq!(scene.hears(), [""; 0]);
    assert_eq!(scene.ended(), Outcome::Cancelled);
    assert_eq!(position(&scene.deal, &[]).held, quantity("0.999"));
}

#[test]
fn a_limit_base_order_is_cut_off_where_the_price_left_it() {
    let mut scene = Scene::started(DcaConfig { entry: EntryType::Limit, ..config() });
    scene.all_rest();
    scene.fills(BASE, "0.4");
    assert_eq!(scene.decides("99", "100"), [""; 0]);
    assert_eq!(scene.decides("100", "101"), ["cancel base 0"]);
    scene.cancels_go_through();
    assert_eq!(scene.hears()[0], "take_profit 0 r0a0");
    assert_eq!(scene.order(TAKE_PROFIT).quantity, quantity("0.399"));
}

#[test]
fn a_holding_under_the_minimum_gets_no_take_profit_until_it_grows() {
    let mut scene = Scene::started(config());
    scene.fills(BASE, "0.04");
    scene.becomes(BASE, OrderState::ExpiredAtExchange);
    assert_eq!(scene.decides("100", "100"), ["averaging 1 r0a0", "averaging 2 r0a0"]);
    scene.all_rest();
    scene.fills(FIRST, "1.011");
    assert_eq!(scene.decides("99", "99"), ["take_profit 0 r0a0", "averaging 3 r0a0"]);
}

#[test]
fn nothing_is_placed_while_the_market_is_halted() {
    let mut scene = Scene::started(config());
    scene.fills(BASE, "1");
    scene.status = SymbolStatus::Break;
    assert_eq!(scene.decides("100", "100"), [""; 0]);
    assert!(scene.wakes.at.is_some());
    scene.status = SymbolStatus::Trading;
    assert_eq!(scene.decides("100", "100").len(), 3);
}

#[test]
fn a_cancel_that_keeps_failing_is_not_repeated_at_every_call() {
    let mut scene = Scene::opened(config());
    scene.deal.wish = OwnerWish::Cancel;
    let mut asked = 0;
    for _ in 0..10 {
        asked += scene.hears().iter().filter(|line| *line == "cancel take_profit 0").count();
        for order in &mut scene.orders {
            order.cancel_pending = false;
        }
        // `hears` checks that nothing is repeated while a cancel is pending; here it has just failed.
    }
    assert!(asked <= 4, "{asked} cancels in one minute");
}

#[test]
fn a_start_under_the_minimum_is_refused_with_the_smallest_size_that_would_do() {
    let fees = Fees { maker: percent("0.1"), taker: percent("0.1"), asset: FeeAsset::Received };
    let small = |amount: &str| Amount::parse(amount).unwrap();
    let refused = start(DcaConfig { base_amount: small("4"), ..config() }, fees, "100", "5").unwrap_err();
    let expected = StartRefused::BelowMinimum { role: Role::Base, level: 0, value: small("4"), smallest: small("5") };
    assert_eq!(refused, expected);
    // Bought 5, received less: the take profit would be under the minimum although the base order is not.
    let mut bare = DcaConfig { base_amount: small("5"), averaging: None, ..config() };
    bare.take_profit.pct = percent("0.1");
    let refused = start(bare, fees, "100", "5").unwrap_err();
    assert!(matches!(refused, StartRefused::BelowMinimum { role: Role::TakeProfit, .. }));
    let mut ladder = config();
    if let Some(averaging) = &mut ladder.averaging {
        averaging.volume_scale = Factor::parse("0.1").unwrap();
    }
    let refused = start(ladder, fees, "100", "5").unwrap_err();
    assert!(matches!(refused, StartRefused::BelowMinimum { role: Role::Averaging, level: 3, .. }));
}

#[test]
fn funds_are_reserved_from_the_rounded_quantities_with_fees_in_quote() {
    let quote = Fees { maker: percent("0.1"), taker: percent("0.1"), asset: FeeAsset::Quote };
    let deal = start(config(), quote, "100", "5").unwrap().deal;
    // 1 at 100, 1.011 at 99, 1.021 at 98, 1.031 at 97.
    let value = Decimal::new(400154, 3);
    assert_eq!(deal.reserved.decimal(), value * Decimal::new(1001, 3));
    let received = Fees { asset: FeeAsset::Received, ..quote };
    assert_eq!(start(config(), received, "100", "5").unwrap().deal.reserved.decimal(), value);
}

#[test]
fn order_ids_follow_from_bot_deal_slot_revision_and_attempt_alone() {
    let mut scene = Scene::opened(config());
    let deal = scene.deal.id;
    for order in &scene.orders {
        assert_eq!(order.client_order_id, ClientOrderId::derive(bot(), deal, order.key));
    }
    assert_eq!(scene.order(TAKE_PROFIT).key.revision, 0);
}

#[test]
fn a_deal_survives_its_way_through_the_store() {
    let scene = Scene::opened(config());
    let text = serde_json::to_string(&scene.deal).unwrap();
    assert_eq!(serde_json::from_str::<Deal>(&text).unwrap(), scene.deal);
}
