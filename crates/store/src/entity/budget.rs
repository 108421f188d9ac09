//! Budgets of attempts: counters that are charged by a conditional write before anything expensive or secret is evaluated.
//! Strangers' attempts touch only these items, so they can cancel neither orders nor resets.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `BUDGET#SOURCE#<network>` | `<minute since 1970>` | `hashed` N; `ttl` N |
//! | identity | `BUDGET#<user>`, or `BUDGET#EMAIL#<SHA-256 of an unknown address>` | `LOGIN`, `FACTOR`, `STEP_UP`, `RESET_FACTOR`, `RESET_MAIL`, `VERIFY_MAIL` | `state` S (JSON of the pure state machine in `account::budget`); `version` N; `ttl` N |

use std::net::IpAddr;

use account::UserId;
use account::WallTime;
use account::email::EmailAddress;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::attribute::{Row, json, n};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Whose budget: an account's, or one of an address that has no account, so that both cost the same (SU-1, PR-1).
#[derive(Debug, Clone)]
pub enum Whose {
    User(UserId),
    UnknownAddress(EmailAddress),
}

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
            Kind::Login => "LOGIN",
            Kind::Factor => "FACTOR",
            Kind::StepUp => "STEP_UP",
            Kind::ResetFactor => "RESET_FACTOR",
            Kind::ResetMail => "RESET_MAIL",
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
pub struct Stored<S> {
    pub state: S,
    pub version: u64,
}

/// How long an untouched budget is kept; longer than every period it counts over.
pub(crate) const KEPT_S: i64 = 40 * 86_400;

impl Store {
    /// Reads a budget consistently; `fresh` when there is none.
    pub async fn find_budget<S: DeserializeOwned>(
        &self,
        whose: &Whose,
        kind: Kind,
        fresh: S,
    ) -> Result<Stored<S>, StoreError> {
        match self.read(Table::Identity, &key(whose, kind)).await? {
            Some(row) => Ok(Stored { state: row.json("state")?, version: row.number("version")? }),
            None => Ok(Stored { state: fresh, version: 0 }),
        }
    }
    /// Writes a budget if nobody wrote it since it was read; `false` when somebody did (RL-3: then nothing is evaluated).
    pub async fn write_budget<S: Serialize>(
        &self,
        whose: &Whose,
        kind: Kind,
        state: &S,
        version: u64,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        Ok(self.write_one(budget_write(whose, kind, state, version, now)?).await?.is_ok())
    }
}

/// RL-5: how many password hashes one source may cause in a minute, over all addresses. Far above what people behind one
/// router need, far below what a core computes.
pub const HASHES_PER_MINUTE_MAX: u32 = 300;

/// Counts one, and refuses at the limit: no version, so that neighbours behind one router do not refuse each other.
const HASH_ONE_MORE: &str = "SET #hashed = if_not_exists(#hashed, :none) + :one, #ttl = :ttl";
const HASHES_LEFT: &str = "attribute_not_exists(#hashed) OR #hashed < :max";

impl Store {
    /// Charges one password hash to its source; `false` when this minute has had its share (RL-5). Requests whose source is
    /// not known share one budget.
    pub async fn charge_source(&self, source: Option<IpAddr>, now: WallTime) -> Result<bool, StoreError> {
        let minute = now.seconds().div_euclid(60);
        let key = Key::new(format!("BUDGET#SOURCE#{}", network(source)), minute.to_string());
        let write = Write::update(Table::Identity, key, HASH_ONE_MORE)
            .when(HASHES_LEFT)
            .value(":none", n(0))
            .value(":one", n(1))
            .value(":max", n(HASHES_PER_MINUTE_MAX))
            .value(":ttl", n(now.seconds().saturating_add(3600)));
        Ok(self.write_one(write).await?.is_ok())
    }
}

/// One IPv4 address, or the /64 that one IPv6 customer holds.
fn network(source: Option<IpAddr>) -> String {
    match source.map(|s| s.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Whatever was charged meanwhile, the count is gone; a charge that read the old version fails.
const CLEAR: &str = "SET #state = :state, #version = if_not_exists(#version, :none) + :one, #ttl = :ttl";

/// The write that clears an account's budget without having read it: strangers may be charging it at this very moment, and
/// whoever earned it is not refused for that (RL-1).
pub(crate) fn cleared<S: Serialize>(user: UserId, kind: Kind, fresh: &S, now: WallTime) -> Result<Write, StoreError> {
    Ok(Write::update(Table::Identity, key(&Whose::User(user), kind), CLEAR)
        .value(":state", json(fresh)?)
        .value(":one", n(1))
        .value(":none", n(0))
        .value(":ttl", n(now.seconds().saturating_add(KEPT_S))))
}

/// The write of [`Store::write_budget`], for a transaction.
pub fn budget_write<S: Serialize>(
    whose: &Whose,
    kind: Kind,
    state: &S,
    version: u64,
    now: WallTime,
) -> Result<Write, StoreError> {
    let row = Row::keyed(&key(whose, kind))
        .with("state", json(state)?)
        .with("version", n(version.saturating_add(1)))
        .with("ttl", n(now.seconds() + KEPT_S));
    Ok(Write::put(Table::Identity, key(whose, kind), row)
        .when("attribute_not_exists(pk) OR #version = :version")
        .value(":version", n(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rl_5_a_customer_is_one_source() {
        check(Some("192.0.2.7"), "192.0.2.7");
        check(Some("::ffff:192.0.2.7"), "192.0.2.7");
        check(Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        check(None, "unknown");
    }

    fn check(source: Option<&str>, expected: &str) {
        assert_eq!(network(source.map(|s| s.parse().unwrap())), expected);
    }
}
