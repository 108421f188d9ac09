//! The user's state: the counters and gates that security events move. Every authorising transaction checks it.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `USER#<user>` | `STATE` | `cred_version`, `session_gen`, `trade_epoch`, `conn_set_version` N; `trading_state` S `ACTIVE`, `COOLING`, `HELD`; `cooling_until`, `held_at`, `fencing_until`, `frozen_until` N (wall ms, 0 when unset); `frozen_why` S `no`, `until`, `new_factor`, `administrator`; `email_verified`, `has_factor` BOOL; `disowned_at` N (wall ms; absent until a reset was disowned: when that reset, the earliest of them, was made) |

use account::epoch::ConnectionSetVersion;
pub use account::trading_state::TradingState;
use account::trading_state::{Frozen, HeldReason};
use account::{CredentialVersion, Epoch, SessionGeneration, UserId, WallTime};

use crate::attribute::{Row, n, s, truth};
use crate::{Key, Store, StoreError, Table};

/// Where a user's state is.
pub fn key(user: UserId) -> Key {
    Key::new(format!("USER#{user}"), "STATE")
}

/// The user's state as read consistently at one moment; a condition re-checks what matters at the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub cred_version: CredentialVersion,
    pub session_gen: SessionGeneration,
    pub trade_epoch: Epoch,
    pub conn_set_version: ConnectionSetVersion,
    pub trading_state: TradingState,
    /// While in the future the signer refuses everything: a reset is about to commit.
    pub fencing_until: WallTime,
    /// While frozen, entries are refused.
    pub frozen: Frozen,
    pub email_verified: bool,
    /// Whether a second factor is on. Written only together with the factor.
    pub has_factor: bool,
    /// When the earliest reset was made of which "this was not me" was said; a factor that came later may be the thief's.
    pub disowned_at: Option<WallTime>,
}

impl User {
    /// A new account: unverified, everything at its first version, with the rights that every other has (SU-6).
    pub const fn new(id: UserId) -> Self {
        Self {
            id,
            cred_version: CredentialVersion::FIRST,
            session_gen: SessionGeneration::FIRST,
            trade_epoch: Epoch::FIRST,
            conn_set_version: ConnectionSetVersion::FIRST,
            trading_state: TradingState::Active,
            fencing_until: WallTime::from_ms(0),
            frozen: Frozen::No,
            email_verified: false,
            has_factor: false,
            disowned_at: None,
        }
    }
    /// As stored.
    pub fn to_row(&self) -> Row {
        let (state, cooling, held) = trading_state_parts(self.trading_state);
        Row::keyed(&key(self.id))
            .with("cred_version", n(self.cred_version.value()))
            .with("session_gen", n(self.session_gen.value()))
            .with("trade_epoch", n(self.trade_epoch.value()))
            .with("conn_set_version", n(self.conn_set_version.value()))
            .with("trading_state", s(state))
            .with("cooling_until", n(cooling))
            .with("held_at", n(held))
            .with("fencing_until", n(self.fencing_until.ms()))
            .with("frozen_until", n(self.frozen.frozen_until().ms()))
            .with("frozen_why", s(frozen_why(self.frozen)))
            .with("email_verified", truth(self.email_verified))
            .with("has_factor", truth(self.has_factor))
            .with_some("disowned_at", self.disowned_at.map(|at| n(at.ms())))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let pk = row.text("pk")?;
        let id = pk
            .strip_prefix("USER#")
            .and_then(|u| u.parse().ok())
            .ok_or_else(|| StoreError::Corrupt { what: "pk of a user".into() })?;
        let trading_state = match row.text("trading_state")? {
            "ACTIVE" => TradingState::Active,
            "COOLING" => TradingState::Cooling { until: WallTime::from_ms(row.number("cooling_until")?) },
            "HELD" => TradingState::Held {
                since: WallTime::from_ms(row.number("held_at")?),
                reason: HeldReason::ResetDisowned,
            },
            _ => return Err(StoreError::Corrupt { what: "trading_state".into() }),
        };
        Ok(Self {
            id,
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            session_gen: SessionGeneration::from_stored(row.number("session_gen")?),
            trade_epoch: Epoch::from_stored(row.number("trade_epoch")?),
            conn_set_version: ConnectionSetVersion::from_stored(row.number("conn_set_version")?),
            trading_state,
            fencing_until: WallTime::from_ms(row.number("fencing_until")?),
            frozen: match row.text("frozen_why")? {
                "no" => Frozen::No,
                "until" => Frozen::Until { at: WallTime::from_ms(row.number("frozen_until")?) },
                "new_factor" => Frozen::UntilNewFactor,
                "administrator" => Frozen::UntilAdministrator,
                _ => return Err(StoreError::Corrupt { what: "frozen_why".into() }),
            },
            email_verified: row.is("email_verified"),
            has_factor: row.is("has_factor"),
            disowned_at: row.number_if("disowned_at")?.map(WallTime::from_ms),
        })
    }
}

/// As stored beside `frozen_until`: two reasons last "for ever", and only one of them ends with a new factor.
pub const fn frozen_why(frozen: Frozen) -> &'static str {
    match frozen {
        Frozen::No => "no",
        Frozen::Until { .. } => "until",
        Frozen::UntilNewFactor => "new_factor",
        Frozen::UntilAdministrator => "administrator",
    }
}
/// The three attributes of a trading state: name, `cooling_until`, `held_at`.
pub const fn trading_state_parts(state: TradingState) -> (&'static str, i64, i64) {
    match state {
        TradingState::Active => ("ACTIVE", 0, 0),
        TradingState::Cooling { until } => ("COOLING", until.ms(), 0),
        TradingState::Held { since, reason: HeldReason::ResetDisowned } => ("HELD", 0, since.ms()),
    }
}

impl Store {
    /// The user's state, read consistently.
    pub async fn find_user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        self.read(Table::Identity, &key(user)).await?.map(|row| User::from_row(&row)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_comes_back_as_it_was_stored() {
        let mut user = User::new(UserId::new(ulid::Ulid::from_parts(1, 2)));
        user.trading_state = TradingState::Cooling { until: WallTime::from_ms(77) };
        user.has_factor = true;
        user.disowned_at = Some(WallTime::from_ms(78));
        assert_eq!(User::from_row(&user.to_row()).expect("readable"), user);
    }
}
