//! The orders that a reset leaves on the exchange, and the bots it pauses: for display, from the index of the user's items.

use account::UserId;
use serde::Serialize;
use store::attribute::s;
use store::entity::order::StoredOrder;
use store::{Store, StoreError, Table};
use strategy::order::{OrderKind, Side};

/// An order that stays open at the exchange when its key is removed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OpenOrder { client_order_id: String, pair: String, side: &'static str, r#type: &'static str, quantity: String, price: Option<String> }

impl OpenOrder {
    /// One line for the notice.
    pub(crate) fn line(&self) -> String {
        let price = self.price.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
        format!("{} {} {} {}{price} ({})", self.pair, self.r#type, self.side, self.quantity, self.client_order_id)
    }
}

/// What a user has under way.
#[derive(Debug)]
pub(crate) struct UnderWay { pub(crate) orders: Vec<OpenOrder>, pub(crate) bots: usize }

/// Reads it. The index lags a little: never decided upon.
pub(crate) async fn under_way(store: &Store, user: UserId) -> Result<UnderWay, StoreError> {
    let of = |prefix: &'static str| async move {
        let condition = "user_key = :user AND begins_with(sk, :prefix)";
        store.query(Table::Trading, Some("user"), condition, [(":user", s(format!("USER#{user}"))), (":prefix", s(prefix))], None).await
    };
    let mut orders = Vec::new();
    for row in of("ORDER#").await? {
        let order = StoredOrder::from_row(&row)?.order;
        let (kind, price) = match order.kind { OrderKind::Market => ("market", None), OrderKind::Limit { price } => ("limit", Some(price.to_string())) };
        orders.push(OpenOrder {
            client_order_id: order.client_order_id.to_string(), pair: row.text("pair")?.to_owned(),
            side: match order.side { Side::Buy => "buy", Side::Sell => "sell" }, r#type: kind, quantity: order.quantity.to_string(), price,
        });
    }
    // A bot's own item has exactly this sort key.
    let bots = of("BOT").await?.iter().filter(|row| row.text_if("sk") == Some("BOT")).count();
    Ok(UnderWay { orders, bots })
}
