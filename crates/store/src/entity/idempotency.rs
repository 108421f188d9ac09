//! Claims on idempotency keys: which creating request was made under a key, and what it was answered.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `IDEMPOTENCY#<user>#<SHA-256 of the key>` | `IDEMPOTENCY` | `user` S; `state` S `IN_FLIGHT`, `RELEASED`, `DONE`; `request_mac` S (MAC of method, path and body under a key made from the idempotency key); `claim` S (ULID of the request that holds it); `creation` S (ULID of what is created, from the first claim on); `lease_until`, `expires_at` N (wall ms); `trade_epoch`, `cred_version` N as at the first claim; `answer` S (sealed; DONE alone); `ttl` N |
//!
//! | write | condition |
//! | --- | --- |
//! | claim: put | there is none, or it has expired |
//! | take over: `claim`, `lease_until` | not DONE, `claim` as read, its lease is over or it was released |
//! | finish: DONE with the answer | IN_FLIGHT under this `claim` |
//! | release: RELEASED | IN_FLIGHT under this `claim` |
//!
//! Knows neither the key nor the body nor the answer: a dump tells nothing of exchange keys and API tokens. Nothing is
//! deleted but by time, so that whoever repeats a request names the same creation and nothing is created twice.

use account::{CredentialVersion, Epoch, UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{Row, n, s};
use crate::entity::user::User;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// How long the same request gets the same answer, in seconds: 24 h.
pub const KEPT_S: i64 = 24 * 3600;
/// How long a request holds its claim, in seconds: longer than any function may run (`Timeout` in the template), so that
/// whoever held it is dead when another takes it over.
pub const LEASE_S: i64 = 60;
/// How often a write whose answer was lost is repeated; each is conditional and recognises itself.
const TRIES_MAX: usize = 3;

/// Where a claim is. `key_hash` is hex.
pub fn key(user: UserId, key_hash: &str) -> Key {
    Key::new(format!("IDEMPOTENCY#{user}#{key_hash}"), "IDEMPOTENCY")
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Somebody works on it.
    InFlight,
    /// It failed in a way that may be repeated.
    Released,
    /// It was answered.
    Done,
}
impl State {
    const fn as_str(self) -> &'static str {
        match self {
            State::InFlight => "IN_FLIGHT",
            State::Released => "RELEASED",
            State::Done => "DONE",
        }
    }
}

/// A claim as stored.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub state: State,
    pub request_mac: String,
    pub claim: Ulid,
    pub creation: Ulid,
    pub lease_until: WallTime,
    pub trade_epoch: Epoch,
    pub cred_version: CredentialVersion,
    /// The sealed answer, when DONE and not too large to keep.
    pub answer: Option<String>,
}
impl Idempotency {
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let ulid = |name: &str| {
            Ulid::from_string(row.text(name)?).map_err(|_| StoreError::Corrupt { what: format!("{name} of a claim") })
        };
        Ok(Self {
            state: match row.text("state")? {
                "IN_FLIGHT" => State::InFlight,
                "RELEASED" => State::Released,
                "DONE" => State::Done,
                _ => return Err(StoreError::Corrupt { what: "state of a claim".into() }),
            },
            request_mac: row.text("request_mac")?.to_owned(),
            claim: ulid("claim")?,
            creation: ulid("creation")?,
            lease_until: WallTime::from_ms(row.number("lease_until")?),
            trade_epoch: Epoch::from_stored(row.number("trade_epoch")?),
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            answer: row.text_if("answer").map(str::to_owned),
        })
    }
    /// Whether it was made under the credentials and the epoch that the user has now (PR-11).
    pub fn is_of(&self, user: &User) -> bool {
        self.trade_epoch == user.trade_epoch && self.cred_version == user.cred_version
    }
    /// Whether somebody may still be working on it.
    pub fn is_leased(&self, now: WallTime) -> bool {
        self.state == State::InFlight && now < self.lease_until
    }
}

/// A request that claims a key.
#[derive(Debug)]
pub struct Claiming<'a> {
    pub user: &'a User,
    /// Hex of the SHA-256 of the key.
    pub key_hash: &'a str,
    pub request_mac: &'a str,
    /// Names this request.
    pub claim: Ulid,
    /// Names what it creates, if it is the first.
    pub creation: Ulid,
}

const FREE: &str = "attribute_not_exists(pk) OR #expires_at <= :now";
const TAKE_OVER: &str = "SET #state = :in_flight, #claim = :claim, #lease_until = :lease";
const LEFT: &str = "#claim = :read AND (#state = :released OR (#state = :in_flight AND #lease_until <= :now))";
const FINISH: &str = "SET #state = :done, #answer = :answer";
const FINISH_UNKEPT: &str = "SET #state = :done";
const RELEASE: &str = "SET #state = :released";
const HELD: &str = "#state = :in_flight AND #claim = :claim";

impl Store {
    /// Claims a key. `None`: it is claimed by this very request; otherwise what stands there.
    pub async fn claim_idempotency(
        &self,
        claiming: &Claiming<'_>,
        now: WallTime,
    ) -> Result<Option<Idempotency>, StoreError> {
        let at = key(claiming.user.id, claiming.key_hash);
        let row = Row::keyed(&at)
            .with("user", s(claiming.user.id))
            .with("state", s(State::InFlight.as_str()))
            .with("request_mac", s(claiming.request_mac))
            .with("claim", s(claiming.claim))
            .with("creation", s(claiming.creation))
            .with("lease_until", n(now.plus_seconds(LEASE_S).ms()))
            .with("expires_at", n(now.plus_seconds(KEPT_S).ms()))
            .with("trade_epoch", n(claiming.user.trade_epoch.value()))
            .with("cred_version", n(claiming.user.cred_version.value()))
            .with("ttl", n(now.seconds().saturating_add(KEPT_S + 60)));
        let write = || Write::put(Table::Identity, at.clone(), row.clone()).when(FREE).value(":now", n(now.ms()));
        let Err(found) = self.settled(write).await? else { return Ok(None) };
        let found = found.ok_or_else(|| StoreError::Unavailable { what: "PutItem: no item in the answer".into() })?;
        let found = Idempotency::from_row(&found)?;
        // A write whose answer was lost finds itself.
        Ok((found.claim != claiming.claim).then_some(found))
    }
    /// Takes over what was left by the request that `found` names; `false` when another was faster.
    pub async fn take_over_idempotency(
        &self,
        claiming: &Claiming<'_>,
        found: &Idempotency,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let write = || {
            Write::update(Table::Identity, key(claiming.user.id, claiming.key_hash), TAKE_OVER)
                .when(LEFT)
                .value(":read", s(found.claim))
                .value(":claim", s(claiming.claim))
                .value(":lease", n(now.plus_seconds(LEASE_S).ms()))
                .value(":now", n(now.ms()))
                .value(":released", s(State::Released.as_str()))
                .value(":in_flight", s(State::InFlight.as_str()))
        };
        match self.settled(write).await? {
            Ok(()) => Ok(true),
            Err(found) => is_ours(found.as_ref(), claiming.claim),
        }
    }
    /// Keeps the answer of the request that holds the claim; `None` is an answer too large to keep. `false`: it lost the
    /// claim to another meanwhile.
    pub async fn finish_idempotency(
        &self,
        user: UserId,
        key_hash: &str,
        claim: Ulid,
        answer: Option<&str>,
    ) -> Result<bool, StoreError> {
        let write = || {
            let expression = if answer.is_some() { FINISH } else { FINISH_UNKEPT };
            let write = held(user, key_hash, claim, expression).value(":done", s(State::Done.as_str()));
            match answer {
                Some(answer) => write.value(":answer", s(answer)),
                None => write,
            }
        };
        match self.settled(write).await? {
            Ok(()) => Ok(true),
            Err(found) => is_ours(found.as_ref(), claim),
        }
    }
    /// Gives the claim back after a failure that may be repeated: under the same key, for the same creation.
    pub async fn release_idempotency(&self, user: UserId, key_hash: &str, claim: Ulid) -> Result<(), StoreError> {
        let write = || held(user, key_hash, claim, RELEASE).value(":released", s(State::Released.as_str()));
        self.settled(write).await.map(|_| ())
    }

    /// A conditional write, repeated when its answer was lost; the condition tells whether it had happened.
    async fn settled(&self, write: impl Fn() -> Write) -> Result<Result<(), Option<Row>>, StoreError> {
        for _ in 1..TRIES_MAX {
            match self.write_one(write()).await {
                Err(StoreError::OutcomeUnknown { .. }) => {}
                other => return other,
            }
        }
        self.write_one(write()).await
    }
}

fn held(user: UserId, key_hash: &str, claim: Ulid, expression: &'static str) -> Write {
    Write::update(Table::Identity, key(user, key_hash), expression)
        .when(HELD)
        .value(":in_flight", s(State::InFlight.as_str()))
        .value(":claim", s(claim))
}

fn is_ours(found: Option<&Row>, claim: Ulid) -> Result<bool, StoreError> {
    found.map(Idempotency::from_row).transpose().map(|found| found.is_some_and(|found| found.claim == claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_over_by_the_clock_or_with_the_work() {
        check(State::InFlight, 59_999, true);
        check(State::InFlight, 60_000, false);
        check(State::Released, 0, false);
        check(State::Done, 0, false);
    }

    fn check(state: State, at: i64, leased: bool) {
        let user = User::new(UserId::new(Ulid::from_parts(1, 2)));
        let claim = Idempotency {
            state,
            request_mac: String::new(),
            claim: Ulid::from_parts(1, 3),
            creation: Ulid::from_parts(1, 4),
            lease_until: WallTime::from_ms(60_000),
            trade_epoch: user.trade_epoch,
            cred_version: user.cred_version,
            answer: None,
        };
        assert_eq!(claim.is_leased(WallTime::from_ms(at)), leased, "{state:?} {at}");
        assert!(claim.is_of(&user));
        let fenced = User { trade_epoch: user.trade_epoch.next(), ..user };
        assert!(!claim.is_of(&fenced), "PR-11");
    }
}
