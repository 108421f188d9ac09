//! Creates an account, and sends verification mails.
//!
//! `sign_up` writes: the address (if nobody has it), the user's state, the credentials, a verification token with its
//! pointer, the mail, the new account's mail budget, an audit row. `send_verification` writes a mail and the budget alone:
//! what a known address costs (SU-1: one transaction either way). Contention is waited out and fails alike in both, so
//! that two parallel requests tell nothing about an address either.

use account::UserId;
use account::breached::PasswordCheck;
use account::budget::AllowanceUsed;
use account::email::EmailAddress;
use account::id::JobId;
use account::password_hash::PasswordHash;
use account::token::TokenHash;
use account::{CredentialVersion, WallTime};
use ulid::Ulid;

use crate::attribute::{Row, s};
use crate::entity::budget::{Kind, Stored, Whose, budget_write};
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::{self, User};
use crate::entity::{address, audit, credential, verification};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What a new account is made of.
#[derive(Debug)]
pub struct SignUp<'a> {
    pub user: UserId,
    pub email: &'a EmailAddress,
    pub hash: &'a PasswordHash,
    /// SU-4: whether the password was looked up among the stolen ones.
    pub check: PasswordCheck,
    pub token: &'a TokenHash,
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction and its audit row.
    pub id: Ulid,
    /// The new account's mail budget with its first mail charged.
    pub budget: AllowanceUsed,
    pub now: WallTime,
}

/// Why no account was made.
#[derive(Debug)]
pub enum SignUpRefused {
    AddressTaken,
    Store(StoreError),
}

/// How often a transaction is sent that only contention stops.
const SENDS_MAX: usize = 4;

#[derive(Clone, Copy)]
enum Item {
    Email,
}

impl Store {
    /// Creates the account, or finds that the address is taken; nothing in between.
    pub async fn sign_up(&self, sign_up: SignUp<'_>) -> Result<(), SignUpRefused> {
        let SignUp { user, email, hash, check, token, job, mail, id, budget, now } = sign_up;
        let claim = Row::keyed(&credential::email_key(email)).with("user", s(user));
        let new = "attribute_not_exists(pk)";
        let mut writes = vec![
            Write::put(Table::Identity, credential::email_key(email), claim).when(new),
            Write::put(Table::Identity, user::key(user), User::new(user).to_row()).when(new),
            Write::put(
                Table::Identity,
                credential::key(user),
                credential::Credential::to_new_row(user, email, hash).with("password_check", s(check.name())),
            )
            .when(new),
        ];
        writes.extend(verification::puts(user, CredentialVersion::FIRST, token, now));
        writes.push(address::put(user, email));
        writes.push(put_mail(job, Some(user), mail, now).map_err(SignUpRefused::Store)?);
        writes.push(budget_write(&Whose::User(user), Kind::VerifyMail, &budget, 0, now).map_err(SignUpRefused::Store)?);
        writes.push(audit::put(user, id, "signed_up", None, None, now));
        match self.transact_patiently(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(cancelled)) if cancelled.failed_at(Item::Email as usize) => {
                Err(SignUpRefused::AddressTaken)
            }
            Err(TransactFailed::Cancelled(_)) => Err(SignUpRefused::Store(contention())),
            Err(TransactFailed::Store(error)) => Err(SignUpRefused::Store(error)),
        }
    }

    /// Writes a mail (perhaps one that says nothing), a token that goes with it, and the budget it is charged to. `false`
    /// when the budget moved in the meantime: then nothing was written.
    pub async fn send_verification(
        &self,
        whose: &Whose,
        token: Option<(UserId, CredentialVersion, &TokenHash)>,
        job: JobId,
        mail: &Mail,
        budget: Option<&Stored<AllowanceUsed>>,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let user = match whose {
            Whose::User(user) => Some(*user),
            Whose::UnknownAddress(_) => None,
        };
        let mut writes = vec![put_mail(job, user, mail, now)?];
        if let Some(budget) = budget {
            writes.push(budget_write(whose, Kind::VerifyMail, &budget.state, budget.version, now)?);
        }
        if let Some((user, cred_version, hash)) = token {
            writes.extend(verification::puts(user, cred_version, hash, now));
        }
        match self.transact_patiently(job.to_string().trim_start_matches(JobId::PREFIX), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(cancelled)) if cancelled.first_failed_condition().is_some() => Ok(false),
            Err(TransactFailed::Cancelled(_)) => Err(contention()),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }

    async fn transact_patiently(&self, token: &str, writes: &[Write]) -> Result<(), TransactFailed> {
        for _ in 1..SENDS_MAX {
            match self.transact(token, writes).await {
                Err(TransactFailed::Cancelled(cancelled)) if cancelled.only_contention() => {}
                settled => return settled,
            }
        }
        self.transact(token, writes).await
    }
}

fn contention() -> StoreError {
    StoreError::Unavailable { what: "TransactWriteItems: contention".into() }
}
