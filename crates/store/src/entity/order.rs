//! Orders as the exchange's recorded answers tell them.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `ORDER#<client id>` | `deal`, `user`, `connection`, `exchange`, `pair` S; `order` S (JSON of `PlannedOrder`); `status` S (see [`VenueStatus`]); `exchange_order_id` S; `executed` S (decimal, base), `executed_units` N (1e-8 base; a condition forbids it to fall); `filled` S (JSON of `strategy::order::Filled`); `trade_id_seen` N; `sent_at`, `seen_at` N (wall ms); `user_key` S while open (display) |

use std::str::FromStr;

use account::WallTime;
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::order::{Filled, PlannedOrder};

use crate::attribute::Row;
use crate::{Key, Store, StoreError, Table};

/// Where an order is.
pub fn key(bot: BotId, order: &ClientOrderId) -> Key {
    Key::new(super::bot::partition(bot), format!("ORDER#{order}"))
}

/// The exchange's word on an order. A final status never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueStatus {
    New,
    PartiallyFilled,
    Filled,
    Cancelled,
    Expired,
    Rejected,
}
impl VenueStatus {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            VenueStatus::New => "NEW",
            VenueStatus::PartiallyFilled => "PARTIALLY_FILLED",
            VenueStatus::Filled => "FILLED",
            VenueStatus::Cancelled => "CANCELED",
            VenueStatus::Expired => "EXPIRED",
            VenueStatus::Rejected => "REJECTED",
        }
    }
    /// Whether nothing more can happen.
    pub const fn is_final(self) -> bool {
        !matches!(self, VenueStatus::New | VenueStatus::PartiallyFilled)
    }
}
impl FromStr for VenueStatus {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        use VenueStatus::*;
        [New, PartiallyFilled, Filled, Cancelled, Expired, Rejected].into_iter().find(|s| s.as_str() == text).ok_or(())
    }
}

/// An order as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    pub bot: BotId,
    pub deal: DealId,
    pub order: PlannedOrder,
    pub status: VenueStatus,
    pub exchange_order_id: String,
    pub filled: Filled,
    /// The highest trade id seen when it was sent; the query protocol starts after it.
    pub trade_id_seen: i64,
    pub sent_at: WallTime,
    pub seen_at: WallTime,
}

impl StoredOrder {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bot = row
            .text("pk")?
            .strip_prefix("BOT#")
            .and_then(|b| b.parse().ok())
            .ok_or_else(|| StoreError::Corrupt { what: "pk of an order".into() })?;
        Ok(Self {
            bot,
            deal: row.parse("deal")?,
            order: row.json("order")?,
            status: row.parse("status")?,
            exchange_order_id: row.text("exchange_order_id")?.to_owned(),
            filled: row.json("filled")?,
            trade_id_seen: row.number("trade_id_seen")?,
            sent_at: WallTime::from_ms(row.number("sent_at")?),
            seen_at: WallTime::from_ms(row.number("seen_at")?),
        })
    }
}

impl Store {
    /// A bot's orders, read consistently, in no order that matters.
    pub async fn orders_of(&self, bot: BotId) -> Result<Vec<StoredOrder>, StoreError> {
        let rows = self.read_partition(Table::Trading, &super::bot::partition(bot), "ORDER#").await?;
        rows.iter().map(StoredOrder::from_row).collect()
    }
    /// An order, read consistently; `None` while the exchange has said nothing about it.
    pub async fn find_order(&self, bot: BotId, order: &ClientOrderId) -> Result<Option<StoredOrder>, StoreError> {
        self.read(Table::Trading, &key(bot, order)).await?.map(|row| StoredOrder::from_row(&row)).transpose()
    }
}
