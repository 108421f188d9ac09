//! Spends a second factor inside the transaction of its effect: a TOTP step by `totp_last_step < :step` (TP-5), a recovery
//! code by deleting its item (RC-2), a passkey by its counter and by deleting its ceremony (PK-1, PK-2). One counter of steps
//! serves all paths (TP-7).

use account::token::TokenHash;
use account::totp::TotpStep;
use account::{UserId, WallTime};

use crate::Table;
use crate::attribute::n;
use crate::entity::passkey::PasskeyUse;
use crate::entity::{credential, recovery_code};
use crate::write::Write;

/// A factor that was shown and matched, and is spent by the commit of a transaction that holds [`Factor::writes`].
#[derive(Debug, Clone)]
pub enum Factor {
    Totp(TotpStep),
    RecoveryCode(TokenHash),
    Passkey(PasskeyUse),
}

const BURN: &str = "SET #totp_last_step = :step";

impl Factor {
    /// The last step that counts as used afterwards, where it changes. TP-8: a recovery code burns the current and the next
    /// step.
    pub const fn last_step(&self, now: WallTime) -> Option<TotpStep> {
        match self {
            Factor::Totp(step) => Some(*step),
            Factor::RecoveryCode(_) => Some(TotpStep::burned_by_recovery_code(now)),
            Factor::Passkey(_) => None,
        }
    }
    /// The writes that spend it, for a transaction that does not write the credential otherwise.
    pub fn writes(&self, user: UserId, now: WallTime) -> Vec<Write> {
        let burn = self.last_step(now).map(|step| {
            let write = Write::update(Table::Identity, credential::key(user), BURN).value(":step", n(step.value()));
            match self {
                Factor::Totp(_) => write.when("attribute_exists(pk) AND #totp_last_step < :step"),
                // Two codes may be used within one step: the counter stands already then, so it is no condition here.
                Factor::RecoveryCode(_) | Factor::Passkey(_) => write.when("attribute_exists(pk)"),
            }
        });
        burn.into_iter().chain(self.own_writes(user, now)).collect()
    }
    /// The writes to the factor's own items, for a transaction that writes the credential itself. How many there are depends
    /// on the kind of factor alone.
    pub fn own_writes(&self, user: UserId, now: WallTime) -> Vec<Write> {
        match self {
            Factor::Totp(_) => Vec::new(),
            Factor::RecoveryCode(hash) => {
                vec![Write::delete(Table::Identity, recovery_code::key(user, hash)).when("attribute_exists(pk)")]
            }
            Factor::Passkey(used) => used.writes(now).into(),
        }
    }
    /// For the audit row.
    pub const fn name(&self) -> &'static str {
        match self {
            Factor::Totp(_) => "totp",
            Factor::RecoveryCode(_) => "recovery_code",
            Factor::Passkey(_) => "passkey",
        }
    }
}
