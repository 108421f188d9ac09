//! Registers a passkey. With the account's first factor the recovery codes come to be; beside another one they stay.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` has_factor, cred_version + 1, what `FactorAdded` does to trading state and freeze (RC-5) | credential version, generation, state and freeze as read |
//! | `CRED#` passkeys + 1; with the first factor codes_set | number and codes_set as read |
//! | `CEREMONY#` deleted | this very ceremony, not expired (PK-2) |
//! | `PASSKEY#` put | there is none of this id |
//! | `PASSKEY_ID#` put | nobody has registered this key |
//! | outbox notice, audit row | there is none of these ids |
//! | `RECOVERY#` ten puts, codes of an earlier set deleted | none: `codes_set` guards them |

use account::WallTime;
use account::id::JobId;
use account::recovery_code::NewRecoveryCode;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::audit;
use crate::entity::ceremony::{self, Ceremony};
use crate::entity::credential::{self, Credential};
use crate::entity::job::{Mail, put_mail};
use crate::entity::passkey::{PASSKEYS_MAX, Passkey};
use crate::entity::user::User;
use crate::transaction::confirm_totp::{swap_codes, with_factor_added};
use crate::transaction::enrol_totp::FactorChangeRefused;
use crate::write::{TransactFailed, Write};
use crate::{Store, Table};

/// What is registered.
#[derive(Debug)]
pub struct AddingPasskey<'a> {
    /// As the session check read it.
    pub user: &'a User,
    pub credential: &'a Credential,
    pub passkey: &'a Passkey,
    /// The ceremony whose answer it is, and where it is stored.
    pub ceremony: (&'a TokenHash, &'a Ceremony),
    /// Written with the account's first factor alone.
    pub codes: &'a [NewRecoveryCode],
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction, its audit row and the set of codes.
    pub id: Ulid,
    pub now: WallTime,
}

const ONE_MORE: &str = "SET #passkeys = :next";
const ONE_MORE_AND_CODES: &str = "SET #passkeys = :next, #codes_set = :codes_set";
const NONE_YET: &str = "attribute_exists(pk) AND attribute_not_exists(#passkeys)";
const AS_MANY: &str = "#passkeys = :passkeys";

#[derive(Clone, Copy)]
enum Item {
    User,
    Credential,
    Ceremony,
    Passkey,
    Claim,
}

impl Store {
    /// Registers it.
    pub async fn add_passkey(&self, adding: &AddingPasskey<'_>) -> Result<(), FactorChangeRefused> {
        let AddingPasskey { user, credential, passkey, ceremony: (hash, ceremony), codes, job, mail, id, now } = adding;
        if credential.passkeys >= PASSKEYS_MAX {
            return Err(FactorChangeRefused::TooMany);
        }
        let is_first = !credential.has_factor();
        let old = if is_first { self.recovery_codes(user.id).await? } else { Vec::new() };
        let mut writes = vec![
            with_factor_added(user, *now),
            one_more(credential, is_first.then_some(*id)),
            ceremony::spend(hash, &ceremony.id, *now),
        ];
        writes.extend(passkey.puts());
        writes.push(put_mail(*job, Some(user.id), mail, *now)?);
        writes.push(audit::put(user.id, *id, SecurityEvent::FactorAdded.name(), Some("passkey"), None, *now));
        if is_first {
            writes.extend(swap_codes(&old, codes, user.id, *now));
        }
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(FactorChangeRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::Credential as usize) => {
                Err(FactorChangeRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::Ceremony as usize) => {
                Err(FactorChangeRefused::EnrolmentOver)
            }
            Err(TransactFailed::Cancelled(c))
                if c.failed_at(Item::Passkey as usize) || c.failed_at(Item::Claim as usize) =>
            {
                Err(FactorChangeRefused::Registered)
            }
            Err(TransactFailed::Cancelled(_)) => Err(FactorChangeRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}

/// The credentials with a passkey more; `codes_set` names the set of codes that comes with the first factor.
fn one_more(credential: &Credential, codes_set: Option<Ulid>) -> Write {
    let expression = if codes_set.is_some() { ONE_MORE_AND_CODES } else { ONE_MORE };
    let set_as_read = match (codes_set, &credential.codes_set) {
        (None, _) => "",
        (Some(_), None) => " AND attribute_not_exists(#codes_set)",
        (Some(_), Some(_)) => " AND #codes_set = :old_set",
    };
    let number_as_read = if credential.passkeys == 0 { NONE_YET } else { AS_MANY };
    let mut write = Write::update(Table::Identity, credential::key(credential.user), expression)
        .when(format!("{number_as_read}{set_as_read}"))
        .value(":next", n(credential.passkeys.saturating_add(1)));
    if credential.passkeys > 0 {
        write = write.value(":passkeys", n(credential.passkeys));
    }
    if let Some(set) = codes_set {
        write = write.value(":codes_set", s(set));
        if let Some(old_set) = &credential.codes_set {
            write = write.value(":old_set", s(old_set));
        }
    }
    write
}
