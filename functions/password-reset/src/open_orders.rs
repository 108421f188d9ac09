//! The orders that a reset leaves on the exchange, those that may still arrive there, and the bots it pauses: for display, from the index of the user's items.

use account::UserId;
use serde::Serialize;
use store::attribute::s;
use store::entity::intent::{Ask, Intent};
use store::entity::order::StoredOrder;
use store::{Store, StoreError, Table};
use strategy::order::{OrderKind, PlannedOrder, Side};

/// An order that stays open at the exchange when its key is removed, or of which the exchange has said nothing yet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OpenOrder { client_order_id: String, pair: String, side: &'static str, r#type: &'static str, quantity: String, price: Option<String>, unanswered: bool }

impl OpenOrder {
    fn of(order: &PlannedOrder, pair: &str, unanswered: bool) -> Self {
        let (kind, price) = match order.kind { OrderKind::Market => ("market", None), OrderKind::Limit { price } => ("limit", Some(price.to_string())) };
        Self {
            client_order_id: order.client_order_id.to_string(), pair: pair.to_owned(),
            side: match order.side { Side::Buy => "buy", Side::Sell => "sell" }, r#type: kind, quantity: order.quantity.to_string(), price, unanswered,
        }
    }
    /// One line for the notice.
    pub(crate) fn line(&self) -> String {
        let price = self.price.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
        let unanswered = if self.unanswered { ", authorised before the reset and not answered yet" } else { "" };
        format!("{} {} {} {}{price} ({}){unanswered}", self.pair, self.r#type, self.side, self.quantity, self.client_order_id)
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
        orders.push(OpenOrder::of(&StoredOrder::from_row(&row)?.order, row.text("pair")?, false));
    }
    // G2, RF-33: authorised, and nobody knows yet what became of it.
    for row in of("INTENT#").await? {
        let Ask::Place(order) = Intent::from_row(&row)?.ask else { continue };
        let id = order.client_order_id.as_str();
        if !orders.iter().any(|known| known.client_order_id == id) { orders.push(OpenOrder::of(&order, row.text("pair")?, true)); }
    }
    // A bot's own item has exactly this sort key.
    let bots = of("BOT").await?.iter().filter(|row| row.text_if("sk") == Some("BOT")).count();
    Ok(UnderWay { orders, bots })
}
