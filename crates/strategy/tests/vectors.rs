//! Runs the worked numbers of `tests/vectors/trading.json`: expected values are read from there, never written here.
//!
//! TTP-1 and TSL-1 are formulas of settings that the first form refuses (`not_supported_yet`); only the formulas run.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use strategy::config::{
    AfterStop, Averaging, DcaConfig, Direction, EntryType, LadderReference, ProfitOf, QuantityRounding, ReferencePrice,
    StopLoss, StopReference, Strategy, TakeProfit,
};
use strategy::deal::{Deal, Phase};
use strategy::decide::{Action, Decision, StartDeal, decide, start_deal};
use strategy::figures::{self, Position};
use strategy::formula;
use strategy::id::{BotId, DealId};
use strategy::ladder;
use strategy::market::{FeeAsset, Fees, MarketTime, MarketView, Pair, SymbolRules, SymbolStatus};
use strategy::money::{Amount, Factor, Lot, Percent, Price, Quantity, Tick};
use strategy::order::{Filled, KnownOrder, OrderState, Role};
use strategy::preview;
use ulid::Ulid;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/trading.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
fn vector(group: &str, id: &str) -> Value {
    let all = vectors();
    all[group].as_array().unwrap().iter().find(|v| v["id"] == id).unwrap_or_else(|| panic!("no vector {id}")).clone()
}
fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
fn decimal(value: &Value) -> Decimal {
    text(value).parse().unwrap()
}
fn price(value: &Value) -> Price {
    Price::parse(text(value)).unwrap()
}
fn quantity(value: &Value) -> Quantity {
    Quantity::parse(text(value)).unwrap()
}
fn amount(value: &Value) -> Amount {
    Amount::parse(text(value)).unwrap()
}
fn percent(value: &Value) -> Percent {
    Percent::parse(text(value)).unwrap()
}
fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| text(item).to_owned()).collect()
}
/// Compares at the digits of the expected value.
fn near(actual: Decimal, expected: &Value) {
    let expected = decimal(expected);
    let rounded = actual.round_dp_with_strategy(expected.scale(), RoundingStrategy::ToZero);
    let nearest = actual.round_dp_with_strategy(expected.scale(), RoundingStrategy::MidpointAwayFromZero);
    assert!(rounded == expected || nearest == expected, "{actual} is not {expected}");
}

fn averaging(v: &Value, reference: LadderReference) -> Averaging {
    let or = |name: &str, default: &str| v[name].as_str().unwrap_or(default).to_owned();
    Averaging {
        amount: Amount::parse(&or("averaging", "1")).unwrap(),
        count: v["count"].as_u64().unwrap_or(3) as u16,
        active: v["active"].as_u64().unwrap_or(1) as u16,
        deviation: percent(&v["deviation_pct"]),
        step_scale: Factor::parse(&or("step_scale", "1")).unwrap(),
        volume_scale: Factor::parse(&or("volume_scale", "1")).unwrap(),
        reference,
    }
}
fn dca_1_rules(v: &Value) -> SymbolRules {
    SymbolRules {
        tick: Tick::parse(text(&v["tick"])).unwrap(),
        lot: Lot::parse(text(&v["lot"])).unwrap(),
        notional_min: Amount::parse("5").unwrap(),
    }
}
fn dca_1_config(v: &Value, reference: StopReference) -> DcaConfig {
    DcaConfig {
        direction: Direction::Long,
        base_amount: amount(&v["base"]) + amount(&v["reinvested_per_order"]),
        entry: EntryType::Limit,
        averaging: Some(averaging(v, LadderReference::Base)),
        reference_price: ReferencePrice::FillWithFee,
        rounding: QuantityRounding::Up,
        take_profit: TakeProfit { pct: percent(&v["take_profit_pct"]), of: ProfitOf::Total },
        stop_loss: Some(StopLoss { pct: percent(&v["stop_loss_pct"]), reference, then: AfterStop::KeepRunning }),
        cooldown_s: 0,
        stop_after_deals: None,
    }
}
fn bought(price: Price, quantity: Quantity, fee: Percent, asset: FeeAsset) -> Filled {
    figures::planned_buy(price, quantity, fee, asset)
}

#[test]
fn dca_1_ladder_prices_quantities_and_values() {
    let v = vector("dca", "DCA-1");
    let rules = dca_1_rules(&v);
    let extra = amount(&v["reinvested_per_order"]);
    let up = QuantityRounding::Up;
    let base = ladder::quantity(amount(&v["base"]) + extra, price(&v["base_limit_price"]), rules.lot, up);
    assert_eq!(base, quantity(&v["base_qty"]));
    let filled = bought(price(&v["base_fill_price"]), base, percent(&v["fee_pct"]), FeeAsset::Quote);
    let reference = figures::reference(filled, ReferencePrice::FillWithFee).unwrap();
    assert_eq!(reference, price(&v["base_average"]));

    let config = averaging(&v, LadderReference::Base);
    let rungs = ladder::rungs(&config, reference, rules.tick, rules.lot, up);
    let cumulative: Vec<_> = rungs.iter().map(|rung| rung.step.cumulative.normalize().to_string()).collect();
    assert_eq!(cumulative, texts(&v["ladder_cumulative_pct"]));
    let prices: Vec<_> = rungs.iter().map(|rung| rung.price.to_string()).collect();
    assert_eq!(prices, texts(&v["ladder_prices"]));
    let sized: Vec<_> = rungs.iter().map(|r| ladder::quantity(r.step.size + extra, r.price, rules.lot, up)).collect();
    assert_eq!(sized.iter().map(Quantity::to_string).collect::<Vec<_>>(), texts(&v["ladder_qtys"]));
    let values: Vec<_> = rungs.iter().zip(sized).map(|(rung, q)| (rung.price * q).to_string()).collect();
    assert_eq!(values, texts(&v["ladder_values"]));
}

#[test]
fn dca_1_and_1b_figures_after_averaging_1() {
    let v = vector("dca", "DCA-1");
    let b = vector("dca", "DCA-1b");
    let fee = percent(&v["fee_pct"]);
    for (asset, expected) in [(FeeAsset::Quote, &v["after_averaging_1"]), (FeeAsset::Received, &b["after_averaging_1"])]
    {
        let first_qty = Quantity::parse(&texts(&v["ladder_qtys"])[0]).unwrap();
        let first_price = Price::parse(&texts(&v["ladder_prices"])[0]).unwrap();
        let base = bought(price(&v["base_fill_price"]), quantity(&v["base_qty"]), fee, asset);
        let all = base.plus(bought(first_price, first_qty, fee, asset));
        let position = Position::over(all, Filled::ZERO, fee);
        assert_eq!(position.held, quantity(&expected["qty"]));
        assert_eq!(position.cost, amount(&expected["cost"]));
        if asset == FeeAsset::Received {
            near(position.average.unwrap().decimal(), &expected["average"]);
            assert_eq!(position.held.floor_to_lot(dca_1_rules(&v).lot), quantity(&expected["sellable"]));
            continue;
        }
        let tick = dca_1_rules(&v).tick;
        let target =
            formula::take_profit_total(all.cost(), position.held, percent(&v["take_profit_pct"]), fee).unwrap();
        let target = target.ceil_to_tick(tick);
        assert_eq!(target, price(&expected["take_profit_price"]));
        assert_eq!(target * position.held, amount(&expected["take_profit_value"]));
        let last = Price::parse("2959.74").unwrap();
        assert_eq!(position.unrealised(last, fee).decimal().round_dp(9), decimal(&expected["unrealised_at_2959.74"]));
        let value = target * position.held;
        let sold = Filled { quantity: position.held, value, fee_quote: value.share(fee), ..Filled::ZERO };
        near(Position::over(all, sold, fee).realised().decimal(), &expected["net_profit_if_take_profit_fills"]);
        // The same state with take profit `of: base` (trading.md, last row of the example).
        let of_base =
            formula::take_profit_base(all.cost(), base.cost(), position.held, Percent::parse("1").unwrap(), fee);
        assert_eq!(of_base.unwrap().ceil_to_tick(tick), Price::parse("2958.05").unwrap());
        let average = &v["average_reference_after_averaging_1"];
        let stop = formula::stop_price(position.average.unwrap(), percent(&v["stop_loss_pct"])).unwrap();
        near(stop.decimal(), &average["stop_loss_price"]);
        let trigger = formula::stop_trigger(position.average.unwrap(), percent(&v["stop_loss_pct"]), tick);
        assert_eq!(trigger, Some(price(&average["stop_loss_trigger"])));
    }
}

#[test]
fn dca_1_stop_loss() {
    let v = vector("dca", "DCA-1");
    let (reference, pct) = (price(&v["base_average"]), percent(&v["stop_loss_pct"]));
    assert_eq!(formula::stop_price(reference, pct), Some(price(&v["stop_loss_price"])));
    let trigger = formula::stop_trigger(reference, pct, dca_1_rules(&v).tick);
    assert_eq!(trigger, Some(price(&v["stop_loss_trigger"])));
}

/// The orders of a decision in the words of the vector.
fn sequence(decision: &Decision) -> Vec<String> {
    let words = |key: &strategy::order::OrderKey| match key.slot.role {
        Role::Averaging => format!("averaging {}", key.slot.level),
        Role::TakeProfit => "take profit".to_owned(),
        Role::Base | Role::StopLoss | Role::Close => key.slot.role.to_string(),
    };
    let action = |action: &Action| match action {
        Action::Place(order) => words(&order.key),
        Action::Cancel { key, .. } => format!("cancel {}", words(key)),
    };
    decision.actions.iter().map(action).collect()
}
fn known(bot: BotId, deal: &Deal, state: OrderState) -> Vec<KnownOrder> {
    let order = |working: &strategy::deal::WorkingOrder| KnownOrder {
        key: working.key,
        client_order_id: strategy::id::ClientOrderId::derive(bot, deal.id, working.key),
        side: working.side,
        kind: working.kind,
        quantity: working.quantity,
        state,
        filled: Filled::ZERO,
        cancel_pending: false,
        refusal: None,
    };
    deal.working.iter().map(order).collect()
}
fn limit_price(decision: &Decision, role: Role, level: u16) -> Price {
    let working = decision.deal.working.iter().find(|o| o.key.slot.role == role && o.key.slot.level == level);
    working.unwrap().kind.resting_price().unwrap()
}

#[test]
fn dca_1_order_sequences_and_prices_through_decide() {
    let v = vector("dca", "DCA-1");
    let fee = percent(&v["fee_pct"]);
    let (bot, deal) = (BotId::new(Ulid::from_parts(1, 1)), DealId::new(Ulid::from_parts(2, 2)));
    let pair: Pair = text(&v["pair"]).parse().unwrap();
    let fees = Fees { maker: fee, taker: fee, asset: FeeAsset::Quote };
    let strategy = Strategy::Dca(dca_1_config(&v, StopReference::Base));
    let at = |s: u64| MarketTime::START.plus_seconds(s);
    let view = |last: Price, now: MarketTime| MarketView { candles: &[], last, now, status: SymbolStatus::Trading };
    let start = StartDeal { bot, deal, pair: &pair, rules: dca_1_rules(&v), fees };
    let limit = price(&v["base_limit_price"]);
    let mut now = start_deal(&strategy, start, &view(limit, at(60))).unwrap();
    assert_eq!(sequence(&now), ["base"]);
    assert_eq!(limit_price(&now, Role::Base, 0), limit);
    assert_eq!(now.deal.working[0].quantity, quantity(&v["base_qty"]));

    let mut orders = known(bot, &now.deal, OrderState::Filled);
    orders[0].filled = bought(price(&v["base_fill_price"]), orders[0].quantity, fee, FeeAsset::Quote);
    orders[0].filled.last_at = Some(at(70));
    now = decide(bot, &now.deal, &orders, &view(limit, at(120)));
    assert_eq!(sequence(&now), texts(&v["order_sequence_at_open"]));
    assert_eq!(limit_price(&now, Role::TakeProfit, 0), price(&v["take_profit_price_before_averaging"]));
    let prices = texts(&v["ladder_prices"]);
    assert_eq!(limit_price(&now, Role::Averaging, 1).to_string(), prices[0]);
    assert_eq!(limit_price(&now, Role::Averaging, 2).to_string(), prices[1]);

    // The vector adds a flat amount to each order, which our settings cannot say: its quantity is put in by hand.
    let first = now.deal.working.iter_mut().find(|o| o.key.slot.level == 1).unwrap();
    first.quantity = Quantity::parse(&texts(&v["ladder_qtys"])[0]).unwrap();
    let mut orders = known(bot, &now.deal, OrderState::Open);
    let first = orders.iter_mut().find(|o| o.key.slot.level == 1).unwrap();
    first.state = OrderState::Filled;
    first.filled = bought(first.kind.resting_price().unwrap(), first.quantity, fee, FeeAsset::Quote);
    let expected = texts(&v["order_sequence_on_averaging_1_fill"]);
    now = decide(bot, &now.deal, &orders, &view(limit, at(180)));
    assert_eq!(sequence(&now), expected[..1]);

    // "wait for the cancel to be confirmed"
    let mut orders = known(bot, &now.deal, OrderState::Open);
    let target = orders.iter_mut().find(|o| o.key.slot.role == Role::TakeProfit).unwrap();
    target.cancel_pending = true;
    now = decide(bot, &now.deal, &orders, &view(limit, at(240)));
    assert!(now.actions.is_empty());

    let target = orders.iter_mut().find(|o| o.key.slot.role == Role::TakeProfit).unwrap();
    (target.state, target.cancel_pending) = (OrderState::Cancelled, false);
    now = decide(bot, &now.deal, &orders, &view(limit, at(300)));
    let placed: Vec<_> = sequence(&now).into_iter().map(|order| format!("place {order}")).collect();
    assert_eq!(placed, expected[2..]);
    let after = &v["after_averaging_1"];
    assert_eq!(limit_price(&now, Role::TakeProfit, 0), price(&after["take_profit_price"]));
    let target = now.deal.working.iter().find(|o| o.key.slot.role == Role::TakeProfit).unwrap();
    assert_eq!(target.quantity, quantity(&after["qty"]));
    assert_eq!((target.key.revision, target.key.attempt), (1, 0));

    // The take profit fills: the rest is cancelled and the profit is the vector's.
    let mut orders = known(bot, &now.deal, OrderState::Open);
    let target = orders.iter_mut().find(|o| o.key.slot.role == Role::TakeProfit).unwrap();
    let value = target.kind.resting_price().unwrap() * target.quantity;
    target.filled = Filled { quantity: target.quantity, value, fee_quote: value.share(fee), ..Filled::ZERO };
    target.state = OrderState::Filled;
    now = decide(bot, &now.deal, &orders, &view(limit, at(360)));
    assert_eq!(sequence(&now), ["cancel averaging 2", "cancel averaging 3"]);
    now = decide(bot, &now.deal, &known(bot, &now.deal, OrderState::Cancelled), &view(limit, at(420)));
    assert!(matches!(now.deal.phase, Phase::Closed { how: strategy::deal::Outcome::TakeProfit, .. }));
    near(figures::realised(&now.deal).decimal(), &after["net_profit_if_take_profit_fills"]);
}

#[test]
fn dca_2_average_and_take_profit_of_every_row() {
    let v = vector("dca", "DCA-2");
    let config = averaging(&v, LadderReference::Base);
    let reference = price(&v["base_price"]);
    let steps: Vec<_> = ladder::steps(&config).collect();
    let buy = |size: Amount, at: Price| Filled { quantity: at.quantity_for(size), value: size, ..Filled::ZERO };
    for row in v["rows"].as_array().unwrap() {
        let k = row["k"].as_u64().unwrap() as usize;
        assert_eq!(steps[k - 1].price(reference), Some(price(&row["price"])));
        let base = buy(amount(&v["base"]), reference);
        let all = steps[..k].iter().fold(base, |sum, s| sum.plus(buy(s.size, s.price(reference).unwrap())));
        let position = Position::over(all, Filled::ZERO, Percent::ZERO);
        assert_eq!(position.cost, amount(&row["total_cost"]));
        let six = |p: Price| p.decimal().round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(six(position.average.unwrap()), decimal(&row["average"]));
        let pct = percent(&v["take_profit_pct"]);
        let target = formula::take_profit_total(all.cost(), position.held, pct, Percent::ZERO).unwrap();
        assert_eq!(six(target), decimal(&row["take_profit"]));
    }
}

#[test]
fn dca_4_orders_that_exist_and_what_they_cost() {
    let v = vector("dca", "DCA-4");
    let config = averaging(&v, LadderReference::Base);
    let exist = ladder::steps(&config).count();
    assert_eq!(exist as u64, v["orders_that_exist"].as_u64().unwrap());
    assert_eq!(ladder::max_funds(amount(&v["base"]), Some(&config)), amount(&v["max_funds"]));
    let all: Vec<_> = ladder::configured_steps(&config).collect();
    assert_eq!(all[8].cumulative, decimal(&v["cumulative_pct_of_order_9"]));
    assert_eq!(all[9].cumulative, decimal(&v["cumulative_pct_of_order_10"]));
    let dca = DcaConfig {
        averaging: Some(config),
        base_amount: amount(&v["base"]),
        ..dca_1_config(&vector("dca", "DCA-1"), StopReference::Base)
    };
    let fee = Percent::parse("0.1").unwrap();
    let fees = Fees { maker: fee, taker: fee, asset: FeeAsset::Received };
    let report = preview::preview(
        &Strategy::Dca(dca),
        dca_1_rules(&vector("dca", "DCA-1")),
        fees,
        Price::parse("3000").unwrap(),
    );
    let report = report.unwrap();
    assert!(report.warnings.iter().any(|warning| warning.code == text(&v["warning"])));
    assert_eq!(report.orders.iter().filter(|order| order.role == Role::Averaging).count(), exist);
}

#[test]
fn dca_5_and_5b_reference_of_the_ladder() {
    for (id, reference) in [("DCA-5", LadderReference::Base), ("DCA-5b", LadderReference::Last)] {
        let v = vector("dca", id);
        let config = averaging(&v, reference);
        let from = price(&v["base_price"]);
        let prices: Vec<_> = ladder::steps(&config).map(|step| step.price(from).unwrap().to_string()).collect();
        assert_eq!(prices, texts(&v["prices"]));
    }
}

#[test]
fn dca_6_sizes_and_cumulative_deviations() {
    let v = vector("dca", "DCA-6");
    let config = averaging(&v, LadderReference::Base);
    let sizes: Vec<_> = ladder::steps(&config).map(|step| step.size.to_string()).collect();
    assert_eq!(sizes, texts(&v["sizes"]));
    let cumulative: Vec<_> = ladder::steps(&config).map(|step| step.cumulative.normalize().to_string()).collect();
    assert_eq!(cumulative, texts(&v["cumulative_pct"]));
}

#[test]
fn exits() {
    let v = vector("exits", "TP-1");
    let one = Quantity::parse("1").unwrap();
    let target =
        formula::take_profit_total(amount(&v["buy"]), one, percent(&v["take_profit_pct"]), percent(&v["fee_pct"]));
    assert_eq!(target, Some(price(&v["price"])));
    let v = vector("exits", "SL-1");
    assert_eq!(formula::stop_price(price(&v["buy"]), percent(&v["stop_loss_pct"])), Some(price(&v["price"])));
    let v = vector("exits", "TTP-1");
    assert_eq!(formula::trailing_exit(price(&v["peak"]), percent(&v["trailing_pct"])), Some(price(&v["exit"])));
    let v = vector("exits", "TSL-1");
    let highs: Vec<_> = texts(&v["highs"]).iter().map(|high| Price::parse(high).unwrap()).collect();
    for (index, expected) in texts(&v["stop"]).iter().enumerate() {
        let stop = formula::trailing_stop(price(&v["buy"]), &highs[..=index], percent(&v["trailing_stop_pct"]));
        assert_eq!(stop, Some(Price::parse(expected).unwrap()));
    }
}
