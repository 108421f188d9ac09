//! Asks the exchange something: a QUERY intent, put unless one of its subject and wall minute is under way.
//!
//! Safe to repeat; a question that is under way is never reset.

use account::{ConnectionId, Epoch, UserId, WallTime};
use strategy::id::{BotId, ClientOrderId, DealId};
use strategy::market::Pair;

use crate::entity::bot::Bot;
use crate::entity::intent::{Ask, ConnectionSubject, Intent, IntentState, connection_query_key, query_key};
use crate::entity::wake::Owner;
use crate::{Store, StoreError};

/// Whose order is asked about.
#[derive(Debug, Clone)]
pub struct OrderOf {
    pub bot: BotId,
    pub deal: Option<DealId>,
    pub user: UserId,
    pub connection: ConnectionId,
    pub exchange: String,
    pub pair: Option<Pair>,
    pub run: u64,
    pub epoch: Epoch,
}
impl From<&Owner> for OrderOf {
    fn from(o: &Owner) -> Self {
        Self {
            bot: o.bot,
            deal: o.deal,
            user: o.user,
            connection: o.connection,
            exchange: o.exchange.clone(),
            pair: Some(o.pair.clone()),
            run: o.run,
            epoch: o.epoch,
        }
    }
}

impl Store {
    /// Asks about one order. `false`: the question is under way.
    pub async fn query_order(&self, of: &OrderOf, order: &ClientOrderId, now: WallTime) -> Result<bool, StoreError> {
        let intent = Intent {
            key: query_key(of.bot, order, now),
            ask: Ask::QueryOrder { order: order.clone() },
            state: IntentState::Proposed,
            user: of.user,
            connection: of.connection,
            exchange: of.exchange.clone(),
            bot: Some(of.bot),
            deal: of.deal,
            pair: of.pair.clone(),
            run: of.run,
            epoch: of.epoch,
            proposed_at: now,
            authorised_at: None,
            why: None,
        };
        Ok(self.write_one(intent.write_unless_asked()?).await?.is_ok())
    }
    /// Asks about the connection of a bot (KX-2). `false`: the question is under way.
    pub async fn query_connection(
        &self,
        bot: &Bot,
        subject: ConnectionSubject,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let intent = Intent {
            key: connection_query_key(bot.user, bot.connection, subject, now),
            ask: Ask::QueryConnection(subject),
            state: IntentState::Proposed,
            user: bot.user,
            connection: bot.connection,
            exchange: bot.exchange.clone(),
            bot: None,
            deal: None,
            pair: Some(bot.pair.clone()),
            run: bot.run,
            epoch: bot.epoch,
            proposed_at: now,
            authorised_at: None,
            why: None,
        };
        Ok(self.write_one(intent.write_unless_asked()?).await?.is_ok())
    }
}
