//! Spends a second factor inside the transaction of its effect: a TOTP step by `totp_last_step < :step` (TP-5), a recovery
//! code by deleting its item (RC-2). One counter serves all paths (TP-7).

use account::token::TokenHash;
use account::totp::TotpStep;
use account::{UserId, WallTime};

use crate::Table;
use crate::attribute::n;
use crate::entity::{credential, recovery_code};
use crate::write::Write;

/// A factor that was shown and matched, and is spent by the commit of a transaction that holds [`Factor::writes`].
#[derive(Debug, Clone)]
pub enum Factor {
    Totp(TotpStep),
    RecoveryCode(TokenHash),
}

const BURN: &str = "SET #totp_last_step = :step";

impl Factor {
    /// The last step that counts as used afterwards. TP-8: a recovery code burns the current and the next step.
    pub const fn last_step(&self, now: WallTime) -> TotpStep {
        match self {
            Factor::Totp(step) => *step,
            Factor::RecoveryCode(_) => TotpStep::burned_by_recovery_code(now),
        }
    }
    /// The writes that spend it, for a transaction that does not write the credential otherwise.
    pub fn writes(&self, user: UserId, now: WallTime) -> Vec<Write> {
        let step = n(self.last_step(now).value());
        let burn = Write::update(Table::Identity, credential::key(user), BURN).value(":step", step);
        match self {
            Factor::Totp(_) => vec![burn.when("attribute_exists(pk) AND #totp_last_step < :step")],
            // Two codes may be used within one step: the counter stands already then, so it is no condition here.
            Factor::RecoveryCode(_) => {
                std::iter::once(burn.when("attribute_exists(pk)")).chain(self.delete_code(user)).collect()
            }
        }
    }
    /// The delete of the code alone, for a transaction that writes the credential itself.
    pub fn delete_code(&self, user: UserId) -> Option<Write> {
        match self {
            Factor::Totp(_) => None,
            Factor::RecoveryCode(hash) => {
                Some(Write::delete(Table::Identity, recovery_code::key(user, hash)).when("attribute_exists(pk)"))
            }
        }
    }
    /// For the audit row.
    pub const fn name(&self) -> &'static str {
        match self {
            Factor::Totp(_) => "totp",
            Factor::RecoveryCode(_) => "recovery_code",
        }
    }
}
