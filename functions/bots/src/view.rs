//! How bots, deals and activity are shown. Derives what is not stored: whether a bot is paused, what a deal has earned.

use std::collections::BTreeMap;

use account::{ConnectionId, Epoch, UserId, WallTime};
use api::Problem;
use api::shape;
use schemars::JsonSchema;
use serde::Serialize;
use store::entity::activity::Activity;
use store::entity::bot::{Bot, BotState};
use store::entity::connection::{Connection, Status};
use store::entity::deal::StoredDeal;
use store::entity::order::{StoredOrder, VenueStatus};
use store::transaction::complete_reset::BY_RESET;
use store::transaction::detach_connection::BY_OWNER;
use strategy::config::BotForm;
use strategy::deal::{Outcome, Phase};
use strategy::figures::{self, Position};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::{MarketTime, Pair};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::{KnownOrder, OrderState, Role, Side};

use crate::Deps;

/// A market time as RFC 3339 text; on a real exchange it is the wall's.
pub fn market_time(at: MarketTime) -> String {
    WallTime::from_ms(at.ms()).to_string()
}

/// Why a bot that is not stopped does nothing: its key is gone. Derived at every look, never written.
pub fn paused(bot: &Bot, connection: Option<&Connection>, trade_epoch: Epoch) -> Option<&'static str> {
    match connection.map(|c| (&c.status, c.epoch)) {
        None => Some("the connection is gone"),
        Some((Status::Revoked { by, .. }, _)) => Some(match by.as_str() {
            BY_RESET => "key deleted by password reset",
            BY_OWNER => "key detached by its owner",
            _ => "key removed",
        }),
        // The fence was raised, and the key with it (P1).
        Some((Status::Live, epoch)) if bot.epoch != trade_epoch || epoch != trade_epoch => {
            Some("key deleted by password reset")
        }
        Some((Status::Live, _)) => None,
    }
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null when this is the last one.
    pub next_cursor: Option<String>,
}

/// A bot as its owner sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Bot")]
pub struct ShownBot {
    id: BotId,
    name: String,
    kind: BotKind,
    connection: ConnectionId,
    exchange: String,
    pair: Pair,
    /// `running`, `finishing`, `stopped`, or `paused: ` and why.
    status: String,
    /// Why it does nothing, if it does nothing.
    reason: Option<String>,
    /// As it was sent.
    config: Option<BotForm>,
    version: u64,
    /// Raised by every start.
    run: u64,
    open_deal: Option<DealId>,
    deals_done: u32,
    /// Market time until which no new deal starts.
    #[schemars(with = "Option<shape::Time>")]
    cooldown_until: Option<String>,
    #[schemars(with = "shape::Time")]
    created_at: String,
}

/// Which rules a bot trades by.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BotKind {
    Dca,
}

/// One bot.
pub fn bot(bot: &Bot, connection: Option<&Connection>, trade_epoch: Epoch) -> ShownBot {
    let paused = if bot.is_active() { paused(bot, connection, trade_epoch) } else { None };
    let status = match (paused, bot.state) {
        (Some(why), _) => format!("paused: {why}"),
        (None, BotState::Running) => "running".to_owned(),
        (None, BotState::Finishing) => "finishing".to_owned(),
        (None, BotState::Stopped) => "stopped".to_owned(),
    };
    let reason = paused.map(str::to_owned).or_else(|| match bot.state {
        BotState::Running => bot.waiting_because.clone(),
        BotState::Finishing => Some("It finishes its open deal and starts no new one.".to_owned()),
        BotState::Stopped => bot.stopped_because.clone(),
    });
    ShownBot {
        id: bot.id,
        name: bot.name.clone(),
        kind: BotKind::Dca,
        connection: bot.connection,
        exchange: bot.exchange.clone(),
        pair: bot.pair.clone(),
        status,
        reason,
        config: serde_json::from_str(&bot.form).ok(),
        version: bot.version,
        run: bot.run,
        open_deal: bot.open_deal,
        deals_done: bot.deals_done,
        cooldown_until: (bot.cooldown_until > MarketTime::START).then(|| market_time(bot.cooldown_until)),
        created_at: bot.created_at.to_string(),
    }
}

/// A bot with its connection read for it.
pub async fn bot_with_connection(deps: &Deps, shown: &Bot, trade_epoch: Epoch) -> Result<ShownBot, Problem> {
    let connection = deps.store.find_connection(shown.user, shown.connection).await?;
    Ok(bot(shown, connection.as_ref(), trade_epoch))
}

/// The connections of some bots, each read once.
pub async fn connections(deps: &Deps, user: UserId, bots: &[Bot]) -> Result<BTreeMap<String, Connection>, Problem> {
    let mut found = BTreeMap::new();
    let ids: std::collections::HashSet<ConnectionId> = bots.iter().map(|bot| bot.connection).collect();
    for id in ids {
        if let Some(connection) = deps.store.find_connection(user, id).await? {
            found.insert(id.to_string(), connection);
        }
    }
    Ok(found)
}

/// What is recorded of a deal's working orders, as far as the exchange has spoken.
fn known(deal: &StoredDeal, orders: &[StoredOrder]) -> Vec<KnownOrder> {
    orders
        .iter()
        .filter(|found| found.deal == deal.deal.id)
        .filter_map(|found| {
            let working = deal.deal.working.iter().find(|working| working.key == found.order.key)?;
            Some(KnownOrder {
                key: working.key,
                client_order_id: found.order.client_order_id.clone(),
                side: working.side,
                kind: working.kind,
                quantity: working.quantity,
                state: OrderState::Open,
                filled: found.filled,
                cancel_pending: false,
                refusal: None,
            })
        })
        .collect()
}

/// A deal with its figures.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Deal")]
pub struct ShownDeal {
    id: DealId,
    bot: BotId,
    pair: Pair,
    status: DealStatus,
    /// How it ended.
    outcome: Option<Outcome>,
    version: u64,
    #[schemars(with = "shape::Time")]
    started_at: String,
    #[schemars(with = "Option<shape::Time>")]
    closed_at: Option<String>,
    /// Quote set aside for it.
    reserved: Amount,
    bought: Quantity,
    cost: Amount,
    sold: Quantity,
    proceeds: Amount,
    held: Quantity,
    average: Option<Price>,
    breakeven: Option<Price>,
    net_profit: Amount,
    /// What could not be sold at the end: below the lot or the exchange's minimum.
    dust: Quantity,
    /// An order was cut off by a password reset: the deal does nothing more.
    fenced: bool,
}

/// Where a deal is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DealStatus {
    Opening,
    Open,
    Exiting,
    Closed,
}

/// A deal in a list; `orders` are those of its bot.
pub fn deal(stored: &StoredDeal, orders: &[StoredOrder]) -> ShownDeal {
    let deal = &stored.deal;
    let position: Position = figures::position(deal, &known(stored, orders));
    let (phase, closed_at, outcome) = match deal.phase {
        Phase::Opening => (DealStatus::Opening, None, None),
        Phase::Open => (DealStatus::Open, None, None),
        Phase::Exiting { .. } => (DealStatus::Exiting, None, None),
        Phase::Closed { at, how } => (DealStatus::Closed, Some(market_time(at)), Some(how)),
    };
    // Of a closed deal at most dust is left, and no sale of it is planned.
    let breakeven = position.breakeven.filter(|_| closed_at.is_none());
    ShownDeal {
        id: deal.id,
        bot: stored.bot,
        pair: deal.pair.clone(),
        status: phase,
        outcome,
        version: stored.version,
        started_at: market_time(deal.started_at),
        closed_at,
        reserved: deal.reserved,
        bought: position.bought,
        cost: position.cost,
        sold: position.sold,
        proceeds: position.proceeds,
        held: position.held,
        average: position.average,
        breakeven,
        net_profit: position.realised(),
        dust: deal.dust,
        fenced: deal.fenced,
    }
}

/// An order as its owner sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Order")]
pub struct ShownOrder {
    id: ClientOrderId,
    role: Role,
    /// 0 for all but averaging orders, which count from 1.
    level: u16,
    side: Side,
    r#type: OrderType,
    /// Null for a market order.
    price: Option<Price>,
    quantity: Quantity,
    status: OrderStatus,
    executed: Quantity,
    /// The average price of what was executed.
    average: Option<Price>,
    fee_base: Quantity,
    fee_quote: Amount,
    #[schemars(with = "Option<shape::Time>")]
    filled_at: Option<String>,
    /// Why it was sent.
    reason: String,
}

/// How an order is executed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OrderType {
    Limit,
    Market,
}

/// Where an order is at the exchange.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OrderStatus {
    Open,
    PartiallyFilled,
    Filled,
    Cancelled,
    Expired,
    Rejected,
}

/// One order as the exchange told it.
pub fn order(found: &StoredOrder) -> ShownOrder {
    let (order, filled) = (&found.order, &found.filled);
    let price = order.kind.resting_price();
    ShownOrder {
        id: order.client_order_id.clone(),
        role: order.key.slot.role,
        level: order.key.slot.level,
        side: order.side,
        r#type: if price.is_some() { OrderType::Limit } else { OrderType::Market },
        price,
        quantity: order.quantity,
        status: status(found.status),
        executed: filled.quantity,
        average: filled.value.per(filled.quantity),
        fee_base: filled.fee_base,
        fee_quote: filled.fee_quote,
        filled_at: filled.last_at.map(market_time),
        reason: order.reason.clone(),
    }
}
const fn status(status: VenueStatus) -> OrderStatus {
    match status {
        VenueStatus::New => OrderStatus::Open,
        VenueStatus::PartiallyFilled => OrderStatus::PartiallyFilled,
        VenueStatus::Filled => OrderStatus::Filled,
        VenueStatus::Cancelled => OrderStatus::Cancelled,
        VenueStatus::Expired => OrderStatus::Expired,
        VenueStatus::Rejected => OrderStatus::Rejected,
    }
}

/// One line of what happened and why.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActivityLine")]
pub struct ShownActivity {
    #[schemars(with = "shape::Time")]
    at: String,
    /// Market time of a decision; null for what the owner did.
    #[schemars(with = "Option<shape::Time>")]
    market_at: Option<String>,
    bot: BotId,
    deal: Option<DealId>,
    pair: Pair,
    /// Stable.
    code: String,
    text: String,
}

/// The lines of one activity row.
pub fn activity(row: &Activity) -> Vec<ShownActivity> {
    row.entries
        .iter()
        .map(|line| ShownActivity {
            at: row.at_wall.to_string(),
            market_at: row.at_market.map(market_time),
            bot: row.bot,
            deal: row.deal,
            pair: row.pair.clone(),
            code: line.code.clone(),
            text: line.text.clone(),
        })
        .collect()
}
