//! What a reset leaves behind: orders open at the exchange, orders that may still arrive there, and bots that it pauses.
//!
//! For display, from the index of the user's items, which lags a little. Nothing is ever decided upon it.

use account::UserId;
use serde::Serialize;
use store::attribute::s;
use store::entity::intent::{Ask, Intent};
use store::entity::order::StoredOrder;
use store::{Store, StoreError, Table};
use strategy::order::{OrderKind, PlannedOrder, Side};

/// An order as its owner knows it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct ListedOrder {
    #[schemars(with = "strategy::id::ClientOrderId")]
    client_order_id: String,
    #[schemars(with = "strategy::market::Pair")]
    pair: String,
    side: &'static str,
    r#type: &'static str,
    #[schemars(with = "strategy::money::Quantity")]
    quantity: String,
    #[schemars(with = "Option<strategy::money::Price>")]
    price: Option<String>,
}

impl ListedOrder {
    fn of(order: &PlannedOrder, pair: &str) -> Self {
        let (kind, price) = match order.kind {
            OrderKind::Market => ("market", None),
            OrderKind::Limit { price } => ("limit", Some(price.to_string())),
        };
        Self {
            client_order_id: order.client_order_id.to_string(),
            pair: pair.to_owned(),
            side: match order.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            },
            r#type: kind,
            quantity: order.quantity.to_string(),
            price,
        }
    }
    /// One line for the notice.
    pub(crate) fn line(&self) -> String {
        let price = self.price.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
        format!("{} {} {} {}{price} ({})", self.pair, self.r#type, self.side, self.quantity, self.client_order_id)
    }
}

/// What a user has under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    /// Known to be open at the exchange; nobody watches them once the key is removed.
    pub(crate) open: Vec<ListedOrder>,
    /// Authorised, and the exchange has said nothing of them yet: each may be there already, or arrive until T0 + W (G2, RF-33).
    pub(crate) in_flight: Vec<ListedOrder>,
    pub(crate) bots: usize,
}

/// Most orders that a list names. Whoever rules the bots decides how many there are, and neither the time it takes to read
/// them nor the size of the notice may keep a reset from its commit (PR-8).
pub(crate) const LISTED_MAX: usize = 500;

/// Reads it; of each kind at most `limit`.
pub(crate) async fn under_way(store: &Store, user: UserId, limit: Option<usize>) -> Result<UnderWay, StoreError> {
    let of = |prefix: &'static str| async move {
        let condition = "user_key = :user AND begins_with(sk, :prefix)";
        store
            .query(
                Table::Trading,
                Some("user"),
                condition,
                [(":user", s(format!("USER#{user}"))), (":prefix", s(prefix))],
                limit,
            )
            .await
    };
    let mut in_flight = Vec::new();
    // Read before the orders: what is answered in between is listed as open, and nothing falls between the two lists.
    for row in of("INTENT#").await? {
        let Ask::Place(order) = Intent::from_row(&row)?.ask else { continue };
        in_flight.push(ListedOrder::of(&order, row.text("pair")?));
    }
    let mut open = Vec::new();
    for row in of("ORDER#").await? {
        open.push(ListedOrder::of(&StoredOrder::from_row(&row)?.order, row.text("pair")?));
    }
    in_flight.retain(|sent| !open.iter().any(|known| known.client_order_id == sent.client_order_id));
    // A bot's own item has exactly this sort key.
    let bots = of("BOT").await?.iter().filter(|row| row.text_if("sk") == Some("BOT")).count();
    Ok(UnderWay { open, in_flight, bots })
}
