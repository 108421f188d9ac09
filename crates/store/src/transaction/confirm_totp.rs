//! Turns the pending second factor on: its first code counts as used (TP-6), and the recovery codes come to be with it, unless
//! a passkey is on already: then the codes that were made with that stay.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` has_factor, cred_version + 1, what `FactorAdded` does to trading state and freeze (RC-5) | credential version, generation, state and freeze as read |
//! | `CRED#` factor on, totp_last_step, codes_set; the pending part gone | the very pending seed, not expired; no factor on; `totp_last_step < :step` (TP-5, TP-7); codes_set as read |
//! | `RECOVERY#` ten puts, codes of an earlier set deleted | none: `codes_set` guards them |
//! | outbox notice, audit row | there is none of these ids |

use account::WallTime;
use account::id::JobId;
use account::recovery_code::NewRecoveryCode;
use account::security_event::SecurityEvent;
use account::totp::TotpStep;
use ulid::Ulid;

use crate::attribute::{n, s, truth};
use crate::entity::credential::{self, Credential, PendingTotp};
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::{self, User, frozen_why, trading_state_parts};
use crate::entity::{audit, recovery_code};
use crate::transaction::enrol_totp::FactorChangeRefused;
use crate::write::{TransactFailed, Write};
use crate::{Key, Store, Table};

/// What is turned on.
#[derive(Debug)]
pub struct Confirming<'a> {
    pub user: &'a User,
    pub credential: &'a Credential,
    pub pending: &'a PendingTotp,
    /// The step of the code that was shown.
    pub step: TotpStep,
    /// Written with the account's first factor alone.
    pub codes: &'a [NewRecoveryCode],
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction, its audit row and the set of codes.
    pub id: Ulid,
    pub now: WallTime,
}

const FACTOR_ADDED: &str = "SET #has_factor = :true, #cred_version = #cred_version + :one, #trading_state = :state, \
    #cooling_until = :cooling, #held_at = :held, #frozen_until = :frozen_until, #frozen_why = :frozen_why";
// State and freeze are written as they were read, and not everything that changes them raises a version: a recovery that
// starts, a hold that is released, a recovery code at a step-up.
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen AND #trading_state = :was_state \
    AND #cooling_until = :was_cooling AND #held_at = :was_held AND #frozen_until = :was_frozen";
const TURN_ON_BESIDE: &str = "SET #totp_seed = :seed, #enrolled_at = :now, #totp_last_step = :step \
    REMOVE #pending_seed, #pending_until, #pending_tries";
const PENDING_BESIDE: &str = "#pending_seed = :seed AND #pending_until > :now AND attribute_not_exists(#totp_seed) \
    AND #totp_last_step < :step AND attribute_exists(#passkeys)";
const TURN_ON: &str = "SET #totp_seed = :seed, #enrolled_at = :now, #totp_last_step = :step, #codes_set = :codes_set \
    REMOVE #pending_seed, #pending_until, #pending_tries";
const PENDING: &str = "#pending_seed = :seed AND #pending_until > :now AND attribute_not_exists(#totp_seed) AND #totp_last_step < :step \
    AND attribute_not_exists(#codes_set)";
const PENDING_AFTER_OLD_SET: &str = "#pending_seed = :seed AND #pending_until > :now AND attribute_not_exists(#totp_seed) \
    AND #totp_last_step < :step AND #codes_set = :old_set";

#[derive(Clone, Copy)]
enum Item {
    User,
    Credential,
}

impl Store {
    /// Turns it on.
    pub async fn confirm_totp(&self, confirming: &Confirming<'_>) -> Result<(), FactorChangeRefused> {
        let Confirming { user, credential, pending, step, codes, job, mail, id, now } = confirming;
        let beside_passkeys = credential.passkeys > 0;
        let old = if beside_passkeys { Vec::new() } else { self.recovery_codes(user.id).await? };
        let expression = if beside_passkeys { TURN_ON_BESIDE } else { TURN_ON };
        let turn_on = Write::update(Table::Identity, credential::key(user.id), expression)
            .value(":seed", s(&pending.sealed_seed))
            .value(":now", n(now.ms()))
            .value(":step", n(step.value()));
        let name_set = |write: Write| write.value(":codes_set", s(id));
        let mut writes = vec![
            with_factor_added(user, *now),
            match &credential.codes_set {
                _ if beside_passkeys => turn_on.when(PENDING_BESIDE),
                None => name_set(turn_on).when(PENDING),
                Some(old_set) => name_set(turn_on).when(PENDING_AFTER_OLD_SET).value(":old_set", s(old_set)),
            },
            put_mail(*job, Some(user.id), mail, *now)?,
            audit::put(user.id, *id, SecurityEvent::FactorAdded.name(), Some("totp"), None, *now),
        ];
        if !beside_passkeys {
            writes.extend(swap_codes(&old, codes, user.id, *now));
        }
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(FactorChangeRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::Credential as usize) => {
                Err(FactorChangeRefused::EnrolmentOver)
            }
            Err(TransactFailed::Cancelled(_)) => Err(FactorChangeRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}

/// The user with a factor more, if versions are as read: what `FactorAdded` does to trading state and freeze (RC-5).
pub(super) fn with_factor_added(user: &User, now: WallTime) -> Write {
    let (state, cooling, held) = trading_state_parts(user.trading_state.after(SecurityEvent::FactorAdded, now));
    let (was_state, was_cooling, was_held) = trading_state_parts(user.trading_state);
    let frozen = user.frozen.after(SecurityEvent::FactorAdded, now);
    Write::update(Table::Identity, user::key(user.id), FACTOR_ADDED)
        .when(SAME)
        .value(":true", truth(true))
        .value(":one", n(1))
        .value(":cred_version", n(user.cred_version.value()))
        .value(":session_gen", n(user.session_gen.value()))
        .value(":state", s(state))
        .value(":cooling", n(cooling))
        .value(":held", n(held))
        .value(":was_state", s(was_state))
        .value(":was_cooling", n(was_cooling))
        .value(":was_held", n(was_held))
        .value(":was_frozen", n(user.frozen.frozen_until().ms()))
        .value(":frozen_until", n(frozen.frozen_until().ms()))
        .value(":frozen_why", s(frozen_why(frozen)))
}

/// RC-2: the old codes die with the commit that makes the new ones.
pub(super) fn swap_codes(old: &[Key], new: &[NewRecoveryCode], user: account::UserId, now: WallTime) -> Vec<Write> {
    let gone = old.iter().map(|key| Write::delete(Table::Identity, key.clone()));
    gone.chain(new.iter().map(|code| recovery_code::put(user, &code.hash, now))).collect()
}
