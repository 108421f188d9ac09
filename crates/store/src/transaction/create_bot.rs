//! Adds a bot, and removes one that is stopped.
//!
//! | write | condition |
//! | --- | --- |
//! | `BOT` put | there is none of this id |
//! | or: `BOT` deleted | version as read, stopped, no open deal |

use crate::attribute::{n, s};
use crate::entity::bot::{self, Bot};
use crate::write::Write;
use crate::{Store, StoreError, Table};

const STOPPED_AS_READ: &str = "#version = :read AND #state = :stopped AND attribute_not_exists(#open_deal)";

impl Store {
    /// Adds the bot. `false`: there is one of this id already.
    pub async fn create_bot(&self, bot: &Bot) -> Result<bool, StoreError> {
        let write = Write::put(Table::Trading, bot::key(bot.id), bot.to_row()?).when("attribute_not_exists(pk)");
        Ok(self.write_one(write).await?.is_ok())
    }
    /// Removes a stopped bot; what its deals did stays. `false`: it was changed in between, or it is not stopped.
    pub async fn delete_bot(&self, bot: &Bot) -> Result<bool, StoreError> {
        let write = Write::delete(Table::Trading, bot::key(bot.id))
            .when(STOPPED_AS_READ)
            .value(":read", n(bot.version))
            .value(":stopped", s("STOPPED"));
        Ok(self.write_one(write).await?.is_ok())
    }
}
