//! Requests as typed values: what is asked, the bytes that are signed, and the parts that go on the wire.

use std::fmt;

use account::{Secret, WallTime};
use strategy::id::ClientOrderId;
use strategy::market::{MarketTime, Pair};
use strategy::order::PlannedOrder;

use crate::{Endpoint, Method, Venue, binance};

/// A moment on an exchange's clock, in Unix milliseconds. Made from our wall clock and a measured offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeTimeMs(i64);
impl ExchangeTimeMs {
    /// As the exchange says it.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }
    /// Our wall time moved by `exchange - ours` in ms.
    pub const fn of(wall: WallTime, offset_ms: i64) -> Self {
        Self(wall.ms().saturating_add(offset_ms))
    }
    /// Unix milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }
}

/// For how long after its timestamp the exchange may accept a request, in ms; at most 3 s (G2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveWindowMs(i64);
impl ReceiveWindowMs {
    /// The longest that is ever used.
    pub const MAX: ReceiveWindowMs = ReceiveWindowMs(binance::RECEIVE_WINDOW_MS_MAX);
    /// A window of 1 to 3000 ms; `None` outside.
    pub const fn of(ms: i64) -> Option<Self> {
        if ms >= 1 && ms <= Self::MAX.0 { Some(Self(ms)) } else { None }
    }
    /// Milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }
}

/// A private question: reads, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The state of one order.
    Order {
        /** Traded pair. */
        pair: Pair,
        /** The order's name. */
        order: ClientOrderId,
    },
    /// The state of one order by the exchange's own name for it: tells which of our orders a fill belongs to.
    OrderById {
        /** Traded pair. */
        pair: Pair,
        /** The exchange's name for the order. */
        exchange_order_id: String,
    },
    /// The open orders of a pair.
    OpenOrders {
        /** Traded pair. */
        pair: Pair,
    },
    /// The account's fills of a pair from this trade id on, at most 1000, oldest first.
    TradesFrom {
        /** Traded pair. */
        pair: Pair,
        /** The first trade id wanted. */
        trade_id: i64,
    },
    /// The fills of one order.
    TradesOf {
        /** Traded pair. */
        pair: Pair,
        /** The exchange's name for the order. */
        exchange_order_id: String,
    },
    /// Balances.
    Account,
    /// What the key may do.
    Permissions,
}

/// What can be signed. `vault` builds it from the evidence it is given, so what was authorised is what gets signed.
#[derive(Debug)]
pub enum Signable<'a> {
    /// Places an order.
    Place {
        /** Traded pair. */
        pair: &'a Pair,
        /** What to place. */
        order: &'a PlannedOrder,
    },
    /// Cancels an order.
    Cancel {
        /** Traded pair. */
        pair: &'a Pair,
        /** The order's name. */
        order: &'a ClientOrderId,
    },
    /// Asks something.
    Ask(&'a Question),
}
impl Signable<'_> {
    /// The request in the venue's words, not yet signed.
    pub fn build(&self, venue: Venue, timestamp: ExchangeTimeMs, window: ReceiveWindowMs) -> Unsigned {
        match venue {
            Venue::Paper => binance::private(venue, self, timestamp, window),
        }
    }
}

/// A private request whose signature is still missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    pub(crate) venue: Venue,
    pub(crate) endpoint: Endpoint,
    pub(crate) parameters: Vec<(&'static str, String)>,
}
impl Unsigned {
    /// Where it goes.
    pub const fn venue(&self) -> Venue {
        self.venue
    }
    /// What it asks.
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }
    /// The parameters in wire order: the very bytes that are signed. Values are percent-encoded already, since
    /// exchanges verify what they receive (exchanges.md, signed payload).
    pub fn query_string(&self) -> String {
        binance::query_string(&self.parameters)
    }
}

/// A public question about time or market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicQuestion {
    /// The exchange's clock.
    ServerTime,
    /// Minute candles of a pair from `from` on, at most `limit` (1 to 1000), the last one perhaps still open.
    Candles {
        /** Pair. */
        pair: Pair,
        /** First open time. */
        from: Option<MarketTime>,
        /** How many at most. */
        limit: u16,
    },
    /// Pairs with their filters; all when none is named.
    Pairs {
        /** Only these. */
        only: Vec<Pair>,
    },
    /// The last price.
    LastPrice {
        /** Pair. */
        pair: Pair,
    },
    /// The last price of an asset in another, for fees taken in a third asset.
    AssetPrice {
        /** What is priced, letters and digits. */
        asset: String,
        /** In what, letters and digits. */
        quote: String,
    },
    /// The order book, at most `limit` levels a side.
    Depth {
        /** Pair. */
        pair: Pair,
        /** Levels. */
        limit: u16,
    },
}

/// A request that needs no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRequest(Unsigned);
impl PublicRequest {
    /// The question in the venue's words.
    pub fn build(venue: Venue, question: &PublicQuestion) -> Self {
        Self(match venue {
            Venue::Paper => binance::public(venue, question),
        })
    }
    /// What it asks.
    pub const fn endpoint(&self) -> Endpoint {
        self.0.endpoint
    }
}

/// What goes on the wire. The query may hold a signature and the headers a key, so both print nothing.
pub struct Parts {
    /// Which exchange; the host follows from configuration.
    pub venue: Venue,
    /// Method and path follow from it.
    pub endpoint: Endpoint,
    /// The query string as signed, without `?`.
    pub query: Secret<String>,
    /// Headers beside those of the transport.
    pub headers: Vec<(&'static str, Secret<String>)>,
    /// The body; empty on Binance, where all parameters stand in the query.
    pub body: Secret<String>,
}
impl Parts {
    /// The HTTP method.
    pub const fn method(&self) -> Method {
        self.venue.method(self.endpoint)
    }
    /// The path, from the compiled-in list.
    pub const fn path(&self) -> &'static str {
        self.venue.path(self.endpoint)
    }
}
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({} {} {})", self.venue, self.method().as_str(), self.path())
    }
}

/// Something that can be sent: a public request, or what `vault` has signed. Spent by sending.
pub trait Outgoing {
    /// Gives up the parts.
    fn into_parts(self) -> Parts;
}
impl Outgoing for PublicRequest {
    fn into_parts(self) -> Parts {
        Parts {
            venue: self.0.venue,
            endpoint: self.0.endpoint,
            query: Secret::new(self.0.query_string()),
            headers: Vec::new(),
            body: Secret::new(String::new()),
        }
    }
}

impl Venue {
    /// The path of an endpoint.
    pub const fn path(self, endpoint: Endpoint) -> &'static str {
        match self {
            Venue::Paper => binance::path(endpoint),
        }
    }
    /// The method of an endpoint.
    pub const fn method(self, endpoint: Endpoint) -> Method {
        match self {
            Venue::Paper => binance::method(endpoint),
        }
    }
    /// The header that names the key.
    pub const fn key_header(self) -> &'static str {
        match self {
            Venue::Paper => "x-mbx-apikey",
        }
    }
}
