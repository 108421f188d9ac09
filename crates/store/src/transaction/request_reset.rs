//! Makes a reset token the newest of its user and queues its mail; or, at the same cost, makes nothing (PR-1, PR-3).
//!
//! writes: outbox mail (perhaps one that says nothing), mail budget, token, pointer. conditions: the budget is as read.
//! Nothing of the account is touched: no lock, no fence, no session ends (PR-2).

use account::budget::AllowanceUsed;
use account::id::JobId;
use account::token::TokenHash;
use account::{CredentialVersion, UserId, WallTime};
use ulid::Ulid;

use crate::entity::budget::{Kind, Stored, Whose, budget_write};
use crate::entity::job::{Mail, put_mail};
use crate::entity::reset_token;
use crate::write::TransactFailed;
use crate::{Store, StoreError};

/// A request for a reset.
#[derive(Debug)]
pub struct Requesting<'a> {
    pub whose: &'a Whose,
    /// The budget as it shall be, at the version that was read.
    pub budget: &'a Stored<AllowanceUsed>,
    /// The new token; `None` over the budget: then none is made and none is voided (PR-3). For an unknown address one is
    /// made that nobody gets, for a user that is nobody, so that known and unknown addresses cost the same (PR-1).
    pub token: Option<(UserId, CredentialVersion, &'a TokenHash)>,
    pub mail: &'a Mail,
    pub job: JobId,
    pub id: Ulid,
    pub now: WallTime,
}

impl Store {
    /// Writes it. `false`: another request for this address was faster, and nothing was written.
    pub async fn request_reset(&self, requesting: &Requesting<'_>) -> Result<bool, StoreError> {
        let Requesting { whose, budget, token, mail, job, id, now } = requesting;
        let user = match whose {
            Whose::User(user) => Some(*user),
            Whose::UnknownAddress(_) => None,
        };
        let mut writes = vec![
            put_mail(*job, user, mail, *now)?,
            budget_write(whose, Kind::ResetMail, &budget.state, budget.version, *now)?,
        ];
        if let Some((user, cred_version, hash)) = token {
            writes.extend(reset_token::puts(*user, *cred_version, hash, *now));
        }
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(_)) => Ok(false),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
}
