//! Deals: the state that `decide` takes and returns, with the versions that serialise its writers.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `DEAL#<deal>` | `deal` S (JSON of `strategy::deal::Deal`); `phase` S `open`, `closed`; `version` N (raised by the trader); `orders_version` N (raised by the signer with every recorded answer); `run`, `epoch` N; `user`, `connection` S; `started_at` N (market ms); `user_key` S and `closed_at` N for lists; while open: `intent_key` S = `OPEN_DEAL`, `intent_ms` N (wall ms: when the sweep last asked about its orders) |

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::deal::{Deal, Phase};
use strategy::id::{BotId, DealId};

use crate::attribute::{Row, json, n, s};
use crate::{Key, Store, StoreError, Table};

/// Where a deal is.
pub fn key(bot: BotId, deal: DealId) -> Key {
    Key::new(super::bot::partition(bot), format!("DEAL#{deal}"))
}

/// A deal with the versions its writers compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeal {
    pub bot: BotId,
    pub user: UserId,
    pub connection: ConnectionId,
    pub deal: Deal,
    pub version: u64,
    pub orders_version: u64,
    /// The bot's run under which it was started.
    pub run: u64,
    /// The trade epoch under which it was started.
    pub epoch: Epoch,
    /// When the sweep last asked the exchange about the orders; a sparse mark by which it finds open deals hourly.
    pub reconciled_at: WallTime,
}

/// The mark of open deals in the index of open intents.
pub const OPEN_MARK: &str = "OPEN_DEAL";

impl StoredDeal {
    /// As stored.
    pub fn to_row(&self) -> Result<Row, StoreError> {
        let closed_at = match self.deal.phase {
            Phase::Closed { at, .. } => Some(n(at.ms())),
            Phase::Opening | Phase::Open | Phase::Exiting { .. } => None,
        };
        Ok(Row::keyed(&key(self.bot, self.deal.id))
            .with("deal", json(&self.deal)?)
            .with("phase", s(if closed_at.is_some() { "closed" } else { "open" }))
            .with("version", n(self.version))
            .with("orders_version", n(self.orders_version))
            .with("run", n(self.run))
            .with("epoch", n(self.epoch.value()))
            .with("user", s(self.user))
            .with("connection", s(self.connection))
            .with("started_at", n(self.deal.started_at.ms()))
            .with("user_key", s(format!("USER#{}", self.user)))
            .with_some("intent_key", closed_at.is_none().then(|| s(OPEN_MARK)))
            .with_some("intent_ms", closed_at.is_none().then(|| n(self.reconciled_at.ms())))
            .with_some("closed_at", closed_at))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bot = row
            .text("pk")?
            .strip_prefix("BOT#")
            .and_then(|b| b.parse().ok())
            .ok_or_else(|| StoreError::Corrupt { what: "pk of a deal".into() })?;
        Ok(Self {
            bot,
            user: row.parse("user")?,
            connection: row.parse("connection")?,
            deal: row.json("deal")?,
            version: row.number("version")?,
            orders_version: row.number("orders_version")?,
            run: row.number("run")?,
            epoch: Epoch::from_stored(row.number("epoch")?),
            reconciled_at: WallTime::from_ms(row.number_if("intent_ms")?.unwrap_or(0)),
        })
    }
}

impl Store {
    /// A bot's deals, oldest first, read consistently.
    pub async fn deals_of(&self, bot: BotId) -> Result<Vec<StoredDeal>, StoreError> {
        let rows = self.read_partition(Table::Trading, &super::bot::partition(bot), "DEAL#").await?;
        rows.iter().map(StoredDeal::from_row).collect()
    }
    /// Which bot a user's deal belongs to, as the display index knows it. A candidate: the deal is read by its key.
    pub async fn bot_of_deal(&self, user: UserId, deal: DealId) -> Result<Option<BotId>, StoreError> {
        let values = [(":user", s(format!("USER#{user}"))), (":deal", s(format!("DEAL#{deal}")))];
        let rows = self.query(Table::Trading, Some("user"), "user_key = :user AND sk = :deal", values, Some(1)).await?;
        rows.first().map(|row| StoredDeal::from_row(row).map(|deal| deal.bot)).transpose()
    }
    /// A deal, read consistently.
    pub async fn find_deal(&self, bot: BotId, deal: DealId) -> Result<Option<StoredDeal>, StoreError> {
        self.read(Table::Trading, &key(bot, deal)).await?.map(|row| StoredDeal::from_row(&row)).transpose()
    }
}
