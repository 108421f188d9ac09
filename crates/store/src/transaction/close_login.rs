//! Tells the owner that the hundredth wrong password has closed the login, with the link that opens it (RL-2).
//!
//! writes: the login budget as charged, the token, the mail; for an unknown address those of nobody, at the same cost (LG-1).
//! conditions: the budget is as charged. A second try cannot come here: the closed budget admits none.

use account::WallTime;
use account::budget::LoginBudget;
use ulid::Ulid;

use crate::entity::budget::{Kind, Stored, Whose, budget_write};
use crate::entity::unlock_token::UnlockLink;
use crate::write::TransactFailed;
use crate::{Store, StoreError};

impl Store {
    /// Writes it.
    pub async fn close_login(
        &self,
        whose: &Whose,
        charged: &Stored<LoginBudget>,
        link: &UnlockLink<'_>,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut writes = vec![budget_write(whose, Kind::Login, &charged.state, charged.version, now)?];
        writes.extend(link.writes(now)?);
        match self.transact(&id.to_string(), &writes).await {
            // Opened in the meantime, by the mailbox or a reset: then there is nothing to tell.
            Ok(()) | Err(TransactFailed::Cancelled(_)) => Ok(()),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
}
