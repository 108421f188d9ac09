//! Budgets of attempts: counters that are charged by a conditional write before anything expensive or secret is evaluated.
//! Strangers' attempts touch only these items, so they can cancel neither orders nor resets.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `BUDGET#<user>`, or `BUDGET#EMAIL#<SHA-256 of an unknown address>` | `LOGIN`, `FACTOR`, `STEP_UP`, `RESET_FACTOR`, `RESET_MAIL`, `VERIFY_MAIL` | `state` S (JSON of the pure state machine in `account::budget`); `version` N; `ttl` N |

use account::WallTime;
use account::email::EmailAddress;
use account::UserId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::attribute::{Row, json, n};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Whose budget: an account's, or one of an address that has no account, so that both cost the same (SU-1, PR-1).
#[derive(Debug, Clone)]
pub enum Whose { User(UserId), UnknownAddress(EmailAddress) }

/// Which budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Passwords at the login.
    Login,
    /// Second factors at the login and at step-ups.
    Factor,
    /// Passwords at step-ups: apart from the login, so that a stranger's guesses do not slow a signed-in owner down (RL-1).
    StepUp,
    /// Second factors in the reset flow.
    ResetFactor,
    /// Mails with reset links.
    ResetMail,
    /// Mails with verification links.
    VerifyMail,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Login => "LOGIN", Kind::Factor => "FACTOR", Kind::StepUp => "STEP_UP", Kind::ResetFactor => "RESET_FACTOR", Kind::ResetMail => "RESET_MAIL",
            Kind::VerifyMail => "VERIFY_MAIL",
        }
    }
}

/// Where a budget is.
pub fn key(whose: &Whose, kind: Kind) -> Key {
    let pk = match whose {
        Whose::User(user) => format!("BUDGET#{user}"),
        Whose::UnknownAddress(email) => format!("BUDGET#EMAIL#{}", hex::encode(Sha256::digest(email.key().as_bytes()))),
    };
    Key::new(pk, kind.as_str())
}

/// A budget as read, with the version its next write demands.
#[derive(Debug, Clone)]
pub struct Stored<S> { pub state: S, pub version: u64 }

/// How long an untouched budget is kept; longer than every period it counts over.
const KEPT_S: i64 = 40 * 86_400;

impl Store {
    /// Reads a budget consistently; `fresh` when there is none.
    pub async fn find_budget<S: DeserializeOwned>(&self, whose: &Whose, kind: Kind, fresh: S) -> Result<Stored<S>, StoreError> {
        match self.read(Table::Identity, &key(whose, kind)).await? {
            Some(row) => Ok(Stored { state: row.json("state")?, version: row.number("version")? }),
            None => Ok(Stored { state: fresh, version: 0 }),
        }
    }
    /// Writes a budget if nobody wrote it since it was read; `false` when somebody did (RL-3: then nothing is evaluated).
    pub async fn write_budget<S: Serialize>(&self, whose: &Whose, kind: Kind, state: &S, version: u64, now: WallTime) -> Result<bool, StoreError> {
        Ok(self.write_one(budget_write(whose, kind, state, version, now)?).await?.is_ok())
    }
}

/// The write of [`Store::write_budget`], for a transaction.
pub fn budget_write<S: Serialize>(whose: &Whose, kind: Kind, state: &S, version: u64, now: WallTime) -> Result<Write, StoreError> {
    let row = Row::keyed(&key(whose, kind)).with("state", json(state)?).with("version", n(version.saturating_add(1)))
        .with("ttl", n(now.seconds() + KEPT_S));
    Ok(Write::put(Table::Identity, key(whose, kind), row).when("attribute_not_exists(pk) OR #version = :version").value(":version", n(version)))
}
