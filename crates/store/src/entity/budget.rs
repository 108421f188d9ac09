//! Budgets of attempts: counters that are charged by a conditional write before anything expensive or secret is evaluated.
//! Strangers' attempts touch only these items, so they can cancel neither orders nor resets.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `BUDGET#SOURCE#<network>` | `<minute since 1970>` | `counted` N (password hashes); `ttl` N |
//! | identity | `BUDGET#MAIL#<network>` | `<hour since 1970>` | `counted` N (requests for a mail); `ttl` N |
//! | identity | `BUDGET#MAILS` | `<minute since 1970>` | `counted` N (of everybody); `ttl` N |
//! | identity | `BUDGET#<user>`, or `BUDGET#EMAIL#<SHA-256 of an unknown address>` | `LOGIN`, `DEVICE#<hash>`, `FACTOR`, `STEP_UP`, `RESET_FACTOR`, `RESET_MAIL`, `VERIFY_MAIL`, `UNLOCK_MAIL`, `ADDRESS_CHANGE` | `state` S (JSON of the pure state machine in `account::budget`); `version` N; `ttl` N |

use std::net::IpAddr;

use account::UserId;
use account::WallTime;
use account::budget::Room;
use account::email::EmailAddress;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::attribute::{Row, json, n};
use crate::entity::device::DeviceName;
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
    /// Mails with links that open a closed login.
    UnlockMail,
    /// Changes of address: apart from the verification mails, which strangers can ask for, so that they keep no owner from
    /// leaving a mailbox (RL-1).
    AddressChange,
}

/// Which bucket a password was charged to (RL-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bucket {
    /// The one that all strangers share.
    Common,
    /// A known device's own.
    Device(DeviceName),
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
            Kind::UnlockMail => "UNLOCK_MAIL",
            Kind::AddressChange => "ADDRESS_CHANGE",
        }
    }
}

/// Where a budget is.
pub fn key(whose: &Whose, kind: Kind) -> Key {
    Key::new(partition(whose), kind.as_str())
}
/// Where the bucket of a password is.
pub fn bucket_key(whose: &Whose, bucket: &Bucket) -> Key {
    match bucket {
        Bucket::Common => key(whose, Kind::Login),
        Bucket::Device(name) => Key::new(partition(whose), format!("DEVICE#{}", name.as_str())),
    }
}
fn partition(whose: &Whose) -> String {
    match whose {
        Whose::User(user) => format!("BUDGET#{user}"),
        Whose::UnknownAddress(email) => format!("BUDGET#EMAIL#{}", hex::encode(Sha256::digest(email.key().as_bytes()))),
    }
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

impl Store {
    /// The same for the bucket of a password.
    pub async fn write_bucket<S: Serialize>(
        &self,
        whose: &Whose,
        bucket: &Bucket,
        state: &S,
        version: u64,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        Ok(self.write_one(write_at(bucket_key(whose, bucket), state, version, now)?).await?.is_ok())
    }
}

/// RL-5: how many password hashes one source may cause in a minute, over all addresses. Far above what people behind one
/// router need, far below what a core computes.
pub const HASHES_PER_MINUTE_MAX: u32 = 300;

/// PR-3: how many requests for a mail (reset, verification, unlock, sign-up) one source may make in an hour, over all
/// addresses. Beyond it nothing is sent, and the answer is the same.
pub const MAIL_REQUESTS_PER_HOUR_MAX: u32 = 30;
/// PR-3: how many requests for a mail all sources together may make in a minute before every address is held to one mail
/// per period. Nobody is refused a link by what strangers do (RL-1).
pub const MAIL_REQUESTS_PER_MINUTE_MAX: u32 = 600;

/// Counts one, and refuses at the limit: no version, so that neighbours behind one router do not refuse each other.
const ONE_MORE: &str = "SET #counted = if_not_exists(#counted, :none) + :one, #ttl = :ttl";
const SOME_LEFT: &str = "attribute_not_exists(#counted) OR #counted < :max";

impl Store {
    /// Charges one password hash to its source; `false` when this minute has had its share (RL-5). Requests whose source is
    /// not known share one budget.
    pub async fn charge_source(&self, source: Option<IpAddr>, now: WallTime) -> Result<bool, StoreError> {
        self.count_one(format!("BUDGET#SOURCE#{}", network(source)), 60, HASHES_PER_MINUTE_MAX, now).await
    }
    /// Charges one request for a mail to its source and to everybody; how much room is left for it (PR-3). Two calls, always.
    pub async fn charge_mail(&self, source: Option<IpAddr>, now: WallTime) -> Result<Room, StoreError> {
        let of_source = format!("BUDGET#MAIL#{}", network(source));
        let source = self.count_one(of_source, 3_600, MAIL_REQUESTS_PER_HOUR_MAX, now).await?;
        let everybody = self.count_one("BUDGET#MAILS".to_owned(), 60, MAIL_REQUESTS_PER_MINUTE_MAX, now).await?;
        Ok(match (source, everybody) {
            (false, _) => Room::None,
            (true, false) => Room::Steady,
            (true, true) => Room::Burst,
        })
    }
    async fn count_one(&self, pk: String, period_s: i64, max: u32, now: WallTime) -> Result<bool, StoreError> {
        let key = Key::new(pk, now.seconds().div_euclid(period_s).to_string());
        let write = Write::update(Table::Identity, key, ONE_MORE)
            .when(SOME_LEFT)
            .value(":none", n(0))
            .value(":one", n(1))
            .value(":max", n(max))
            .value(":ttl", n(now.seconds().saturating_add(2 * 3_600)));
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
    cleared_at(key(&Whose::User(user), kind), fresh, now)
}
/// The same for the bucket that a password was charged to.
pub(crate) fn cleared_bucket<S: Serialize>(
    user: UserId,
    bucket: &Bucket,
    fresh: &S,
    now: WallTime,
) -> Result<Write, StoreError> {
    cleared_at(bucket_key(&Whose::User(user), bucket), fresh, now)
}
fn cleared_at<S: Serialize>(key: Key, fresh: &S, now: WallTime) -> Result<Write, StoreError> {
    Ok(Write::update(Table::Identity, key, CLEAR)
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
    write_at(key(whose, kind), state, version, now)
}
fn write_at<S: Serialize>(key: Key, state: &S, version: u64, now: WallTime) -> Result<Write, StoreError> {
    let row = Row::keyed(&key)
        .with("state", json(state)?)
        .with("version", n(version.saturating_add(1)))
        .with("ttl", n(now.seconds() + KEPT_S));
    Ok(Write::put(Table::Identity, key, row)
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
