//! An exchange in memory behind the transport's seam: it keeps what it accepted, by its own clock, and does to answers
//! what a test asks for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use emulators::WallClock;
use exchange::{Endpoint, Parts};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use wire::{Answer, Limits, Sent, Transport};

use super::TestClock;

/// What happens to the next placement.
#[derive(Debug, Clone, Copy)]
pub enum OnPlace {
    /// Rests.
    Rest,
    /// Fills at once.
    Fill,
    /// Rests; the answer is lost.
    RestAndLose,
    /// Fills at once; the answer is lost, and the order is not found by its name.
    FillAndHide,
    /// The request is lost on its way; nobody can tell.
    Vanish,
    /// The connection is refused.
    Refuse,
    /// Answers this and does nothing.
    Say(u16, &'static str),
    /// Rests, and answers this.
    RestAndSay(u16, &'static str),
}

/// Where a request stops until the test lets it go on.
#[derive(Debug)]
pub struct Stop {
    reached: Semaphore,
    opened: Semaphore,
}
impl Stop {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { reached: Semaphore::new(0), opened: Semaphore::new(0) })
    }
    pub async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }
    pub fn open(&self) {
        self.opened.add_permits(1);
    }
    async fn pass(&self) {
        self.reached.add_permits(1);
        self.opened.acquire().await.unwrap().forget();
    }
}

#[derive(Debug, Clone)]
pub struct FakeOrder {
    pub client_id: String,
    pub id: i64,
    pub side: String,
    pub status: &'static str,
    pub quantity: String,
    pub executed: String,
    pub hidden: bool,
}
#[derive(Debug, Clone)]
pub struct FakeTrade {
    pub id: i64,
    pub order: i64,
    pub price: String,
    pub quantity: String,
    pub fee: String,
    pub asset: String,
    pub time: i64,
}

#[derive(Debug, Default)]
pub struct Book {
    pub orders: Vec<FakeOrder>,
    pub trades: Vec<FakeTrade>,
    /// Query strings of all placements that arrived, accepted or not.
    pub posts: Vec<String>,
    pub asked: Vec<Endpoint>,
    pub on_place: VecDeque<OnPlace>,
    pub on_cancel: VecDeque<OnPlace>,
    pub skew_ms: i64,
    pub round_trip_ms: i64,
    pub permissions: Option<Value>,
    pub balances: Vec<(&'static str, &'static str, &'static str)>,
    pub before_place: Option<Arc<Stop>>,
    pub after_place: Option<Arc<Stop>>,
}

#[derive(Debug)]
pub struct FakeExchange {
    pub book: Mutex<Book>,
    clock: Arc<TestClock>,
}
impl FakeExchange {
    pub fn new(clock: Arc<TestClock>) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), clock })
    }
    pub fn with<R>(&self, look: impl FnOnce(&mut Book) -> R) -> R {
        look(&mut self.book.lock().unwrap())
    }
    pub fn posts(&self) -> usize {
        self.with(|b| b.posts.len())
    }
    pub fn next(&self, what: OnPlace) {
        self.with(|b| b.on_place.push_back(what));
    }
    fn now(&self) -> i64 {
        self.clock.now_ms() + self.with(|b| b.skew_ms)
    }

    fn answer(&self, endpoint: Endpoint, query: &str) -> Sent {
        let now = self.now();
        let get = |name: &str| {
            query.split('&').find_map(|p| p.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned()
        };
        if endpoint.is_signed() {
            let (at, window): (i64, i64) = (get("timestamp").parse().unwrap(), get("recvWindow").parse().unwrap());
            assert!(window <= 3_000, "a receive window of {window}");
            if at >= now + 1_000 || now - at > window {
                return say(400, r#"{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}"#);
            }
        }
        let mut book = self.book.lock().unwrap();
        book.asked.push(endpoint);
        match endpoint {
            Endpoint::ServerTime => ok(&json!({ "serverTime": now })),
            Endpoint::PlaceOrder => {
                let what = book.on_place.pop_front().unwrap_or(OnPlace::Rest);
                place(&mut book, what, &get, now)
            }
            Endpoint::CancelOrder => cancel(&mut book, &get("origClientOrderId")),
            Endpoint::QueryOrder => {
                let (name, id) = (get("origClientOrderId"), get("orderId"));
                let found = book
                    .orders
                    .iter()
                    .find(|o| if id.is_empty() { o.client_id == name && !o.hidden } else { o.id.to_string() == id });
                found.map_or_else(
                    || say(400, r#"{"code":-2013,"msg":"Order does not exist."}"#),
                    |o| ok(&shown(o, None)),
                )
            }
            Endpoint::OpenOrders => {
                let open: Vec<_> = book
                    .orders
                    .iter()
                    .filter(|o| matches!(o.status, "NEW" | "PARTIALLY_FILLED"))
                    .map(|o| shown(o, None))
                    .collect();
                ok(&Value::Array(open))
            }
            Endpoint::MyTrades => {
                let (order, from): (String, i64) = (get("orderId"), get("fromId").parse().unwrap_or(0));
                let fitting =
                    book.trades.iter().filter(|t| t.id >= from && (order.is_empty() || t.order.to_string() == order));
                ok(&Value::Array(fitting.map(|t| json!({
                    "id": t.id, "orderId": t.order, "price": t.price, "qty": t.quantity, "commission": t.fee, "commissionAsset": t.asset, "time": t.time,
                })).collect()))
            }
            Endpoint::Account => {
                let held: Vec<_> =
                    book.balances.iter().map(|(a, f, l)| json!({ "asset": a, "free": f, "locked": l })).collect();
                ok(&json!({ "balances": held }))
            }
            Endpoint::ApiRestrictions => {
                book.permissions.as_ref().map_or_else(|| say(401, r#"{"code":-2015,"msg":"Invalid API-key."}"#), ok)
            }
            Endpoint::TickerPrice => ok(&json!({ "symbol": "X", "price": "100" })),
            Endpoint::Klines | Endpoint::ExchangeInfo | Endpoint::Depth => say(404, ""),
        }
    }
}

fn place(book: &mut Book, what: OnPlace, get: &dyn Fn(&str) -> String, now: i64) -> Sent {
    if let OnPlace::Vanish = what {
        return Sent::Unknown { why: "the request was lost".into() };
    }
    if let OnPlace::Refuse = what {
        return Sent::NotSent { why: "connection refused".into() };
    }
    if let OnPlace::Say(status, body) = what {
        return say(status, body);
    }
    let client_id = get("newClientOrderId");
    if book.orders.iter().any(|o| o.client_id == client_id && matches!(o.status, "NEW" | "PARTIALLY_FILLED")) {
        return say(400, r#"{"code":-2010,"msg":"Duplicate order sent."}"#);
    }
    let id = i64::try_from(book.orders.len()).unwrap() + 1;
    let fills = matches!(what, OnPlace::Fill | OnPlace::FillAndHide);
    let quantity = get("quantity");
    let order = FakeOrder {
        client_id,
        id,
        side: get("side"),
        status: if fills { "FILLED" } else { "NEW" },
        quantity: quantity.clone(),
        executed: if fills { quantity.clone() } else { "0".into() },
        hidden: matches!(what, OnPlace::FillAndHide),
    };
    let fill = fills.then(|| FakeTrade {
        id: 100 + id,
        order: id,
        price: "100".into(),
        quantity,
        fee: "0.1".into(),
        asset: "USDT".into(),
        time: 120_000,
    });
    book.trades.extend(fill.clone());
    book.orders.push(order.clone());
    match what {
        OnPlace::RestAndLose | OnPlace::FillAndHide => Sent::Unknown { why: "the answer was lost".into() },
        OnPlace::RestAndSay(status, body) => say(status, body),
        _ => {
            let mut answer = shown(&order, Some(now));
            let fills: Vec<_> = fill.iter().map(|t| json!({ "price": t.price, "qty": t.quantity, "commission": t.fee, "commissionAsset": t.asset, "tradeId": t.id })).collect();
            answer["fills"] = Value::Array(fills);
            ok(&answer)
        }
    }
}

fn cancel(book: &mut Book, name: &str) -> Sent {
    let what = book.on_cancel.pop_front().unwrap_or(OnPlace::Rest);
    if let OnPlace::Say(status, body) = what {
        return say(status, body);
    }
    let Some(order) =
        book.orders.iter_mut().find(|o| o.client_id == name && matches!(o.status, "NEW" | "PARTIALLY_FILLED"))
    else {
        return say(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
    };
    order.status = "CANCELED";
    let mut answer = shown(order, None);
    answer["origClientOrderId"] = json!(name);
    answer["clientOrderId"] = json!("made-by-the-exchange");
    if matches!(what, OnPlace::RestAndLose) { Sent::Unknown { why: "the answer was lost".into() } } else { ok(&answer) }
}

fn shown(order: &FakeOrder, transact_time: Option<i64>) -> Value {
    let mut shown = json!({
        "symbol": "ETHUSDT", "orderId": order.id, "clientOrderId": order.client_id, "status": order.status, "side": order.side,
        "origQty": order.quantity, "executedQty": order.executed,
    });
    if let Some(at) = transact_time {
        shown["transactTime"] = json!(at);
    }
    shown
}
fn ok(body: &Value) -> Sent {
    Sent::Answered(Answer { status: 200, retry_after_s: None, body: body.to_string().into_bytes() })
}
fn say(status: u16, body: &str) -> Sent {
    Sent::Answered(Answer { status, retry_after_s: None, body: body.as_bytes().to_vec() })
}

#[async_trait::async_trait]
impl Transport for FakeExchange {
    async fn send(&self, _base_url: &str, parts: Parts, _limits: Limits) -> Sent {
        let query = parts.query.expose(String::clone);
        let endpoint = parts.endpoint;
        let placing = endpoint == Endpoint::PlaceOrder;
        if placing {
            self.with(|b| b.posts.push(query.clone()));
        }
        let (before, after, trip) = self.with(|b| (b.before_place.clone(), b.after_place.clone(), b.round_trip_ms));
        if placing && let Some(stop) = before {
            stop.pass().await;
        }
        self.clock.advance_ms(trip / 2);
        let answer = self.answer(endpoint, &query);
        self.clock.advance_ms(trip - trip / 2);
        if placing && let Some(stop) = after {
            stop.pass().await;
        }
        answer
    }
}
