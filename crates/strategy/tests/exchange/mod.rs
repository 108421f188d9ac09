//! A small exchange for tests: instant fills where a candle crosses a price, with seeded mishaps.
//!
//! Every mishap depends on the order's id and the candle alone, so that two runs that place the same orders see the same.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use strategy::deal::Deal;
use strategy::decide::{Action, Decision};
use strategy::figures::planned_buy;
use strategy::id::ClientOrderId;
use strategy::market::{Candle, Fees, MarketTime};
use strategy::money::{Price, Quantity};
use strategy::order::{Filled, KnownOrder, OrderKind, OrderState, Role, Side};

/// How often things go wrong, in percent of orders.
#[derive(Debug, Clone, Copy)]
pub struct Mishaps {
    pub seed: u64,
    pub percent: u64,
}

pub struct Exchange {
    pub orders: BTreeMap<ClientOrderId, KnownOrder>,
    pub fees: Fees,
    pub mishaps: Mishaps,
    pub lot: Decimal,
}

impl Exchange {
    fn dice(&self, id: &ClientOrderId, salt: u64) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.mishaps.seed.wrapping_mul(31) ^ salt.wrapping_mul(0x9E37_79B9);
        for byte in id.as_str().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        (hash >> 17) % 100
    }
    fn unlucky(&self, id: &ClientOrderId, salt: u64) -> bool {
        self.dice(id, salt) < self.mishaps.percent
    }

    pub fn recorded(&self) -> Vec<KnownOrder> {
        self.orders.values().cloned().collect()
    }

    /// What a transaction of the trader records: orders proposed, cancels pending.
    pub fn record(&mut self, decision: &Decision) {
        for action in &decision.actions {
            match action {
                Action::Place(order) => {
                    let known = KnownOrder {
                        key: order.key,
                        client_order_id: order.client_order_id.clone(),
                        side: order.side,
                        kind: order.kind,
                        quantity: order.quantity,
                        state: OrderState::Proposed,
                        filled: Filled::ZERO,
                        cancel_pending: false,
                        refusal: None,
                    };
                    let before = self.orders.insert(order.client_order_id.clone(), known);
                    assert!(before.is_none(), "an order was placed twice");
                }
                Action::Cancel { client_order_id, .. } => {
                    let known = self.orders.get_mut(client_order_id).unwrap();
                    assert!(!known.cancel_pending && known.state == OrderState::Open);
                    known.cancel_pending = true;
                }
            }
        }
    }

    /// Carries out what was recorded. Returns whether an order event happened.
    pub fn drain(&mut self, candle: u64) -> bool {
        let mut changed = false;
        for id in self.orders.keys().cloned().collect::<Vec<_>>() {
            let dice = self.dice(&id, 1);
            let unlucky = self.unlucky(&id, 2);
            let cancel_fails = self.unlucky(&id, 100 + candle);
            let order = self.orders.get_mut(&id).unwrap();
            let before = (order.state, order.cancel_pending);
            if order.state == OrderState::Proposed {
                order.state = match (unlucky, dice % 5) {
                    (false, _) => OrderState::Open,
                    (true, 0) => OrderState::Unknown,
                    (true, 1) => OrderState::Expired,
                    (true, 2) => OrderState::Rejected,
                    (true, 3) => OrderState::Refused,
                    (true, _) => OrderState::Absent,
                };
            } else if order.cancel_pending && order.state == OrderState::Open {
                order.cancel_pending = false;
                if !cancel_fails {
                    order.state = OrderState::Cancelled;
                }
            }
            changed |= before != (order.state, order.cancel_pending);
        }
        changed
    }

    /// Applies a candle to what rests, and resolves what was unknown. Returns whether an order event happened.
    pub fn apply(&mut self, candle: &Candle, index: u64) -> bool {
        let mut changed = false;
        for id in self.orders.keys().cloned().collect::<Vec<_>>() {
            let (part, ends, found) = (self.unlucky(&id, 3 * index), self.dice(&id, index) < 3, self.dice(&id, 5) < 50);
            let (lot, fees, mishaps) = (self.lot, self.fees, self.mishaps.percent);
            let order = self.orders.get_mut(&id).unwrap();
            if order.state == OrderState::Unknown {
                order.state = if found { OrderState::Open } else { OrderState::Absent };
                changed = true;
                continue;
            }
            if order.state != OrderState::Open {
                continue;
            }
            let at = match (order.kind, order.side) {
                (OrderKind::Market, _) => Some(candle.open),
                (OrderKind::Limit { price }, Side::Buy) => (candle.low <= price).then_some(price),
                (OrderKind::Limit { price }, Side::Sell) => (candle.high >= price).then_some(price),
            };
            if let Some(price) = at {
                let rest = order.quantity.less(order.filled.quantity);
                let half = Quantity::admit((rest.decimal() / Decimal::TWO / lot).floor() * lot).unwrap();
                let quantity = if part && !half.is_zero() { half } else { rest };
                let time = candle.open_time.plus_seconds(if order.kind == OrderKind::Market { 0 } else { 30 });
                order.filled = order.filled.plus(fill(order.side, price, quantity, fees, time));
                let whole = order.filled.quantity == order.quantity;
                order.state = match (whole, order.kind) {
                    (true, _) => OrderState::Filled,
                    (false, OrderKind::Market) => OrderState::ExpiredAtExchange,
                    (false, OrderKind::Limit { .. }) => OrderState::Open,
                };
                changed = true;
            } else if ends && mishaps > 0 && !order.cancel_pending {
                // Somebody cancels by hand, or the exchange ends it.
                order.state = if part { OrderState::Cancelled } else { OrderState::ExpiredAtExchange };
                changed = true;
            }
        }
        changed
    }

    /// Base units the account holds by its fills.
    pub fn held(&self) -> Decimal {
        let sign = |order: &KnownOrder| match order.side {
            Side::Buy => order.filled.received().decimal(),
            Side::Sell => -order.filled.given().decimal(),
        };
        self.orders.values().map(sign).sum()
    }
    /// Base units that live sells may still take.
    pub fn offered(&self) -> Decimal {
        let live = self.orders.values().filter(|order| order.side == Side::Sell && !order.state.is_final());
        live.map(|order| order.quantity.less(order.filled.quantity).decimal()).sum()
    }
    /// At most one live order per slot, and the deal knows all of them.
    pub fn assert_slots(&self, deal: &Deal) {
        let live: Vec<_> = self.orders.values().filter(|order| !order.state.is_final()).collect();
        for order in &live {
            assert_eq!(live.iter().filter(|other| other.key.slot == order.key.slot).count(), 1);
            assert!(deal.working.iter().any(|working| working.key == order.key), "{order:?} is forgotten");
        }
        let exits = |role| live.iter().filter(|order| order.key.slot.role == role).count();
        assert!(exits(Role::TakeProfit) + exits(Role::StopLoss) + exits(Role::Close) <= 1);
    }
}

/// What a fill is, with fees in the account's asset.
pub fn fill(side: Side, price: Price, quantity: Quantity, fees: Fees, at: MarketTime) -> Filled {
    let filled = match side {
        Side::Buy => planned_buy(price, quantity, fees.taker, fees.asset),
        Side::Sell => {
            let value = price * quantity;
            Filled { quantity, value, fee_quote: value.share(fees.taker), ..Filled::ZERO }
        }
    };
    Filled { last_at: Some(at), ..filled }
}
