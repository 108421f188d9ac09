//! Opens the password login again, once the owner of the mailbox has reacted (TP-10, RL-2).
//!
//! writes: login budget, factor budget, step-up budget. conditions: none; see `cleared`. Not part of the reset's transaction: strangers
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
        // RL-1: used up by whoever had a session and no password, it would outlive the password that was guessed at.
        let step_up = cleared(user, Kind::StepUp, &LoginBudget::FRESH, now)?;
        // All are tried: one that fails must not keep another closed.
        let (login, factor) = (self.write_one(login).await, self.write_one(factor).await);
        let step_up = self.write_one(step_up).await;
        login.and(factor).and(step_up).map(|_| ())
    }
}
