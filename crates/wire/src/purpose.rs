//! What each handle may ask, compiled in.

use std::time::Duration;

use exchange::{Endpoint, Venue};

use crate::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Orders,
    Permissions,
    Market,
}

impl Purpose {
    pub(crate) const fn allows(self, venue: Venue, endpoint: Endpoint) -> bool {
        match venue {
            Venue::Paper => match self {
                Purpose::Orders => matches!(
                    endpoint,
                    Endpoint::PlaceOrder
                        | Endpoint::CancelOrder
                        | Endpoint::QueryOrder
                        | Endpoint::OpenOrders
                        | Endpoint::MyTrades
                        | Endpoint::Account
                        | Endpoint::ApiRestrictions
                        | Endpoint::ServerTime
                        | Endpoint::TickerPrice
                ),
                Purpose::Permissions => matches!(endpoint, Endpoint::ApiRestrictions | Endpoint::ServerTime),
                Purpose::Market => matches!(
                    endpoint,
                    Endpoint::ServerTime
                        | Endpoint::Klines
                        | Endpoint::ExchangeInfo
                        | Endpoint::TickerPrice
                        | Endpoint::Depth
                ),
            },
        }
    }
    /// Orders: the receive window, after which no answer could still be yes. A page asks for permissions and waits for it.
    /// Market: the tick has a minute; `exchangeInfo` of a large exchange has tens of megabytes.
    pub(crate) const fn limits(self) -> Limits {
        match self {
            Purpose::Orders => Limits { total: Duration::from_secs(3), body_bytes_max: 2 << 20 },
            Purpose::Permissions => Limits { total: Duration::from_secs(5), body_bytes_max: 1 << 16 },
            Purpose::Market => Limits { total: Duration::from_secs(10), body_bytes_max: 64 << 20 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(purpose: Purpose, expected: &[Endpoint]) {
        let allowed: Vec<_> = Endpoint::ALL.into_iter().filter(|e| purpose.allows(Venue::Paper, *e)).collect();
        assert_eq!(allowed, expected, "{purpose:?}");
    }

    // KX-3: only the signer's handle has a private path beside the permission question.
    #[test]
    fn each_purpose_asks_what_it_needs_and_nothing_else() {
        use Endpoint::*;
        check(
            Purpose::Orders,
            &[
                PlaceOrder,
                CancelOrder,
                QueryOrder,
                OpenOrders,
                MyTrades,
                Account,
                ApiRestrictions,
                ServerTime,
                TickerPrice,
            ],
        );
        check(Purpose::Permissions, &[ApiRestrictions, ServerTime]);
        check(Purpose::Market, &[ServerTime, Klines, ExchangeInfo, TickerPrice, Depth]);
    }
}
