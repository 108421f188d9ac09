//! Changes a bot on the owner's or its own behalf without a decision: start, stop, end, a note why it waits.
//!
//! | write | condition |
//! | --- | --- |
//! | `BOT` put, version + 1 | version as read |
//! | `DEAL#` put with the owner's wish, version + 1; only when a deal is open and the owner wishes something of it | version and orders_version as read, phase open |
//! | `WAKE#` puts and deletes | none: the versions guard them |
//! | `ACTIVITY#` put | there is none of this id |

use crate::attribute::{n, s};
use crate::entity::activity::Activity;
use crate::entity::bot::Bot;
use crate::entity::deal::{self, StoredDeal};
use crate::entity::wake::Wake;
use crate::transaction::commit_decision::{CommitRefused, settle};
use crate::write::Write;
use crate::{Key, Store, Table};

/// What changes.
#[derive(Debug)]
pub struct Changing<'a> {
    /// The bot as it shall be; its version is set here.
    pub bot: Bot,
    /// The version at which it was read.
    pub bot_read: u64,
    /// The open deal as read and as it shall be.
    pub deal: Option<(&'a StoredDeal, StoredDeal)>,
    pub wakes: Vec<Wake>,
    pub gone: Vec<Key>,
    pub activity: Option<Activity>,
}

const DEAL_AS_READ: &str = "#version = :version AND #orders_version = :orders_version AND #phase = :open";

impl Store {
    /// Changes the bot. `token` (at most 36 characters) is new with every try.
    pub async fn change_bot(&self, token: &str, mut changing: Changing<'_>) -> Result<Bot, CommitRefused> {
        changing.bot.version = changing.bot_read + 1;
        let mut writes = vec![changing.bot.write_over(changing.bot_read)?];
        if let Some((read, mut next)) = changing.deal {
            next.version = read.version + 1;
            next.orders_version = read.orders_version;
            writes.push(
                Write::put(Table::Trading, deal::key(read.bot, read.deal.id), next.to_row()?)
                    .when(DEAL_AS_READ)
                    .value(":version", n(read.version))
                    .value(":orders_version", n(read.orders_version))
                    .value(":open", s("open")),
            );
        }
        for wake in &changing.wakes {
            writes.push(wake.write()?);
        }
        for key in &changing.gone {
            writes.push(Write::delete(Table::Trading, key.clone()));
        }
        if let Some(activity) = &changing.activity {
            writes.push(activity.write()?);
        }
        settle(self.transact(token, &writes).await)?;
        Ok(changing.bot)
    }
}
