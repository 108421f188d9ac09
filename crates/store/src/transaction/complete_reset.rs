//! Completes a password reset: new password, every session ended, the fence up, every key share gone, in **one** transaction
//! (PR-8, PR-12, G6). Whatever was called before, in whatever order: these conditions decide (PR-10).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` used, with the hash of the "not me" token | unused, unexpired, made under this credential version (PR-4) |
//! | `RESET#` (check) | this token is the newest (RF-16) |
//! | `USER#` cred_version + 1, session_gen + 1, trade_epoch + 1, trading state | cred_version and conn_set_version as read (RF-21); the epoch rises (RF-40) |
//! | `CRED#` new hash, last step; a waiting enrolment dropped | the factor is on or off as read (PR-9); for a TOTP `totp_last_step < :step` (TP-5, TP-7) |
//! | `RECOVERY#` the used code deleted; or `PASSKEY#` counter and `CEREMONY#` deleted | it exists (RC-2); counter as read, ceremony open (PK-1, PK-2) |
//! | each LIVE `CONN#`: REVOKED, without its wrapped key | LIVE at the epoch that was read |
//! | outbox: a shred job per connection, a notice; an audit row | there is none of these ids |
//!
//! The rows of user, connections, shred jobs and audit are [`fencing`](crate::transaction::fencing)'s; the others are written here.
//! At most 48 writes with [`CONNECTIONS_MAX`](crate::entity::connection::CONNECTIONS_MAX) connections (RF-22). Never touches
//! a secret or the vault key: those are the shredder's and the signer's.

use std::net::IpAddr;

use account::breached::PasswordCheck;
use account::email::EmailAddress;
use account::id::JobId;
use account::password_hash::PasswordHash;
use account::security_event::SecurityEvent;
use account::token::{NewToken, TokenHash};
use account::{CredentialVersion, UserId, WallTime};
use host::Host;

use crate::attribute::{n, s};
use crate::entity::job::{self, Mail, Notice};
use crate::entity::recovery::StoredRecovery;
use crate::entity::{credential, reset_token};
use crate::transaction::answer_challenge::ends_recovery;
use crate::transaction::fencing::{Attempt, FenceRefused, Fencing, Marker, Own, TAIL_S};
use crate::transaction::spend_factor::Factor;
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// `revoked_by` of a connection that a reset removed, and the reason of its shred job.
pub const BY_RESET: &str = "password_reset";

/// What is completed. Token, factor and password were looked at; the commit checks again what it depends on.
#[derive(Debug)]
pub struct Completing<'a> {
    pub token: &'a TokenHash,
    pub user: UserId,
    /// The version the token was made under.
    pub cred_version: CredentialVersion,
    pub hash: &'a PasswordHash,
    /// SU-4: whether the password was looked up among the stolen ones.
    pub check: PasswordCheck,
    /// The factor that matched, spent by the commit; `None` only where no factor is on, which the commit demands (PR-9).
    pub factor: Option<&'a Factor>,
    /// The address at this moment.
    pub to: &'a EmailAddress,
    /// Open orders as far as known, for the notice.
    pub orders_left_open: &'a [String],
    /// Orders authorised and not answered yet, as far as known, for the notice (G2).
    pub orders_in_flight: &'a [String],
    /// PR-13: mailed with the notice.
    pub not_me: &'a NewToken,
    pub source: Option<IpAddr>,
}

/// The reset is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetDone {
    pub connections_removed: usize,
}

/// Why it is not; in order of precedence. Nothing was changed, but for `OutcomeUnknown`.
#[derive(Debug, thiserror::Error)]
pub enum ResetRefused {
    /// Unknown, used, expired, superseded, or made before a change of credentials.
    #[error("the token is dead")]
    TokenDead,
    /// The TOTP step or the recovery code was used meanwhile.
    #[error("the second factor was used meanwhile")]
    FactorSpent,
    /// RF-13: others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The writes of a reset's own, by name and in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Token,
    Pointer,
    Credential,
    SpentFactor,
    Notice,
}

const USE_TOKEN: &str =
    "SET #used_at = :now, #used_by = :used_by, #not_me = :not_me, #not_me_until = :not_me_until, #ttl = :ttl";
const TOKEN_OPEN: &str =
    "attribute_exists(pk) AND attribute_not_exists(#used_at) AND #expires_at > :now AND #cred_version = :cred_version";
const IS_NEWEST: &str = "#newest = :hash";
const NEW_HASH: &str = "SET #hash = :hash, #pepper = :pepper, #password_check = :check REMOVE #pending_seed, #pending_until, #pending_tries";
const NEW_HASH_AND_STEP: &str = "SET #hash = :hash, #pepper = :pepper, #password_check = :check, #totp_last_step = :step REMOVE #pending_seed, #pending_until, #pending_tries";
const NO_FACTOR: &str = "attribute_exists(pk) AND attribute_not_exists(#totp_seed) AND attribute_not_exists(#passkeys)";
const FACTOR_ON: &str = "attribute_exists(#totp_seed) OR attribute_exists(#passkeys)";
const PASSKEY_ON: &str = "attribute_exists(#passkeys)";
const STEP_UNUSED: &str = "attribute_exists(#totp_seed) AND #totp_last_step < :step";

impl Store {
    /// Completes it, or says why not. Contention alone is met with another try, on what is there then (RF-21).
    pub async fn complete_reset(&self, what: &Completing<'_>, host: &Host) -> Result<ResetDone, ResetRefused> {
        let marker = Marker { key: reset_token::key(what.token), attribute: "used_by" };
        let fencing = Fencing {
            event: SecurityEvent::PasswordReset,
            // RC-5: wherever a recovery code is used, entries wait for a new factor.
            beside: matches!(what.factor, Some(Factor::RecoveryCode(_))).then_some(SecurityEvent::RecoveryCodeUsed),
            user: what.user,
            cred_version: what.cred_version,
            marker: &marker,
            revoked_by: BY_RESET,
            factor: what.factor.map(Factor::name),
            source: what.source,
        };
        let names: Vec<Item> = names(what).collect();
        // PR-14: who shows a second factor here has not lost it.
        let recovery = self.find_recovery(what.user).await?;
        match self.fence(&fencing, host, |trying| own(what, recovery.as_ref(), trying)).await {
            Ok(fenced) => Ok(ResetDone { connections_removed: fenced.connections_removed }),
            Err(FenceRefused::Own(index)) => Err(refused(names.get(index).copied())),
            Err(FenceRefused::Changed) => Err(ResetRefused::TokenDead),
            Err(FenceRefused::Busy) => Err(ResetRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(ResetRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
}

/// The order of [`own`]'s writes.
fn names(what: &Completing<'_>) -> impl Iterator<Item = Item> {
    let spent = match what.factor {
        None | Some(Factor::Totp(_)) => 0,
        Some(Factor::RecoveryCode(_)) => 1,
        // The passkey's item and its ceremony.
        Some(Factor::Passkey(_)) => 2,
    };
    let spent = std::iter::repeat_n(Item::SpentFactor, spent);
    [Item::Token, Item::Pointer, Item::Credential].into_iter().chain(spent).chain([Item::Notice])
}

const fn refused(item: Option<Item>) -> ResetRefused {
    match item {
        Some(Item::Token | Item::Pointer) => ResetRefused::TokenDead,
        // The step was used, or the factor came or went: the latter raised the version too, so that the token is dead.
        Some(Item::Credential | Item::SpentFactor) => ResetRefused::FactorSpent,
        // There is a job of this id: the next completion draws another.
        Some(Item::Notice) | None => ResetRefused::Busy,
    }
}

fn own(what: &Completing<'_>, recovery: Option<&StoredRecovery>, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, live, done_by, now, host, .. } = trying;
    let not_me_until = now.plus_seconds(reset_token::NOT_ME_LIFE_S);
    let mut writes = vec![
        Write::update(Table::Identity, reset_token::key(what.token), USE_TOKEN)
            .when(TOKEN_OPEN)
            .value(":now", n(now.ms()))
            .value(":used_by", s(done_by))
            .value(":cred_version", n(what.cred_version.value()))
            .value(":not_me", s(what.not_me.hash.as_str()))
            .value(":not_me_until", n(not_me_until.ms()))
            .value(":ttl", n(not_me_until.plus_seconds(60).seconds())),
        Write::check(Table::Identity, reset_token::pointer_key(what.user))
            .when(IS_NEWEST)
            .value(":hash", s(what.token.as_str())),
        credential_write(what, now),
    ];
    writes.extend(what.factor.iter().flat_map(|factor| factor.own_writes(what.user, now)));
    let mail = notice(what, live.len(), now);
    writes.push(job::put_mail(JobId::new(host.entropy.ulid(now)), Some(what.user), &mail, now)?);
    writes.extend(ends_recovery(user, recovery, done_by, now)?);
    Ok(Own { writes, ..Own::default() })
}

fn credential_write(what: &Completing<'_>, now: WallTime) -> Write {
    let key = credential::key(what.user);
    let write = match what.factor {
        None => Write::update(Table::Identity, key, NEW_HASH).when(NO_FACTOR),
        Some(factor) => {
            let condition = match factor {
                Factor::Totp(_) => STEP_UNUSED,
                Factor::RecoveryCode(_) => FACTOR_ON,
                Factor::Passkey(_) => PASSKEY_ON,
            };
            match factor.last_step(now) {
                Some(step) => Write::update(Table::Identity, key, NEW_HASH_AND_STEP).value(":step", n(step.value())),
                None => Write::update(Table::Identity, key, NEW_HASH),
            }
            .when(condition)
        }
    };
    write
        .value(":hash", s(what.hash.as_phc()))
        .value(":pepper", s(what.hash.pepper().as_str()))
        .value(":check", s(what.check.name()))
}

/// PR-13. The link names the used token's item and carries a secret of its own, so that it is good for this reset alone.
fn notice(what: &Completing<'_>, connections_removed: usize, now: WallTime) -> Mail {
    // EXPOSE: the mail is how the token reaches its owner.
    let not_me_token = what.not_me.text.expose(|text| format!("{}.{text}", what.token.as_str()));
    Mail {
        to: what.to.to_string(),
        notice: Notice::PasswordWasReset {
            at: now.to_string(),
            connections_removed,
            orders_left_open: what.orders_left_open.to_vec(),
            orders_in_flight: what.orders_in_flight.to_vec(),
            may_still_arrive_until: now.plus_seconds(TAIL_S).to_string(),
            not_me_token,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failed_condition_has_its_name() {
        let check = |item, expected: &str| assert_eq!(refused(item).to_string(), expected, "{item:?}");
        check(Some(Item::Token), "the token is dead");
        check(Some(Item::Pointer), "the token is dead");
        check(Some(Item::Credential), "the second factor was used meanwhile");
        check(Some(Item::SpentFactor), "the second factor was used meanwhile");
        check(Some(Item::Notice), "too much contention");
    }
}
