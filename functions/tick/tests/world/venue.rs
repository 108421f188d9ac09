//! The signer and the exchange in one, by the book: what is proposed is placed, what the market reached is filled when it is
//! asked about. Records through the store's own transactions.

use store::attribute::{n, s};
use store::entity::intent::{Ask, Intent, IntentState, place_key};
use store::entity::order::VenueStatus;
use store::transaction::record_outcome::{OrderNews, Recorded, Recording};
use store::{Table, Write};
use strategy::market::MarketTime;
use strategy::money::{Amount, Price, Quantity};
use strategy::order::{Filled, OrderKind, PlannedOrder, Side};

use super::World;

/// Answers every PROPOSED intent of every bot; how many there were.
pub async fn answer(world: &World) -> usize {
    let keys = world.store.find_marked("PROPOSED", world.now().plus_seconds(1)).await.unwrap();
    let mut answered = 0;
    for key in keys {
        let Some(intent) = world.store.find_intent(&key).await.unwrap().filter(|i| i.state == IntentState::Proposed)
        else {
            continue;
        };
        answered += 1;
        let authorise = Write::update(
            Table::Trading,
            key,
            "SET #state = :a, #intent_key = :a, #authorised_at = :now, #intent_ms = :now",
        )
        .when("#state = :p")
        .value(":a", s("AUTHORISED"))
        .value(":p", s("PROPOSED"))
        .value(":now", n(world.now().ms()));
        world.store.write_one(authorise).await.unwrap().unwrap();
        one(world, &intent).await;
    }
    answered
}

async fn one(world: &World, intent: &Intent) {
    match &intent.ask {
        Ask::Place(order) => {
            let news = placed(world, order);
            record(world, intent, order, &news).await;
        }
        Ask::Cancel { order, .. } | Ask::QueryOrder { order } => {
            let bot = intent.bot.unwrap();
            let place = world.store.find_intent(&place_key(bot, order)).await.unwrap().unwrap();
            let Ask::Place(planned) = &place.ask else { panic!("not a placement") };
            let found = world.store.find_order(bot, order).await.unwrap().unwrap();
            let mut news =
                OrderNews { status: found.status, exchange_order_id: "1".into(), filled: found.filled, trade_id: None };
            if !found.status.is_final() {
                if let OrderKind::Limit { price } = planned.kind
                    && let Some(at) = reached(world, planned, price, found.sent_at.ms())
                {
                    news.status = VenueStatus::Filled;
                    news.filled = filled(planned, price, at);
                } else if matches!(intent.ask, Ask::Cancel { .. }) {
                    news.status = VenueStatus::Cancelled;
                }
            }
            record(world, intent, planned, &news).await;
        }
        Ask::QueryConnection(_) => {}
    }
}

fn placed(world: &World, order: &PlannedOrder) -> OrderNews {
    let last = world.market.last();
    let open =
        OrderNews { status: VenueStatus::New, exchange_order_id: "1".into(), filled: Filled::ZERO, trade_id: None };
    match order.kind {
        OrderKind::Market => {
            OrderNews { status: VenueStatus::Filled, filled: filled(order, last.close, last.close_time), ..open }
        }
        OrderKind::Limit { .. } => open,
    }
}

/// The first candle that began after the order was sent, by the exchange's market, and touched its price.
fn reached(world: &World, order: &PlannedOrder, price: Price, sent_ms: i64) -> Option<MarketTime> {
    world
        .market
        .all()
        .iter()
        .filter(|c| c.open_time.ms() >= sent_ms)
        .find(|c| match order.side {
            Side::Buy => c.low <= price,
            Side::Sell => c.high >= price,
        })
        .map(|c| c.close_time)
}

fn filled(order: &PlannedOrder, price: Price, at: MarketTime) -> Filled {
    let fee = order.quantity.decimal() / rust_decimal::Decimal::new(1000, 0);
    let value = price * order.quantity;
    let (fee_base, fee_quote) = match order.side {
        Side::Buy => (Quantity::admit(fee).unwrap(), Amount::ZERO),
        Side::Sell => (Quantity::ZERO, Amount::admit(value.decimal() / rust_decimal::Decimal::new(1000, 0)).unwrap()),
    };
    Filled { quantity: order.quantity, value, fee_base, fee_quote, last_at: Some(at) }
}

async fn record(world: &World, intent: &Intent, order: &PlannedOrder, news: &OrderNews) {
    let (bot, deal, pair) = (intent.bot.unwrap(), intent.deal.unwrap(), intent.pair.clone().unwrap());
    let recording = Recording {
        answered: intent,
        place: None,
        order,
        bot,
        deal,
        pair: &pair,
        news,
        trade_id_seen: 0,
        sent_at: world.now(),
    };
    if let Recorded::Due(wake) = world.store.record_order(&recording, &world.host()).await.unwrap() {
        world.deliver(&serde_json::to_string(&wake.hint(MarketTime::START)).unwrap()).await;
    }
}
