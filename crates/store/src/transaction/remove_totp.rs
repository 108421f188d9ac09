//! Turns the authenticator off; as the last factor only without a LIVE key of a real exchange (LG-5). While a passkey is on
//! it is not the last one: recovery codes and trading state stay then, and nothing cools off.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` cred_version + 1, session_gen + 1; for the last factor has_factor off and COOLING for 24 h | credential version and generation as read; conn_set_version as read with the list of connections, so that no key comes in between |
//! | `CRED#` seed and pending part gone; with the last factor codes_set too | the factor is on; codes_set as read |
//! | `SESSION#` the acting session under the new generation | it exists |
//! | `RECOVERY#` with the last factor every code deleted | none: `codes_set` guards them |
//! | outbox notice, audit row | there is none of these ids |
//!
//! `totp_last_step` stays: one counter for all paths and all factors of an account (TP-7).

use account::id::JobId;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use account::{UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{n, s, truth};
use crate::entity::connection::Status;
use crate::entity::credential::{self, Credential};
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::{self, User, trading_state_parts};
use crate::entity::{audit, session};
use crate::transaction::attach_connection::PAPER;
use crate::transaction::confirm_totp::swap_codes;
use crate::transaction::enrol_totp::FactorChangeRefused;
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What is turned off.
#[derive(Debug)]
pub struct Removing<'a> {
    /// As the session check read it.
    pub user: &'a User,
    /// The acting session; every other one ends.
    pub session: &'a TokenHash,
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction (with the try's number) and its audit row.
    pub id: Ulid,
    pub now: WallTime,
}

/// How often a connection that came or went is met with another try.
const TRIES_MAX: usize = 4;
const FACTOR_REMOVED: &str = "SET #has_factor = :false, #cred_version = #cred_version + :one, #session_gen = :next_gen, \
    #trading_state = :state, #cooling_until = :cooling, #held_at = :held";
const AS_READ: &str = "#cred_version = :cred_version AND #session_gen = :session_gen AND #conn_set_version = :set \
    AND #trading_state = :was_state AND #cooling_until = :was_cooling AND #held_at = :was_held";
const TURN_OFF: &str = "REMOVE #totp_seed, #enrolled_at, #pending_seed, #pending_until, #pending_tries, #codes_set";
const LEAVE_PASSKEYS: &str = "REMOVE #totp_seed, #enrolled_at, #pending_seed, #pending_until, #pending_tries";
const ON_BESIDE: &str = "attribute_exists(#totp_seed) AND attribute_exists(#passkeys)";
const ONE_LESS: &str = "SET #cred_version = #cred_version + :one, #session_gen = :next_gen";
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen";
const ON_WITHOUT_SET: &str = "attribute_exists(#totp_seed) AND attribute_not_exists(#codes_set)";
const ON_WITH_SET: &str = "attribute_exists(#totp_seed) AND #codes_set = :codes_set";
const GO_ON: &str = "SET #session_gen = :next_gen";

impl Store {
    /// Turns it off.
    pub async fn remove_totp(&self, removing: &Removing<'_>, proof: StepUpProof) -> Result<(), FactorChangeRefused> {
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
            if credential.totp.is_none() {
                return Err(FactorChangeRefused::NoFactor);
            }
            if in_use && credential.passkeys == 0 {
                return Err(FactorChangeRefused::FactorInUse);
            }
            let writes = self.removal(removing, &user, &credential).await?;
            match self.transact_surely(&format!("{}{attempt}", removing.id), &writes).await {
                Ok(()) => return Ok(()),
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(FactorChangeRefused::Busy)
    }

    async fn removal(
        &self,
        removing: &Removing<'_>,
        user: &User,
        credential: &Credential,
    ) -> Result<Vec<Write>, StoreError> {
        let now = removing.now;
        let is_last = credential.passkeys == 0;
        let (expression, condition, set) = match &credential.codes_set {
            _ if !is_last => (LEAVE_PASSKEYS, ON_BESIDE, None),
            None => (TURN_OFF, ON_WITHOUT_SET, None),
            Some(set) => (TURN_OFF, ON_WITH_SET, Some(set)),
        };
        let off = Write::update(Table::Identity, credential::key(user.id), expression).when(condition);
        let mut writes = vec![
            with_factor_removed(user, is_last, now),
            match set {
                None => off,
                Some(set) => off.value(":codes_set", s(set)),
            },
            go_on(removing.session, user),
            put_mail(removing.job, Some(user.id), removing.mail, now)?,
            audit::put(user.id, removing.id, SecurityEvent::FactorRemoved.name(), Some("totp"), None, now),
        ];
        if is_last {
            writes.extend(swap_codes(&self.recovery_codes(user.id).await?, &[], user.id, now));
        }
        Ok(writes)
    }

    /// LG-5: whether a LIVE key of a real exchange needs the account's last factor.
    pub(super) async fn has_live_real_key(&self, user: UserId) -> Result<bool, StoreError> {
        let connections = self.list_connections(user).await?;
        Ok(connections.iter().any(|c| c.status == Status::Live && c.exchange != PAPER))
    }
}

/// The user with a factor less, if versions are as read: other sessions end. Without the last factor the account cools off
/// (`FactorRemoved`), and no connection may have come in between (RF-21).
pub(super) fn with_factor_removed(user: &User, is_last: bool, now: WallTime) -> Write {
    let expression = if is_last { FACTOR_REMOVED } else { ONE_LESS };
    let write = Write::update(Table::Identity, user::key(user.id), expression)
        .value(":one", n(1))
        .value(":cred_version", n(user.cred_version.value()))
        .value(":session_gen", n(user.session_gen.value()))
        .value(":next_gen", n(user.session_gen.next().value()));
    if !is_last {
        return write.when(SAME);
    }
    // A recovery that starts changes the state and no version: its longer cooling-off must not be written over.
    let (was_state, was_cooling, was_held) = trading_state_parts(user.trading_state);
    let (state, cooling, held) = trading_state_parts(user.trading_state.after(SecurityEvent::FactorRemoved, now));
    write
        .when(AS_READ)
        .value(":false", truth(false))
        .value(":set", n(user.conn_set_version.value()))
        .value(":state", s(state))
        .value(":cooling", n(cooling))
        .value(":held", n(held))
        .value(":was_state", s(was_state))
        .value(":was_cooling", n(was_cooling))
        .value(":was_held", n(was_held))
}

/// The acting session under the raised generation. No authentication took place, so it keeps its token; a session made before
/// this one is dead.
pub(super) fn go_on(session: &TokenHash, user: &User) -> Write {
    Write::update(Table::Identity, session::key(session), GO_ON)
        .when("attribute_exists(pk)")
        .value(":next_gen", n(user.session_gen.next().value()))
}
