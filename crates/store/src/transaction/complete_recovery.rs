//! Completes a destructive recovery after its wait: a new password, no second factor, every session ended (PR-14).
//!
//! | write | condition |
//! | --- | --- |
//! | `RESET_TOKEN#` used, with the hash of the "not me" token | unused, unexpired, made under this credential version |
//! | `RESET#` (check) | this token is the newest (RF-16) |
//! | `RECOVERY_WAIT#` completed | version as read, when it was ready: of a cancel and a completion one wins |
//! | `CRED#` new hash; authenticator, passkeys and waiting enrolment gone | set of recovery codes as read |
//! | `RECOVERY#` items deleted | none: gone is gone |
//! | `PASSKEY#` items and the claims of their ids deleted | they are there: a key may be registered anew |
//! | outbox notice | there is none of this id |
//! | what `RecoveryCompleted` brings with it; `has_factor` | see [`fencing`](crate::transaction::fencing) |
//!
//! At most 81 writes.

use std::net::IpAddr;

use account::breached::PasswordCheck;
use account::email::EmailAddress;
use account::id::JobId;
use account::password_hash::PasswordHash;
use account::recovery::Stage;
use account::security_event::SecurityEvent;
use account::token::{NewToken, TokenHash};
use account::{CredentialVersion, UserId, WallTime};
use host::Host;

use crate::attribute::{s, truth};
use crate::entity::credential;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::passkey::Passkey;
use crate::entity::recovery::StoredRecovery;
use crate::entity::reset_token;
use crate::transaction::complete_reset::ResetDone;
use crate::transaction::fencing::{Attempt, FenceRefused, Fencing, Marker, Own};
use crate::transaction::start_recovery::{BY_RECOVERY, RecoveryRefused};
use crate::write::Write;
use crate::{Key, Store, Table};

/// What is completed. Token and password were looked at; the commit checks again what it depends on.
#[derive(Debug)]
pub struct Completing<'a> {
    /// From a reset mail that was asked for after the wait.
    pub token: &'a TokenHash,
    pub user: UserId,
    /// The version the token was made under.
    pub cred_version: CredentialVersion,
    pub hash: &'a PasswordHash,
    /// What is known of the new password (SU-4).
    pub check: PasswordCheck,
    /// The address at this moment.
    pub to: &'a EmailAddress,
    /// PR-13: mailed with the notice.
    pub not_me: &'a NewToken,
    pub source: Option<IpAddr>,
}

/// What was read for it.
struct Found {
    recovery: StoredRecovery,
    codes_set: Option<String>,
    codes: Vec<Key>,
    passkeys: Vec<Passkey>,
}

/// The writes by their place.
const TOKEN: usize = 0;
const POINTER: usize = 1;
const RECOVERY: usize = 2;

const NEW_HASH: &str = "SET #hash = :hash, #pepper = :pepper, #password_check = :check \
    REMOVE #totp_seed, #enrolled_at, #passkeys, #codes_set, #pending_seed, #pending_until, #pending_tries";

impl Store {
    /// Completes it.
    pub async fn complete_recovery(&self, what: &Completing<'_>, host: &Host) -> Result<ResetDone, RecoveryRefused> {
        let found = self.find_ready(what, host.clock.now()).await?;
        let marker = Marker { key: reset_token::key(what.token), attribute: "used_by" };
        let fencing = Fencing {
            event: SecurityEvent::RecoveryCompleted,
            beside: None,
            user: what.user,
            cred_version: what.cred_version,
            marker: &marker,
            revoked_by: BY_RECOVERY,
            factor: None,
            source: what.source,
        };
        match self.fence(&fencing, host, |trying| own(what, &found, trying)).await {
            Ok(fenced) => Ok(ResetDone { connections_removed: fenced.connections_removed }),
            Err(FenceRefused::Own(TOKEN | POINTER) | FenceRefused::Changed) => Err(RecoveryRefused::TokenDead),
            Err(FenceRefused::Own(RECOVERY)) => Err(RecoveryRefused::NotReady),
            Err(FenceRefused::Own(_) | FenceRefused::Busy) => Err(RecoveryRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(RecoveryRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }

    async fn find_ready(&self, what: &Completing<'_>, now: WallTime) -> Result<Found, RecoveryRefused> {
        let recovery = self.find_recovery(what.user).await?.ok_or(RecoveryRefused::NotReady)?;
        if recovery.state.stage(what.cred_version, now) != Stage::Ready {
            return Err(RecoveryRefused::NotReady);
        }
        let credential = self.find_credential(what.user).await?.ok_or(RecoveryRefused::TokenDead)?;
        Ok(Found {
            recovery,
            codes_set: credential.codes_set,
            codes: self.recovery_codes(what.user).await?,
            passkeys: self.list_passkeys(what.user).await?,
        })
    }
}

fn own(what: &Completing<'_>, found: &Found, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { done_by, now, host, .. } = trying;
    let completed = StoredRecovery {
        state: found.recovery.state.completed(),
        reminders: Vec::new(),
        written_by: done_by.to_owned(),
        ..found.recovery.clone()
    };
    let mut writes = vec![
        reset_token::spent(what.token, what.cred_version, done_by, Some(&what.not_me.hash), now),
        reset_token::newest(what.user, what.token),
        completed.write(what.user)?,
        credential_write(what, found.codes_set.as_deref()),
        job::put_mail(JobId::new(host.entropy.ulid(now)), Some(what.user), &notice(what, now), now)?,
    ];
    writes.extend(found.codes.iter().map(|key| Write::delete(Table::Identity, key.clone())));
    writes.extend(found.passkeys.iter().flat_map(Passkey::deletes));
    Ok(Own {
        writes,
        user_set: "#has_factor = :has_factor",
        user_values: vec![(":has_factor", truth(false))],
        ..Own::default()
    })
}

fn credential_write(what: &Completing<'_>, codes_set: Option<&str>) -> Write {
    let write = Write::update(Table::Identity, credential::key(what.user), NEW_HASH)
        .value(":hash", s(what.hash.as_phc()))
        .value(":pepper", s(what.hash.pepper().as_str()))
        .value(":check", s(what.check.name()));
    match codes_set {
        None => write.when("attribute_exists(pk) AND attribute_not_exists(#codes_set)"),
        Some(set) => write.when("#codes_set = :set").value(":set", s(set)),
    }
}

/// PR-13: as of a reset.
fn notice(what: &Completing<'_>, now: WallTime) -> Mail {
    // EXPOSE: the mail is how the token reaches its owner.
    let not_me_token = what.not_me.text.expose(|text| format!("{}.{text}", what.token.as_str()));
    Mail { to: what.to.to_string(), notice: Notice::RecoveryCompleted { at: now.to_string(), not_me_token } }
}
