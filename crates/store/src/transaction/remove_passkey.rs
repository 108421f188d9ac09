//! Removes a passkey; the last factor only without a LIVE key of a real exchange (LG-5, PK-3). While another factor is on,
//! recovery codes and trading state stay.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` cred_version + 1, session_gen + 1; for the last factor has_factor off and COOLING for 24 h | versions as read; for the last factor conn_set_version too |
//! | `CRED#` passkeys - 1; with the last factor codes_set gone | number and codes_set as read |
//! | `PASSKEY#`, `PASSKEY_ID#` deleted | they exist |
//! | `SESSION#` the acting session under the new generation | it exists |
//! | outbox notice, audit row | there is none of these ids |
//! | `RECOVERY#` with the last factor every code deleted | none: `codes_set` guards them |

use account::WallTime;
use account::id::{JobId, PasskeyId};
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::audit;
use crate::entity::credential::{self, Credential};
use crate::entity::job::{Mail, Notice, put_mail};
use crate::entity::passkey::Passkey;
use crate::entity::user::User;
use crate::transaction::confirm_totp::swap_codes;
use crate::transaction::enrol_totp::FactorChangeRefused;
use crate::transaction::remove_totp::{go_on, with_factor_removed};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What is removed.
#[derive(Debug)]
pub struct RemovingPasskey<'a> {
    /// As the session check read it.
    pub user: &'a User,
    /// The acting session; every other one ends.
    pub session: &'a TokenHash,
    pub passkey: PasskeyId,
    pub job: JobId,
    /// Names the transaction (with the try's number) and its audit row.
    pub id: Ulid,
    pub now: WallTime,
}

/// How often a connection that came or went is met with another try.
const TRIES_MAX: usize = 4;
const ONE_LESS: &str = "SET #passkeys = :next";
const NONE_LEFT: &str = "REMOVE #passkeys";
const LAST_FACTOR_GONE: &str = "REMOVE #passkeys, #codes_set";
const AS_MANY: &str = "#passkeys = :passkeys";
const LAST_WITHOUT_SET: &str =
    "#passkeys = :passkeys AND attribute_not_exists(#totp_seed) AND attribute_not_exists(#codes_set)";
const LAST_WITH_SET: &str = "#passkeys = :passkeys AND attribute_not_exists(#totp_seed) AND #codes_set = :codes_set";

impl Store {
    /// Removes it; `NoFactor` when this user has none of that id (SS-8).
    pub async fn remove_passkey(
        &self,
        removing: &RemovingPasskey<'_>,
        proof: StepUpProof,
    ) -> Result<(), FactorChangeRefused> {
        for attempt in 0..TRIES_MAX {
            let user = self.find_user(proof.user()).await?.ok_or(FactorChangeRefused::ChangedMeanwhile)?;
            let is_same =
                user.cred_version == removing.user.cred_version && user.session_gen == removing.user.session_gen;
            if !is_same {
                return Err(FactorChangeRefused::ChangedMeanwhile);
            }
            // RF-21: read after the version that the transaction compares.
            let in_use = self.has_live_real_key(user.id).await?;
            let credential = self.find_credential(user.id).await?.ok_or(FactorChangeRefused::NoFactor)?;
            let passkeys = self.list_passkeys(user.id).await?;
            let passkey =
                passkeys.into_iter().find(|p| p.id == removing.passkey).ok_or(FactorChangeRefused::NoFactor)?;
            let is_last = credential.totp.is_none() && credential.passkeys <= 1;
            if is_last && in_use {
                return Err(FactorChangeRefused::FactorInUse);
            }
            let writes = self.passkey_removal(removing, &user, &credential, &passkey, is_last).await?;
            match self.transact_surely(&format!("{}{attempt}", removing.id), &writes).await {
                Ok(()) => return Ok(()),
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(FactorChangeRefused::Busy)
    }

    async fn passkey_removal(
        &self,
        removing: &RemovingPasskey<'_>,
        user: &User,
        credential: &Credential,
        passkey: &Passkey,
        is_last: bool,
    ) -> Result<Vec<Write>, StoreError> {
        let now = removing.now;
        let notice = Notice::PasskeyRemoved { at: now.to_string(), name: passkey.name.clone() };
        let mail = Mail { to: credential.email.to_string(), notice };
        let mut writes = vec![with_factor_removed(user, is_last, now), one_less(credential, is_last)];
        writes.extend(passkey.deletes());
        writes.push(go_on(removing.session, user));
        writes.push(put_mail(removing.job, Some(user.id), &mail, now)?);
        let event = SecurityEvent::FactorRemoved.name();
        writes.push(audit::put(user.id, removing.id, event, Some("passkey"), None, now));
        if is_last {
            writes.extend(swap_codes(&self.recovery_codes(user.id).await?, &[], user.id, now));
        }
        Ok(writes)
    }
}

/// The credentials with a passkey less. No passkeys is no attribute, so that a condition can say it.
fn one_less(credential: &Credential, is_last: bool) -> Write {
    let at = credential::key(credential.user);
    let write = match (is_last, &credential.codes_set) {
        (true, None) => Write::update(Table::Identity, at, LAST_FACTOR_GONE).when(LAST_WITHOUT_SET),
        (true, Some(set)) => {
            Write::update(Table::Identity, at, LAST_FACTOR_GONE).when(LAST_WITH_SET).value(":codes_set", s(set))
        }
        (false, _) if credential.passkeys <= 1 => Write::update(Table::Identity, at, NONE_LEFT).when(AS_MANY),
        (false, _) => {
            Write::update(Table::Identity, at, ONE_LESS).when(AS_MANY).value(":next", n(credential.passkeys - 1))
        }
    };
    write.value(":passkeys", n(credential.passkeys))
}
