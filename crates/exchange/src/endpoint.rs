//! What can be asked of an exchange at all: the compiled-in list of methods and paths.

/// An HTTP method, as far as exchanges need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Places.
    Post,
    /// Cancels.
    Delete,
}
impl Method {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// Everything that can be asked (KX-6). Method and path follow from it; nothing else makes a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Places one order.
    PlaceOrder,
    /// Cancels one order by its client order id.
    CancelOrder,
    /// The state of one order by its client order id.
    QueryOrder,
    /// The open orders of a pair.
    OpenOrders,
    /// The account's fills of a pair.
    MyTrades,
    /// Balances.
    Account,
    /// What the key may do.
    ApiRestrictions,
    /// The exchange's clock.
    ServerTime,
    /// Closed and current candles.
    Klines,
    /// Pairs and their filters.
    ExchangeInfo,
    /// The last price of a pair.
    TickerPrice,
    /// The order book.
    Depth,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Endpoint; 12] = [
        Endpoint::PlaceOrder,
        Endpoint::CancelOrder,
        Endpoint::QueryOrder,
        Endpoint::OpenOrders,
        Endpoint::MyTrades,
        Endpoint::Account,
        Endpoint::ApiRestrictions,
        Endpoint::ServerTime,
        Endpoint::Klines,
        Endpoint::ExchangeInfo,
        Endpoint::TickerPrice,
        Endpoint::Depth,
    ];
    /// Whether the request must be signed with a key.
    pub const fn is_signed(self) -> bool {
        match self {
            Endpoint::PlaceOrder
            | Endpoint::CancelOrder
            | Endpoint::QueryOrder
            | Endpoint::OpenOrders
            | Endpoint::MyTrades
            | Endpoint::Account
            | Endpoint::ApiRestrictions => true,
            Endpoint::ServerTime
            | Endpoint::Klines
            | Endpoint::ExchangeInfo
            | Endpoint::TickerPrice
            | Endpoint::Depth => false,
        }
    }
    /// Whether it changes anything at the exchange: such a request is sent once, whatever happens to its answer.
    pub const fn has_effect(self) -> bool {
        match self {
            Endpoint::PlaceOrder | Endpoint::CancelOrder => true,
            Endpoint::QueryOrder
            | Endpoint::OpenOrders
            | Endpoint::MyTrades
            | Endpoint::Account
            | Endpoint::ApiRestrictions
            | Endpoint::ServerTime
            | Endpoint::Klines
            | Endpoint::ExchangeInfo
            | Endpoint::TickerPrice
            | Endpoint::Depth => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Venue;

    // KX-6: the list an auditor reads; a new line here is a decision.
    #[test]
    fn the_signed_paths_are_these_seven_and_no_other() {
        let mut signed: Vec<_> = Endpoint::ALL
            .into_iter()
            .filter(|e| e.is_signed())
            .map(|e| format!("{} {}", crate::binance::method(e).as_str(), Venue::Paper.path(e)))
            .collect();
        signed.sort();
        assert_eq!(
            signed,
            [
                "DELETE /api/v3/order",
                "GET /api/v3/account",
                "GET /api/v3/myTrades",
                "GET /api/v3/openOrders",
                "GET /api/v3/order",
                "GET /sapi/v1/account/apiRestrictions",
                "POST /api/v3/order",
            ]
        );
    }
}
