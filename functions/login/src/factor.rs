//! Evaluates a second factor that was already charged. Nothing is spent here: the transaction of the effect does that.

use account::recovery_code::RecoveryCode;
use account::totp::matched_step;
use account::{Secret, WallTime};
use api::Problem;
use identity_key::KeyFailed;
use passkey::Assertion;
use store::entity::credential::Credential;
use store::transaction::spend_factor::Factor;

use crate::Deps;
use crate::passkey_factor::{Asked, verify_passkey};

/// What was shown.
#[derive(Debug)]
pub(crate) enum Shown {
    Totp(Secret<String>),
    RecoveryCode(Secret<String>),
    Passkey(Box<Assertion>),
}

impl Shown {
    /// Exactly one of the three fields of a form.
    pub(crate) fn of(
        totp: Option<Secret<String>>,
        recovery_code: Option<Secret<String>>,
        passkey: Option<Assertion>,
    ) -> Option<Self> {
        let passkey = passkey.map(|answer| Self::Passkey(Box::new(answer)));
        let mut shown = [totp.map(Self::Totp), recovery_code.map(Self::RecoveryCode), passkey].into_iter().flatten();
        shown.next().filter(|_| shown.next().is_none())
    }
    /// For logs and the audit row.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
            Self::Passkey(_) => "passkey",
        }
    }
}

/// Why there is no factor.
pub(crate) enum FactorFailed {
    Wrong,
    Ours(Problem),
}

/// The factor that matches, or that it is wrong. A step that was used before is wrong (TP-5); a fault of ours is neither.
pub(crate) async fn evaluate(
    deps: &Deps,
    credential: &Credential,
    shown: &Shown,
    asked: Asked<'_>,
    now: WallTime,
) -> Result<Factor, FactorFailed> {
    match shown {
        Shown::Totp(code) => {
            let factor = credential.totp.as_ref().ok_or(FactorFailed::Wrong)?;
            let seed = deps
                .key
                .open_seed(credential.user, &factor.sealed_seed)
                .await
                .map_err(|e| FactorFailed::Ours(key_failed(&e)))?;
            // EXPOSE: compared in constant time.
            let step = code.expose(|text| matched_step(&seed, text, now)).ok_or(FactorFailed::Wrong)?;
            if step > credential.totp_last_step { Ok(Factor::Totp(step)) } else { Err(FactorFailed::Wrong) }
        }
        Shown::RecoveryCode(code) => {
            // EXPOSE: only its hash is looked up.
            let code = code.expose(|text| RecoveryCode::parse(text)).map_err(|_| FactorFailed::Wrong)?;
            let hash = code.hash();
            match deps.store.has_recovery_code(credential.user, &hash).await {
                Ok(true) => Ok(Factor::RecoveryCode(hash)),
                Ok(false) => Err(FactorFailed::Wrong),
                Err(error) => Err(FactorFailed::Ours(error.into())),
            }
        }
        Shown::Passkey(answer) => verify_passkey(deps, credential.user, answer, asked, now).await.map(Factor::Passkey),
    }
}

/// RF-31: a key service that is down says nothing about a credential.
pub(crate) fn key_failed(failed: &KeyFailed) -> Problem {
    Problem::unavailable().logged(failed)
}
