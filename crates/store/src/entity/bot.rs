//! Bots: what an owner set up, and the switch that says whether it runs.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | trading | `BOT#<bot>` | `BOT` | `user`, `connection`, `exchange`, `pair`, `name` S; `config` S (JSON of `strategy::config::Strategy`); `form` S (JSON as the owner sent it); `state` S `RUNNING`, `FINISHING`, `STOPPED`; `run` N (raised by every start; intents carry it); `epoch` N (the trade epoch it was made or last started under); `version` N; `open_deal` S (absent when none); `deals_done` N; `cooldown_until` N (market ms); `stopped_because` S; `waiting_because` S (why no deal starts); while not stopped: `intent_key` S = `ACTIVE_BOT`, `intent_ms` N (wall ms: when the sweep last asked about its connection); `created_at` N (wall ms); `user_key` S = `USER#<user>` (display index) |
//! | trading | `USER#<user>` | `FUNDS#<connection>` | `reserved` S (JSON: deal id to quote amount), `version` N |
//! | trading | `GATE` | `ALL` | `closed` BOOL: freeze-all |

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::config::Strategy;
use strategy::id::{BotId, DealId};
use strategy::market::{MarketTime, Pair};

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Where a bot is.
pub fn key(bot: BotId) -> Key {
    Key::new(partition(bot), "BOT")
}
/// The partition that holds everything of a bot.
pub fn partition(bot: BotId) -> String {
    format!("BOT#{bot}")
}
/// Where the funds reserved on a connection are.
pub fn funds_key(user: UserId, connection: ConnectionId) -> Key {
    Key::new(format!("USER#{user}"), format!("FUNDS#{connection}"))
}
/// Where the platform-wide gate is.
pub fn gate_key() -> Key {
    Key::new("GATE", "ALL")
}

/// Whether a bot may trade. `Finishing`: open deals go on, no new deal starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotState {
    Running,
    Finishing,
    Stopped,
}

impl BotState {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            BotState::Running => "RUNNING",
            BotState::Finishing => "FINISHING",
            BotState::Stopped => "STOPPED",
        }
    }
}
impl std::str::FromStr for BotState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "RUNNING" => Ok(Self::Running),
            "FINISHING" => Ok(Self::Finishing),
            "STOPPED" => Ok(Self::Stopped),
            _ => Err(()),
        }
    }
}

/// A bot as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    pub id: BotId,
    pub user: UserId,
    pub connection: ConnectionId,
    pub exchange: String,
    pub pair: Pair,
    pub name: String,
    pub strategy: Strategy,
    /// The configuration as the owner sent it, for showing it again.
    pub form: String,
    pub state: BotState,
    /// Raised by every start. An intent of an earlier run is never authorised.
    pub run: u64,
    /// The trade epoch the bot was made or last started under; an older one than the user's means paused.
    pub epoch: Epoch,
    pub version: u64,
    pub open_deal: Option<DealId>,
    pub deals_done: u32,
    pub cooldown_until: MarketTime,
    pub stopped_because: Option<String>,
    /// Why a running bot starts no deal; absent while nothing is in its way.
    pub waiting_because: Option<String>,
    /// When the sweep last asked about the connection; a sparse mark by which it finds active bots daily.
    pub checked_at: WallTime,
    pub created_at: WallTime,
}

/// The mark of bots that are not stopped in the index of open intents.
pub const ACTIVE_MARK: &str = "ACTIVE_BOT";

impl Bot {
    /// Whether it may still do anything.
    pub const fn is_active(&self) -> bool {
        !matches!(self.state, BotState::Stopped)
    }
    /// Whether it has done all the deals it was asked for.
    pub fn is_done(&self) -> bool {
        let Strategy::Dca(dca) = &self.strategy;
        dca.stop_after_deals.is_some_and(|max| self.deals_done >= max)
    }
    /// The write that replaces the bot as it was read; a change in between refuses it.
    pub fn write_over(&self, read_version: u64) -> Result<Write, StoreError> {
        Ok(Write::put(Table::Trading, key(self.id), self.to_row()?)
            .when("#version = :read")
            .value(":read", n(read_version)))
    }
    /// As stored.
    pub fn to_row(&self) -> Result<Row, StoreError> {
        Ok(Row::keyed(&key(self.id))
            .with("user", s(self.user))
            .with("connection", s(self.connection))
            .with("exchange", s(&self.exchange))
            .with("pair", s(&self.pair))
            .with("name", s(&self.name))
            .with("config", json(&self.strategy)?)
            .with("form", s(&self.form))
            .with("state", s(self.state.as_str()))
            .with("run", n(self.run))
            .with("epoch", n(self.epoch.value()))
            .with("version", n(self.version))
            .with_some("open_deal", self.open_deal.map(s))
            .with("deals_done", n(self.deals_done))
            .with("cooldown_until", n(self.cooldown_until.ms()))
            .with_some("stopped_because", self.stopped_because.as_ref().map(s))
            .with_some("waiting_because", self.waiting_because.as_ref().map(s))
            .with_some("intent_key", self.is_active().then(|| s(ACTIVE_MARK)))
            .with_some("intent_ms", self.is_active().then(|| n(self.checked_at.ms())))
            .with("created_at", n(self.created_at.ms()))
            .with("user_key", s(format!("USER#{}", self.user))))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id = row
            .text("pk")?
            .strip_prefix("BOT#")
            .and_then(|b| b.parse().ok())
            .ok_or_else(|| StoreError::Corrupt { what: "pk of a bot".into() })?;
        Ok(Self {
            id,
            user: row.parse("user")?,
            connection: row.parse("connection")?,
            exchange: row.text("exchange")?.to_owned(),
            pair: row.parse("pair")?,
            name: row.text("name")?.to_owned(),
            strategy: row.json("config")?,
            form: row.text("form")?.to_owned(),
            state: row.parse("state")?,
            run: row.number("run")?,
            epoch: Epoch::from_stored(row.number("epoch")?),
            version: row.number("version")?,
            open_deal: row
                .text_if("open_deal")
                .map(str::parse)
                .transpose()
                .map_err(|_| StoreError::Corrupt { what: "open_deal".into() })?,
            deals_done: row.number("deals_done")?,
            cooldown_until: MarketTime::from_ms(row.number("cooldown_until")?),
            stopped_because: row.text_if("stopped_because").map(str::to_owned),
            waiting_because: row.text_if("waiting_because").map(str::to_owned),
            checked_at: WallTime::from_ms(row.number_if("intent_ms")?.unwrap_or(0)),
            created_at: WallTime::from_ms(row.number("created_at")?),
        })
    }
}

impl Store {
    /// A user's bots as the display index knows them. For showing, never for deciding.
    pub async fn list_bots(&self, user: UserId) -> Result<Vec<Bot>, StoreError> {
        let values = [(":user", s(format!("USER#{user}"))), (":bot", s("BOT"))];
        let rows = self.query(Table::Trading, Some("user"), "user_key = :user AND sk = :bot", values, None).await?;
        rows.iter().map(Bot::from_row).collect()
    }
    /// A bot, read consistently.
    pub async fn find_bot(&self, bot: BotId) -> Result<Option<Bot>, StoreError> {
        self.read(Table::Trading, &key(bot)).await?.map(|row| Bot::from_row(&row)).transpose()
    }
}
