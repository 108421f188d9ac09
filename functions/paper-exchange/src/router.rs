//! Binance's paths, each with what it demands of its caller and which parameters it reads.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{HeaderValue, header};
use serde_json::Value;

use crate::Deps;
use crate::authorise::{Caller, authorise};
use crate::endpoint;
use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// The largest body in bytes; an order takes a few hundred.
const BODY_MAX: usize = 64 * 1024;
/// What every signed request may carry beside the endpoint's own parameters.
const SIGNED: [&str; 3] = ["timestamp", "recvWindow", "signature"];

/// The exchange's surface, for a host name or port of its own.
pub fn router(deps: Deps) -> Router {
    let mut router = Router::new();
    for (path, methods) in paths(&deps) {
        router = router.route(path, methods.fallback(async || Refusal::no_such_method()));
    }
    router.fallback(async || Refusal::no_such_path())
}

/// The exchange's surface and, for every other path, the product's own routes of this function: what one Lambda serves.
pub fn with_own_routes(gate: api::Gate, deps: Deps) -> Router {
    let own = own_routes(gate, deps.clone());
    router(deps).fallback_service(own)
}

/// `POST /v1/paper/keys`, for the product's host name or port.
pub fn own_routes(gate: api::Gate, deps: Deps) -> Router {
    own(api::Api::new(gate, deps)).into_router()
}

/// What the product's own routes of this function take and answer: its part of the contract.
pub fn operations() -> Vec<(api::Route, api::Operation)> {
    own(api::Operations::new()).into_vec()
}

fn own<M: api::Mounts<Deps>>(to: M) -> M {
    to.mount(api::routes::MAKE_PAPER_KEY, crate::make_key::answer, crate::make_key::operation)
}

/// A request as an endpoint sees it.
pub(crate) struct Call {
    pub deps: Deps,
    pub parameters: Parameters,
}

macro_rules! open {
    ($deps:expr, $method:ident, $endpoint:path, [$($name:literal),*]) => {{
        let deps = $deps.clone();
        on(MethodFilter::$method, move |request: Request| async move {
            let answered = async {
                let (_, _, _, parameters) = read(request).await?;
                parameters.demand_only(&[$($name),*])?;
                $endpoint(Call { deps, parameters }).await
            };
            answer(answered.await)
        })
    }};
}
macro_rules! signed {
    ($deps:expr, $method:ident, $endpoint:path, [$($name:literal),*]) => {{
        let deps = $deps.clone();
        on(MethodFilter::$method, move |request: Request| async move {
            let answered = async {
                let (headers, query, body, parameters) = read(request).await?;
                let caller: Caller = authorise(&deps, &headers, query.as_bytes(), &body, &parameters).await?;
                parameters.demand_only(&[&SIGNED[..], &[$($name),*]].concat())?;
                $endpoint(Call { deps, parameters }, caller).await
            };
            answer(answered.await)
        })
    }};
}

/// Refused twice over: a path that is not here, and a method that a path does not have.
fn paths(deps: &Deps) -> Vec<(&'static str, MethodRouter)> {
    use endpoint::{account, book, exchange_info, klines, order, orders, ping, trades};
    vec![
        ("/api/v3/ping", open!(deps, GET, ping::ping, [])),
        ("/api/v3/time", open!(deps, GET, ping::time, [])),
        ("/api/v3/exchangeInfo", open!(deps, GET, exchange_info::show, ["symbol", "symbols"])),
        ("/api/v3/klines", open!(deps, GET, klines::list, ["symbol", "interval", "startTime", "endTime", "limit"])),
        ("/api/v3/ticker/price", open!(deps, GET, book::price, ["symbol", "symbols"])),
        ("/api/v3/ticker/bookTicker", open!(deps, GET, book::ticker, ["symbol", "symbols"])),
        ("/api/v3/depth", open!(deps, GET, book::depth, ["symbol", "limit"])),
        ("/api/v3/account", signed!(deps, GET, account::show, ["omitZeroBalances"])),
        ("/api/v3/account/commission", signed!(deps, GET, account::commission, ["symbol"])),
        ("/sapi/v1/account/apiRestrictions", signed!(deps, GET, account::permissions, [])),
        (
            "/api/v3/order",
            signed!(
                deps,
                POST,
                order::place,
                [
                    "symbol",
                    "side",
                    "type",
                    "timeInForce",
                    "quantity",
                    "quoteOrderQty",
                    "price",
                    "newClientOrderId",
                    "newOrderRespType",
                    "selfTradePreventionMode",
                    "stopPrice",
                    "icebergQty",
                    "trailingDelta"
                ]
            )
            .merge(signed!(deps, GET, order::show, ["symbol", "orderId", "origClientOrderId"]))
            .merge(signed!(
                deps,
                DELETE,
                order::cancel,
                ["symbol", "orderId", "origClientOrderId", "newClientOrderId"]
            )),
        ),
        ("/api/v3/openOrders", signed!(deps, GET, orders::list_open, ["symbol"])),
        (
            "/api/v3/allOrders",
            signed!(deps, GET, orders::list_all, ["symbol", "orderId", "startTime", "endTime", "limit"]),
        ),
        (
            "/api/v3/myTrades",
            signed!(deps, GET, trades::list, ["symbol", "orderId", "fromId", "startTime", "endTime", "limit"]),
        ),
    ]
}

/// Headers, query and body as received, and what they say.
async fn read(request: Request) -> Result<(http::HeaderMap, String, Vec<u8>, Parameters), Refusal> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or("").to_owned();
    let body = axum::body::to_bytes(body, BODY_MAX).await.map_err(|_| Refusal::body_too_large())?.to_vec();
    let parameters = Parameters::parse(query.as_bytes(), &body)?;
    Ok((parts.headers, query, body, parameters))
}

fn answer(answered: Result<Value, Refusal>) -> Response {
    match answered {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            ([(header::CONTENT_TYPE, json)], body.to_string()).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}
