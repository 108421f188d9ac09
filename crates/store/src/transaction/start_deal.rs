//! Starts a deal of a running bot.
//!
//! | write | condition |
//! | --- | --- |
//! | `BOT` put, version + 1, with the open deal | version as read: a stop or another start in between wins |
//! | `DEAL#` put | there is none of this id |
//! | `FUNDS#` put, version + 1, with what the deal sets aside | version as read: two bots never count the same money |
//! | `INTENT#` puts, PROPOSED | there is none of this name (P3) |
//! | `WAKE#` puts; the bot's own is deleted | none: the bot's version guards them |
//! | `ACTIVITY#` put | there is none of this id |

use crate::entity::activity::Activity;
use crate::entity::bot::Bot;
use crate::entity::deal::{self, StoredDeal};
use crate::entity::funds::Funds;
use crate::entity::intent::Intent;
use crate::entity::wake::Wake;
use crate::transaction::commit_decision::{CommitRefused, rest, settle};
use crate::write::Write;
use crate::{Key, Store, Table};

/// What a start writes.
#[derive(Debug)]
pub struct Starting {
    /// The bot as it shall be.
    pub bot: Bot,
    /// The version at which it was read.
    pub bot_read: u64,
    pub deal: StoredDeal,
    pub funds: Funds,
    pub intents: Vec<Intent>,
    pub wakes: Vec<Wake>,
    pub gone: Vec<Key>,
    pub activity: Activity,
}

impl Store {
    /// Starts the deal. `token` (at most 36 characters) is new with every try.
    pub async fn start_deal(&self, token: &str, starting: &Starting) -> Result<(), CommitRefused> {
        let deal = &starting.deal;
        let put = Write::put(Table::Trading, deal::key(deal.bot, deal.deal.id), deal.to_row()?)
            .when("attribute_not_exists(pk)");
        let mut writes = vec![starting.bot.write_over(starting.bot_read)?, put, starting.funds.write()?];
        rest(&mut writes, &starting.wakes, &starting.gone, &starting.intents, &starting.activity)?;
        settle(self.transact(token, &writes).await)
    }
}
