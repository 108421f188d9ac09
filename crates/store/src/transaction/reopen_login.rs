//! Opens the password login again, once the owner of the mailbox has reacted (TP-10, RL-2).
//!
//! writes: login budget, factor budget. conditions: none; see `cleared`. Not part of the reset's transaction: strangers
//! write these items, and must be able to cancel no reset.

use account::budget::{FactorBudget, LoginBudget};
use account::{UserId, WallTime};

use crate::entity::budget::{Kind, cleared};
use crate::{Store, StoreError};

impl Store {
    /// Forgets the failures of the login. For who has completed a reset, with the second factor where one is on.
    pub async fn reopen_login(&self, user: UserId, now: WallTime) -> Result<(), StoreError> {
        let login = cleared(user, Kind::Login, &LoginBudget::FRESH.confirmed_by_mail(), now)?;
        let factor = cleared(user, Kind::Factor, &FactorBudget::FRESH, now)?;
        // Both are tried: one that fails must not keep the other closed.
        let (login, factor) = (self.write_one(login).await, self.write_one(factor).await);
        login.and(factor).map(|_| ())
    }
}
