//! "This was not me" of a completed reset: everything ends, the password is gone, the account is held (PR-13, RF-35).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` disowned | the token is the one mailed about this reset, in its 72 h, not used before |
//! | outbox notice | there is none of this id |
//! | `USER#` with `disowned_at`, `CRED#` without hash, connections, shred jobs, audit row | see [`fencing`](crate::transaction::fencing) |
//!
//! Not bound to the credential version of the reset: whatever the thief changed since, the link works.

use std::net::IpAddr;

use account::email::EmailAddress;
use account::id::JobId;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use account::{CredentialVersion, WallTime};
use host::Host;

use crate::attribute::n;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::reset_token::{self, DISOWNED_BY, Disownable};
use crate::transaction::fencing::{Attempt, FenceRefused, Fenced, Fencing, Marker, Own};
use crate::{Store, StoreError};

/// `revoked_by` of a connection that went with a disowned reset, and the reason of its shred job.
pub const BY_DISOWNING: &str = "reset_disowned";

/// What is disowned.
#[derive(Debug)]
pub struct Disowning<'a> {
    pub reset: &'a Disownable,
    /// Names the reset: the stored form of its token.
    pub hash: &'a str,
    /// The stored form of the token that was mailed about it.
    pub not_me: &'a TokenHash,
    /// The version at this moment.
    pub cred_version: CredentialVersion,
    pub to: &'a EmailAddress,
    pub source: Option<IpAddr>,
}

/// Why nothing was changed (but for `OutcomeUnknown`).
#[derive(Debug, thiserror::Error)]
pub enum DisownRefused {
    /// Unknown, used, expired, or of another reset.
    #[error("the token is dead")]
    TokenDead,
    /// The credentials changed since they were read, or others kept changing the same items: to be tried again.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Disowns it.
    pub async fn disown_reset(&self, what: &Disowning<'_>, host: &Host) -> Result<Fenced, DisownRefused> {
        let marker = Marker { key: reset_token::key_of(what.hash), attribute: DISOWNED_BY };
        let fencing = Fencing {
            event: SecurityEvent::ResetDisowned,
            beside: None,
            user: what.reset.user,
            cred_version: what.cred_version,
            marker: &marker,
            revoked_by: BY_DISOWNING,
            factor: None,
            source: what.source,
        };
        match self.fence(&fencing, host, |trying| own(what, trying)).await {
            Ok(fenced) => Ok(fenced),
            Err(FenceRefused::Own(_)) => Err(DisownRefused::TokenDead),
            Err(FenceRefused::Changed | FenceRefused::Busy) => Err(DisownRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(DisownRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
}

fn own(what: &Disowning<'_>, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, live, done_by, now, host } = trying;
    let mail = Mail {
        to: what.to.to_string(),
        notice: Notice::AccountHeld { at: now.to_string(), connections_removed: live.len() },
    };
    let earliest: WallTime = user.disowned_at.map_or(what.reset.used_at, |at| at.min(what.reset.used_at));
    Ok(Own {
        writes: vec![
            reset_token::disowned(what.hash, what.not_me, done_by, now),
            job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?,
        ],
        user_set: "#disowned_at = :disowned_at",
        user_values: vec![(":disowned_at", n(earliest.ms()))],
    })
}
