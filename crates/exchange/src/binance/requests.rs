//! Requests: which parameters, in which order, as which bytes.

use strategy::order::{OrderKind, PlannedOrder, Side};

use crate::request::{ExchangeTimeMs, PublicQuestion, Question, ReceiveWindowMs, Signable, Unsigned};
use crate::{Endpoint, Method, Venue};

type Parameters = Vec<(&'static str, String)>;

/// The method of an endpoint.
pub(crate) const fn method(endpoint: Endpoint) -> Method {
    match endpoint {
        Endpoint::PlaceOrder => Method::Post,
        Endpoint::CancelOrder => Method::Delete,
        Endpoint::QueryOrder
        | Endpoint::OpenOrders
        | Endpoint::MyTrades
        | Endpoint::Account
        | Endpoint::ApiRestrictions
        | Endpoint::ServerTime
        | Endpoint::Klines
        | Endpoint::ExchangeInfo
        | Endpoint::TickerPrice
        | Endpoint::Depth => Method::Get,
    }
}

/// The path of an endpoint.
pub(crate) const fn path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::PlaceOrder | Endpoint::CancelOrder | Endpoint::QueryOrder => "/api/v3/order",
        Endpoint::OpenOrders => "/api/v3/openOrders",
        Endpoint::MyTrades => "/api/v3/myTrades",
        Endpoint::Account => "/api/v3/account",
        Endpoint::ApiRestrictions => "/sapi/v1/account/apiRestrictions",
        Endpoint::ServerTime => "/api/v3/time",
        Endpoint::Klines => "/api/v3/klines",
        Endpoint::ExchangeInfo => "/api/v3/exchangeInfo",
        Endpoint::TickerPrice => "/api/v3/ticker/price",
        Endpoint::Depth => "/api/v3/depth",
    }
}

/// A private request: the question's parameters, then `recvWindow` and `timestamp`; the signature comes last.
pub(crate) fn private(
    venue: Venue,
    what: &Signable<'_>,
    timestamp: ExchangeTimeMs,
    window: ReceiveWindowMs,
) -> Unsigned {
    let (endpoint, mut parameters) = match what {
        Signable::Place { pair, order } => (Endpoint::PlaceOrder, place(&pair.symbol(), order)),
        Signable::Cancel { pair, order } => {
            (Endpoint::CancelOrder, vec![("symbol", pair.symbol()), ("origClientOrderId", order.to_string())])
        }
        Signable::Ask(question) => ask(question),
    };
    parameters.push(("recvWindow", window.ms().to_string()));
    parameters.push(("timestamp", timestamp.ms().to_string()));
    Unsigned { venue, endpoint, parameters }
}

fn place(symbol: &str, order: &PlannedOrder) -> Parameters {
    let side = match order.side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    };
    let mut parameters = vec![("symbol", symbol.to_owned()), ("side", side.to_owned())];
    match order.kind {
        OrderKind::Market => {
            parameters.extend([("type", "MARKET".to_owned()), ("quantity", order.quantity.to_string())])
        }
        OrderKind::Limit { price } => parameters.extend([
            ("type", "LIMIT".to_owned()),
            ("timeInForce", "GTC".to_owned()),
            ("quantity", order.quantity.to_string()),
            ("price", price.to_string()),
        ]),
    }
    // FULL is the default for these types alone; asked for explicitly, since ACK carries no status (exchanges.md).
    parameters
        .extend([("newClientOrderId", order.client_order_id.to_string()), ("newOrderRespType", "FULL".to_owned())]);
    parameters
}

fn ask(question: &Question) -> (Endpoint, Parameters) {
    match question {
        Question::Order { pair, order } => {
            (Endpoint::QueryOrder, vec![("symbol", pair.symbol()), ("origClientOrderId", order.to_string())])
        }
        Question::OrderById { pair, exchange_order_id } => {
            (Endpoint::QueryOrder, vec![("symbol", pair.symbol()), ("orderId", exchange_order_id.clone())])
        }
        Question::OpenOrders { pair } => (Endpoint::OpenOrders, vec![("symbol", pair.symbol())]),
        Question::TradesFrom { pair, trade_id } => (
            Endpoint::MyTrades,
            vec![("symbol", pair.symbol()), ("fromId", trade_id.to_string()), ("limit", "1000".to_owned())],
        ),
        Question::TradesOf { pair, exchange_order_id } => (
            Endpoint::MyTrades,
            vec![("symbol", pair.symbol()), ("orderId", exchange_order_id.clone()), ("limit", "1000".to_owned())],
        ),
        Question::Account => (Endpoint::Account, vec![("omitZeroBalances", "true".to_owned())]),
        Question::Permissions => (Endpoint::ApiRestrictions, Vec::new()),
    }
}

/// A public request.
pub(crate) fn public(venue: Venue, question: &PublicQuestion) -> Unsigned {
    let (endpoint, parameters) = match question {
        PublicQuestion::ServerTime => (Endpoint::ServerTime, Vec::new()),
        PublicQuestion::Candles { pair, from, limit } => {
            let mut parameters = vec![("symbol", pair.symbol()), ("interval", "1m".to_owned())];
            parameters.extend(from.map(|from| ("startTime", from.ms().to_string())));
            parameters.push(("limit", (*limit).clamp(1, 1000).to_string()));
            (Endpoint::Klines, parameters)
        }
        PublicQuestion::Pairs { only } => (
            Endpoint::ExchangeInfo,
            match only.as_slice() {
                [] => Vec::new(),
                [one] => vec![("symbol", one.symbol())],
                many => {
                    let names: Vec<_> = many.iter().map(|pair| format!("\"{}\"", pair.symbol())).collect();
                    vec![("symbols", format!("[{}]", names.join(",")))]
                }
            },
        ),
        PublicQuestion::LastPrice { pair } => (Endpoint::TickerPrice, vec![("symbol", pair.symbol())]),
        PublicQuestion::AssetPrice { asset, quote } => {
            (Endpoint::TickerPrice, vec![("symbol", format!("{asset}{quote}"))])
        }
        PublicQuestion::Depth { pair, limit } => {
            (Endpoint::Depth, vec![("symbol", pair.symbol()), ("limit", (*limit).clamp(1, 5000).to_string())])
        }
    };
    Unsigned { venue, endpoint, parameters }
}

/// `name=value&…`, values percent-encoded: non-ASCII text must be encoded before signing, else -1022.
pub(crate) fn query_string(parameters: &[(&'static str, String)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            // RFC 3986, unreserved.
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                query.push(char::from(byte));
            } else {
                query.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    query
}
