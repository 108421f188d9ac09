//! "This was not me" of a completed reset: everything ends, the password is gone, the account is held (PR-13, RF-35).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` disowned | the token is the one mailed about this reset, in its 72 h, not used before |
//! | outbox notice | there is none of this id |
//! | `CRED#`, `PASSKEY#`, `RECOVERY#`: factors and codes that are not older than the disowned reset are gone | the set of codes as read |
//! | `USER#` with `disowned_at`, `CRED#` without hash, connections, shred jobs, audit row | see [`fencing`](crate::transaction::fencing) |
//!
//! Not bound to the credential version of the reset: whatever the thief changed since, the link works. A factor that was
//! enrolled since the reset is the thief's: were it kept, it would let the thief in again and the owner never (PR-14).

use std::net::IpAddr;

use account::email::EmailAddress;
use account::id::JobId;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use account::{CredentialVersion, WallTime};
use host::Host;
use ulid::Ulid;

use crate::attribute::{n, s, truth};
use crate::entity::credential::Credential;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::passkey::Passkey;
use crate::entity::reset_token::{self, DISOWNED_BY, Disownable};
use crate::entity::user::User;
use crate::transaction::fencing::{Attempt, FenceRefused, Fenced, Fencing, Marker, MoreOfCredential, Own};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

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
        let since = |user: &User| user.disowned_at.map_or(what.reset.used_at, |at| at.min(what.reset.used_at));
        let credential = self.find_credential(what.reset.user).await?.ok_or(DisownRefused::TokenDead)?;
        let passkeys = self.list_passkeys(what.reset.user).await?;
        let codes = self.recovery_codes(what.reset.user).await?;
        let found = Found { credential, passkeys, codes };
        match self.fence(&fencing, host, |trying| own(what, &found, since(trying.user), trying)).await {
            Ok(fenced) => Ok(fenced),
            Err(FenceRefused::Own(_)) => Err(DisownRefused::TokenDead),
            Err(FenceRefused::Changed | FenceRefused::Busy) => Err(DisownRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(DisownRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
}

/// What was read for it; a change of factors since raises the version, so that the commit is refused.
struct Found {
    credential: Credential,
    passkeys: Vec<Passkey>,
    codes: Vec<Key>,
}

const SAME_CODES: &str = " AND #codes_set = :codes_set";
const NO_CODES: &str = " AND attribute_not_exists(#codes_set)";

impl Found {
    /// Whether the recovery codes were made since then: their set is named by a ULID.
    fn codes_are_younger(&self, since: WallTime) -> bool {
        let made = self.credential.codes_set.as_deref().and_then(|set| Ulid::from_string(set).ok());
        made.is_some_and(|set| i64::try_from(set.timestamp_ms()).unwrap_or(i64::MAX) >= since.ms())
    }
    /// What goes of the factors, and whether one is left.
    fn without_younger(&self, since: WallTime) -> (MoreOfCredential, Vec<Write>, bool) {
        let (mut more, mut writes) = (MoreOfCredential::default(), Vec::new());
        let totp_goes = self.credential.totp.as_ref().is_some_and(|totp| totp.enrolled_at >= since);
        let (young, old): (Vec<_>, Vec<_>) = self.passkeys.iter().partition(|passkey| passkey.created_at >= since);
        let keeps_factor = (self.credential.totp.is_some() && !totp_goes) || !old.is_empty();
        more.removed.push_str(", #pending_seed, #pending_until, #pending_tries");
        if totp_goes {
            more.removed.push_str(", #totp_seed, #enrolled_at");
        }
        match (young.is_empty(), u32::try_from(old.len())) {
            (true, _) => {}
            // No passkeys is no attribute.
            (false, Ok(0) | Err(_)) => more.removed.push_str(", #passkeys"),
            (false, Ok(left)) => {
                more.set = "SET #passkeys = :passkeys ";
                more.values.push((":passkeys", n(left)));
            }
        }
        writes.extend(young.iter().flat_map(|passkey| passkey.deletes()));
        if !keeps_factor || self.codes_are_younger(since) {
            more.removed.push_str(", #codes_set");
            writes.extend(self.codes.iter().map(|key| Write::delete(Table::Identity, key.clone())));
        }
        match &self.credential.codes_set {
            None => more.condition = NO_CODES,
            Some(set) => {
                more.condition = SAME_CODES;
                more.values.push((":codes_set", s(set)));
            }
        }
        (more, writes, keeps_factor)
    }
}

fn own(what: &Disowning<'_>, found: &Found, since: WallTime, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, live, done_by, now, host } = trying;
    let mail = Mail {
        to: what.to.to_string(),
        notice: Notice::AccountHeld { at: now.to_string(), connections_removed: live.len() },
    };
    let (credential, gone, keeps_factor) = found.without_younger(since);
    let mut writes = vec![
        reset_token::disowned(what.hash, what.not_me, done_by, now),
        job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?,
    ];
    writes.extend(gone);
    Ok(Own {
        writes,
        user_set: "#disowned_at = :disowned_at, #has_factor = :has_factor",
        user_values: vec![(":disowned_at", n(since.ms())), (":has_factor", truth(keeps_factor))],
        credential,
    })
}
