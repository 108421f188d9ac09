//! How bots, deals and activity are shown. Derives what is not stored: whether a bot is paused, what a deal has earned.

use std::collections::BTreeMap;

use account::{ConnectionId, Epoch, UserId, WallTime};
use api::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use store::entity::activity::Activity;
use store::entity::bot::{Bot, BotState};
use store::entity::connection::{Connection, Status};
use store::entity::deal::StoredDeal;
use store::entity::order::{StoredOrder, VenueStatus};
use store::transaction::complete_reset::BY_RESET;
use store::transaction::detach_connection::BY_OWNER;
use strategy::deal::Phase;
use strategy::figures::{self, Position};
use strategy::market::MarketTime;
use strategy::order::{KnownOrder, OrderState};

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

/// One bot.
pub fn bot(bot: &Bot, connection: Option<&Connection>, trade_epoch: Epoch) -> Value {
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
    json!({
        "id": bot.id, "name": bot.name, "kind": "dca", "connection": bot.connection.to_string(), "exchange": bot.exchange, "pair": bot.pair,
        "status": status, "reason": reason, "config": serde_json::from_str::<Value>(&bot.form).unwrap_or(Value::Null),
        "version": bot.version, "run": bot.run, "open_deal": bot.open_deal, "deals_done": bot.deals_done,
        "cooldown_until": (bot.cooldown_until > MarketTime::START).then(|| market_time(bot.cooldown_until)),
        "created_at": bot.created_at.to_string(),
    })
}

/// A bot with its connection read for it.
pub async fn bot_with_connection(deps: &Deps, shown: &Bot, trade_epoch: Epoch) -> Result<Value, Problem> {
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

/// A deal in a list; `orders` are those of its bot.
pub fn deal(stored: &StoredDeal, orders: &[StoredOrder]) -> Value {
    let deal = &stored.deal;
    let position: Position = figures::position(deal, &known(stored, orders));
    let (phase, closed_at, outcome) = match deal.phase {
        Phase::Opening => ("opening", None, None),
        Phase::Open => ("open", None, None),
        Phase::Exiting { .. } => ("exiting", None, None),
        Phase::Closed { at, how } => ("closed", Some(market_time(at)), Some(how)),
    };
    // Of a closed deal at most dust is left, and no sale of it is planned.
    let breakeven = position.breakeven.filter(|_| closed_at.is_none());
    json!({
        "id": deal.id, "bot": stored.bot, "pair": deal.pair, "status": phase, "outcome": outcome, "version": stored.version,
        "started_at": market_time(deal.started_at), "closed_at": closed_at, "reserved": deal.reserved,
        "bought": position.bought, "cost": position.cost, "sold": position.sold, "proceeds": position.proceeds, "held": position.held,
        "average": position.average, "breakeven": breakeven, "net_profit": position.realised(),
        "dust": deal.dust, "fenced": deal.fenced,
    })
}

#[derive(Serialize)]
struct OrderView<'a> {
    id: &'a str,
    role: strategy::order::Role,
    level: u16,
    side: strategy::order::Side,
    r#type: &'static str,
    price: Option<strategy::money::Price>,
    quantity: strategy::money::Quantity,
    status: &'static str,
    executed: strategy::money::Quantity,
    average: Option<strategy::money::Price>,
    fee_base: strategy::money::Quantity,
    fee_quote: strategy::money::Amount,
    filled_at: Option<String>,
    reason: &'a str,
}

/// One order as the exchange told it.
pub fn order(found: &StoredOrder) -> Value {
    let (order, filled) = (&found.order, &found.filled);
    let price = order.kind.resting_price();
    serde_json::to_value(OrderView {
        id: order.client_order_id.as_str(),
        role: order.key.slot.role,
        level: order.key.slot.level,
        side: order.side,
        r#type: if price.is_some() { "limit" } else { "market" },
        price,
        quantity: order.quantity,
        status: status(found.status),
        executed: filled.quantity,
        average: filled.value.per(filled.quantity),
        fee_base: filled.fee_base,
        fee_quote: filled.fee_quote,
        filled_at: filled.last_at.map(market_time),
        reason: &order.reason,
    })
    .unwrap_or(Value::Null)
}
const fn status(status: VenueStatus) -> &'static str {
    match status {
        VenueStatus::New => "open",
        VenueStatus::PartiallyFilled => "partially_filled",
        VenueStatus::Filled => "filled",
        VenueStatus::Cancelled => "cancelled",
        VenueStatus::Expired => "expired",
        VenueStatus::Rejected => "rejected",
    }
}

/// The lines of one activity row.
pub fn activity(row: &Activity) -> Vec<Value> {
    row.entries.iter().map(|line| json!({
        "at": row.at_wall.to_string(), "market_at": row.at_market.map(market_time), "bot": row.bot, "deal": row.deal, "pair": row.pair,
        "code": line.code, "text": line.text,
    })).collect()
}
