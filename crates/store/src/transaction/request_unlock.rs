//! Mails a link that opens a closed login; or, at the same cost, makes nothing (PR-1, PR-3).
//!
//! writes: the mail's budget, outbox mail (perhaps one that says nothing), the token (of nobody where nothing is to be
//! opened; none over the budget). conditions: the budget is as read. Nothing of the account is touched.

use account::budget::{AllowanceUsed, FactorBudget, LoginBudget};
use account::{UserId, WallTime};
use serde::de::DeserializeOwned;
use ulid::Ulid;

use crate::attribute::Row;
use crate::entity::budget::{self, Kind, Stored, Whose, budget_write};
use crate::entity::credential::{self, Credential};
use crate::entity::job::put_mail;
use crate::entity::unlock_token::UnlockLink;
use crate::entity::user::{self, User};
use crate::write::TransactFailed;
use crate::{Key, Store, StoreError, Table};

/// What was found in one consistent call.
#[derive(Debug)]
pub struct ForUnlock {
    pub mail: Stored<AllowanceUsed>,
    pub login: Stored<LoginBudget>,
    pub factor: Stored<FactorBudget>,
    pub user: Option<User>,
    pub credential: Option<Credential>,
}

impl ForUnlock {
    /// Whether the login is closed and the mailbox may open it (TP-10).
    pub fn is_to_be_opened(&self, now: WallTime) -> bool {
        let (login, factor) = (self.login.state, self.factor.state);
        match factor.allows_password_login() {
            true => login.is_closed(),
            false => factor.confirmed_by_mail(now).is_ok(),
        }
    }
}

/// A request for a link.
#[derive(Debug)]
pub struct Unlocking<'a> {
    pub whose: &'a Whose,
    /// The budget as it shall be, at the version that was read.
    pub budget: &'a Stored<AllowanceUsed>,
    pub link: &'a UnlockLink<'a>,
    /// `false` over the budget: then none is made (PR-3).
    pub with_token: bool,
    pub id: Ulid,
    pub now: WallTime,
}

impl Store {
    /// Reads all that decides about a link; for an unknown address the same keys of nobody.
    pub async fn find_for_unlock(&self, whose: &Whose, user: UserId) -> Result<ForUnlock, StoreError> {
        let keys = [
            budget::key(whose, Kind::UnlockMail),
            budget::key(whose, Kind::Login),
            budget::key(whose, Kind::Factor),
            user::key(user),
            credential::key(user),
        ];
        let rows = self.read_many(Table::Identity, &keys).await?;
        let find = |key: &Key| {
            rows.iter().find(|row| row.text_if("pk") == Some(&key.pk) && row.text_if("sk") == Some(&key.sk))
        };
        Ok(ForUnlock {
            mail: stored(find(&keys[0]), AllowanceUsed::FRESH)?,
            login: stored(find(&keys[1]), LoginBudget::FRESH)?,
            factor: stored(find(&keys[2]), FactorBudget::FRESH)?,
            user: find(&keys[3]).map(User::from_row).transpose()?,
            credential: find(&keys[4]).map(Credential::from_row).transpose()?,
        })
    }

    /// Writes it. `false`: another request for this address was faster, and nothing was written.
    pub async fn request_unlock(&self, unlocking: &Unlocking<'_>) -> Result<bool, StoreError> {
        let Unlocking { whose, budget, link, with_token, id, now } = unlocking;
        let mut writes = vec![budget_write(whose, Kind::UnlockMail, &budget.state, budget.version, *now)?];
        match with_token {
            true => writes.extend(link.writes(*now)?),
            false => writes.push(put_mail(link.job, Some(link.user), link.mail, *now)?),
        }
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(_)) => Ok(false),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
}

fn stored<S: DeserializeOwned>(row: Option<&Row>, fresh: S) -> Result<Stored<S>, StoreError> {
    match row {
        Some(row) => Ok(Stored { state: row.json("state")?, version: row.number("version")? }),
        None => Ok(Stored { state: fresh, version: 0 }),
    }
}
