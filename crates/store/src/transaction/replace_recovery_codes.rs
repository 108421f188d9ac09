//! Replaces the recovery codes: the old ones die in the commit that makes the new ones (RC-2).
//!
//! writes: `USER#` check; `CRED#` codes_set; old codes deleted, ten new put; notice; audit row. conditions: credential version
//! and generation as read, a factor is on, codes_set as read: of two replacements at once one counts, and no code of the
//! other is left.

use account::WallTime;
use account::id::JobId;
use account::recovery_code::NewRecoveryCode;
use ulid::Ulid;

use crate::attribute::s;
use crate::entity::audit;
use crate::entity::credential::{self, Credential};
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::User;
use crate::transaction::confirm_totp::swap_codes;
use crate::transaction::enrol_totp::FactorChangeRefused;
use crate::transaction::spend_step_up::StepUpProof;
use crate::transaction::start_session::same_user;
use crate::write::{TransactFailed, Write};
use crate::{Store, Table};

/// What is replaced.
#[derive(Debug)]
pub struct Replacing<'a> {
    pub user: &'a User,
    pub credential: &'a Credential,
    pub codes: &'a [NewRecoveryCode],
    pub job: JobId,
    pub mail: &'a Mail,
    /// Names the transaction, its audit row and the set of codes.
    pub id: Ulid,
    pub now: WallTime,
}

const NAME_SET: &str = "SET #codes_set = :codes_set";
const FIRST_SET: &str =
    "(attribute_exists(#totp_seed) OR attribute_exists(#passkeys)) AND attribute_not_exists(#codes_set)";
const AFTER_SET: &str = "(attribute_exists(#totp_seed) OR attribute_exists(#passkeys)) AND #codes_set = :old_set";

#[derive(Clone, Copy)]
enum Item {
    User,
}

impl Store {
    /// Replaces them.
    pub async fn replace_recovery_codes(
        &self,
        replacing: &Replacing<'_>,
        proof: StepUpProof,
    ) -> Result<(), FactorChangeRefused> {
        let Replacing { user, credential, codes, job, mail, id, now } = replacing;
        // Read after the set's name, which the transaction compares: no code of another set can have come in between.
        let old = self.recovery_codes(proof.user()).await?;
        let name_set =
            Write::update(Table::Identity, credential::key(proof.user()), NAME_SET).value(":codes_set", s(id));
        let mut writes = vec![
            same_user(user),
            match &credential.codes_set {
                None => name_set.when(FIRST_SET),
                Some(old_set) => name_set.when(AFTER_SET).value(":old_set", s(old_set)),
            },
            put_mail(*job, Some(user.id), mail, *now)?,
            audit::put(user.id, *id, "recovery_codes_replaced", None, None, *now),
        ];
        writes.extend(swap_codes(&old, codes, user.id, *now));
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(FactorChangeRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(_)) => Err(FactorChangeRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }
}
