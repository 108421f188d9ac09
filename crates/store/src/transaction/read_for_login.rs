//! Everything that a sign-in or a step-up looks at, in one consistent call: budgets, credentials, user state.

use account::UserId;
use account::budget::{FactorBudget, LoginBudget};

use crate::attribute::Row;
use crate::entity::budget::{self, Kind, Stored, Whose};
use crate::entity::credential::{self, Credential};
use crate::entity::recovery::{self, StoredRecovery};
use crate::entity::user::{self, User};
use crate::{Key, Store, StoreError, Table};

/// What was found.
#[derive(Debug)]
pub struct ForLogin {
    pub login: Stored<LoginBudget>,
    pub factor: Stored<FactorBudget>,
    pub step_up: Stored<LoginBudget>,
    pub credential: Option<Credential>,
    pub user: Option<User>,
    /// PR-14: a sign-in with a second factor ends it.
    pub recovery: Option<StoredRecovery>,
}

impl Store {
    /// Reads all of it; for an unknown address the same keys of nobody (LG-1).
    pub async fn find_for_login(&self, whose: &Whose, user: UserId) -> Result<ForLogin, StoreError> {
        let keys = [
            budget::key(whose, Kind::Login),
            budget::key(whose, Kind::Factor),
            budget::key(whose, Kind::StepUp),
            credential::key(user),
            user::key(user),
            recovery::key(user),
        ];
        let rows = self.read_many(Table::Identity, &keys).await?;
        let find = |key: &Key| {
            rows.iter().find(|row| row.text_if("pk") == Some(&key.pk) && row.text_if("sk") == Some(&key.sk))
        };
        let login = |row: Option<&Row>| match row {
            Some(row) => Ok(Stored { state: row.json("state")?, version: row.number("version")? }),
            None => Ok::<_, StoreError>(Stored { state: LoginBudget::FRESH, version: 0 }),
        };
        let factor = match find(&keys[1]) {
            Some(row) => Stored { state: row.json("state")?, version: row.number("version")? },
            None => Stored { state: FactorBudget::FRESH, version: 0 },
        };
        Ok(ForLogin {
            login: login(find(&keys[0]))?,
            factor,
            step_up: login(find(&keys[2]))?,
            credential: find(&keys[3]).map(Credential::from_row).transpose()?,
            user: find(&keys[4]).map(User::from_row).transpose()?,
            recovery: find(&keys[5]).map(StoredRecovery::from_row).transpose()?,
        })
    }
}
