//! Runs the vectors of `tests/vectors/binance`: requests byte by byte, answers by what they say. A new vector is a new entry.
#![allow(clippy::allow_attributes, clippy::unwrap_used, clippy::panic, reason = "a test file")]

use exchange::{
    ExchangeTimeMs, Failure, OrderAnswer, Outgoing, PublicQuestion, PublicRequest, Question, ReceiveWindowMs, Received,
    Signable, Venue, binance,
};
use serde_json::Value;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{MarketTime, Pair};
use strategy::order::{OrderKey, OrderKind, PlannedOrder, Role, Side, Slot};

#[derive(serde::Deserialize)]
struct RequestVector {
    name: String,
    ask: Value,
    method: String,
    path: String,
    query: String,
}

#[derive(serde::Deserialize)]
struct AnswerVector {
    name: String,
    reader: String,
    status: u16,
    body: Option<Value>,
    text: Option<String>,
    says: String,
}

const KEY: OrderKey = OrderKey { slot: Slot { role: Role::Base, level: 0 }, revision: 0, attempt: 0 };

fn order_id() -> ClientOrderId {
    let ulid: ulid::Ulid = ulid::Ulid::from_parts(1, 2);
    ClientOrderId::derive(BotId::new(ulid), DealId::new(ulid), KEY)
}
fn pair() -> Pair {
    "ETH-USDT".parse().unwrap()
}

fn planned(place: &Value) -> PlannedOrder {
    let text = |name: &str| place[name].as_str().unwrap_or_default();
    let kind = if text("type") == "market" {
        OrderKind::Market
    } else {
        OrderKind::Limit { price: text("price").parse().unwrap() }
    };
    PlannedOrder {
        client_order_id: order_id(),
        key: KEY,
        side: if text("side") == "buy" { Side::Buy } else { Side::Sell },
        kind,
        quantity: text("quantity").parse().unwrap(),
        reference_price: "1".parse().unwrap(),
        reason: String::new(),
    }
}

fn private(what: &Signable<'_>) -> (String, String, String) {
    let unsigned = what.build(Venue::Paper, ExchangeTimeMs::from_ms(1_764_000_002_500), ReceiveWindowMs::MAX);
    (
        Venue::Paper.method(unsigned.endpoint()).as_str().into(),
        Venue::Paper.path(unsigned.endpoint()).into(),
        unsigned.query_string(),
    )
}
fn public(question: &PublicQuestion) -> (String, String, String) {
    let parts = PublicRequest::build(Venue::Paper, question).into_parts();
    (parts.method().as_str().into(), parts.path().into(), parts.query.expose(String::clone))
}

fn built(ask: &Value) -> (String, String, String) {
    let (pair, order) = (pair(), order_id());
    if let Some(place) = ask.get("place") {
        return private(&Signable::Place { pair: &pair, order: &planned(place) });
    }
    let question = match ask.as_str().unwrap() {
        "cancel" => return private(&Signable::Cancel { pair: &pair, order: &order }),
        "server_time" => return public(&PublicQuestion::ServerTime),
        "candles" => {
            return public(&PublicQuestion::Candles {
                pair,
                from: Some(MarketTime::from_ms(1_747_699_200_000)),
                limit: 5_000,
            });
        }
        "pairs" => return public(&PublicQuestion::Pairs { only: vec![pair, "BTC-USDT".parse().unwrap()] }),
        "last_price" => return public(&PublicQuestion::LastPrice { pair }),
        "depth" => return public(&PublicQuestion::Depth { pair, limit: 100 }),
        "order" => Question::Order { pair, order },
        "order_by_id" => Question::OrderById { pair, exchange_order_id: "28".into() },
        "open_orders" => Question::OpenOrders { pair },
        "trades_from" => Question::TradesFrom { pair, trade_id: 29 },
        "trades_of" => Question::TradesOf { pair, exchange_order_id: "28".into() },
        "account" => Question::Account,
        "permissions" => Question::Permissions,
        other => panic!("no such question: {other}"),
    };
    private(&Signable::Ask(&question))
}

#[test]
fn requests_are_built_byte_by_byte() {
    let vectors: Vec<RequestVector> =
        serde_json::from_str(include_str!("../../../tests/vectors/binance/requests.json")).unwrap();
    for vector in vectors {
        let expected = (vector.method, vector.path, vector.query.replace("{order}", order_id().as_str()));
        assert_eq!(built(&vector.ask), expected, "{}", vector.name);
    }
}

fn said(answer: Result<OrderAnswer, Failure>) -> Result<String, Failure> {
    answer.map(|o| {
        let fills = o.fills.map_or_else(|| "no fills".to_owned(), |fills| format!("fills {}", fills.len()));
        format!("{} {} {:?} executed {} {fills}", o.client_order_id, o.exchange_order_id, o.status, o.executed)
    })
}

#[test]
fn answers_say_what_they_say() {
    let vectors: Vec<AnswerVector> =
        serde_json::from_str(include_str!("../../../tests/vectors/binance/answers.json")).unwrap();
    for vector in vectors {
        let body = vector.text.unwrap_or_else(|| vector.body.unwrap().to_string());
        let received = Received { status: vector.status, retry_after_s: None, body: body.as_bytes() };
        let said = match vector.reader.as_str() {
            "order" => said(binance::order(received)),
            "cancel" => said(binance::cancelled_order(received)),
            "trades" => binance::trades(received).map(|trades| {
                let one = |t: &exchange::Trade| {
                    format!(
                        "{} of {}: {} at {}, fee {} {}",
                        t.trade_id, t.exchange_order_id, t.quantity, t.price, t.fee, t.fee_asset
                    )
                };
                trades.iter().map(one).collect::<Vec<_>>().join(", ")
            }),
            "account" => binance::account(received).map(|account| {
                account
                    .balances
                    .iter()
                    .map(|b| format!("{} {} + {}", b.asset, b.free, b.locked))
                    .collect::<Vec<_>>()
                    .join(", ")
            }),
            other => panic!("no such reader: {other}"),
        };
        let said = said.unwrap_or_else(|failure| {
            if matches!(failure, Failure::Unknown { .. }) { "unknown".into() } else { failure.to_string() }
        });
        assert_eq!(said, vector.says, "{}", vector.name);
    }
}

// KX-6: whatever ids hold, they stay inside their parameter.
#[test]
fn an_id_cannot_break_out_of_its_parameter() {
    let question = Question::TradesOf { pair: pair(), exchange_order_id: "1&symbol=BTCUSDT#?/../sapi".into() };
    let (_, path, query) = private(&Signable::Ask(&question));
    assert_eq!(path, "/api/v3/myTrades");
    assert!(query.contains("orderId=1%26symbol%3DBTCUSDT%23%3F%2F..%2Fsapi&"), "{query}");
}
