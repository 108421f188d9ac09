//! The second factor inside the reset flow (PR-9): charged to its own budget before it is looked at (TP-10a, RC-4).
//!
//! Never touches the login's budget. Nothing is spent here: the commit of the reset does that.

use account::budget::ResetFactorBudget;
use account::recovery_code::RecoveryCode;
use account::totp::matched_step;
use account::{Secret, UserId, WallTime};
use api::Problem;
use api::problem::Fault;
use passkey::Assertion;
use store::StoreError;
use store::entity::budget::{Kind, Whose};
use store::transaction::spend_factor::Factor;

use crate::Deps;
use crate::claim::Claim;
use crate::passkey_answer;

/// How often a charge that another request overtook is tried again.
const CHARGE_TRIES_MAX: usize = 4;

/// What was shown.
#[derive(Debug)]
pub(crate) enum Shown {
    Nothing,
    Totp(Secret<String>),
    RecoveryCode(Secret<String>),
    Passkey(Box<Assertion>),
}

impl Shown {
    /// At most one of the three fields.
    pub(crate) fn of(
        totp: Option<Secret<String>>,
        recovery_code: Option<Secret<String>>,
        passkey: Option<Assertion>,
    ) -> Result<Self, Problem> {
        let too_many = |pointer: &str| {
            Problem::invalid_fields().with_faults(vec![Fault {
                pointer: pointer.into(),
                code: "one_factor".into(),
                detail: "Send one of totp, recovery_code and passkey.".into(),
            }])
        };
        match (totp, recovery_code, passkey) {
            (None, None, None) => Ok(Self::Nothing),
            (Some(code), None, None) => Ok(Self::Totp(code)),
            (None, Some(code), None) => Ok(Self::RecoveryCode(code)),
            (None, None, Some(answer)) => Ok(Self::Passkey(Box::new(answer))),
            (Some(_), Some(_), _) => Err(too_many("/recovery_code")),
            (Some(_), None, Some(_)) | (None, Some(_), Some(_)) => Err(too_many("/passkey")),
        }
    }
}

/// Why a shown factor does not count.
enum Failed {
    Wrong,
    Ours(Problem),
}

/// The factor that the commit spends; `None` where none is on.
pub(crate) async fn verify(
    deps: &Deps,
    claim: &Claim,
    shown: &Shown,
    now: WallTime,
) -> Result<Option<Factor>, Problem> {
    let credential = &claim.credential;
    if !credential.has_factor() {
        return Ok(None);
    }
    let charged = match shown {
        Shown::Nothing => return Err(Problem::second_factor_missing()),
        // TP-10a: after ten failures no TOTP is looked at.
        Shown::Totp(_) => {
            if !charge(deps, credential.user, now).await? {
                return Err(Problem::reset_refused());
            }
            true
        }
        // Neither 128 bits nor a signature can be guessed: they are counted like any other (RC-4), and still taken when the
        // budget is used up (TP-10a).
        Shown::RecoveryCode(_) | Shown::Passkey(_) => charge(deps, credential.user, now).await?,
    };
    let evaluated = evaluate(deps, claim, shown, now).await;
    // A right factor was no failure, and a fault of ours is none either (RF-31).
    if charged && !matches!(evaluated, Err(Failed::Wrong)) {
        take_back(deps, credential.user, now).await?;
    }
    match evaluated {
        Ok(factor) => Ok(Some(factor)),
        Err(Failed::Wrong) => Err(Problem::reset_refused()),
        Err(Failed::Ours(problem)) => Err(problem),
    }
}

/// A step that was used before is wrong (TP-5, TP-7).
async fn evaluate(deps: &Deps, claim: &Claim, shown: &Shown, now: WallTime) -> Result<Factor, Failed> {
    let credential = &claim.credential;
    match shown {
        Shown::Nothing => Err(Failed::Wrong),
        Shown::Totp(code) => {
            let on = credential.totp.as_ref().ok_or(Failed::Wrong)?;
            let seed = deps
                .key
                .open_seed(credential.user, &on.sealed_seed)
                .await
                .map_err(|e| Failed::Ours(Problem::unavailable().logged(e)))?;
            // EXPOSE: compared in constant time.
            let step = code.expose(|text| matched_step(&seed, text, now)).ok_or(Failed::Wrong)?;
            if step > credential.totp_last_step { Ok(Factor::Totp(step)) } else { Err(Failed::Wrong) }
        }
        Shown::RecoveryCode(code) => {
            // EXPOSE: only its hash is looked up.
            let hash = code.expose(|text| RecoveryCode::parse(text)).map_err(|_| Failed::Wrong)?.hash();
            match deps.store.has_recovery_code(credential.user, &hash).await {
                Ok(true) => Ok(Factor::RecoveryCode(hash)),
                Ok(false) => Err(Failed::Wrong),
                Err(error) => Err(Failed::Ours(error.into())),
            }
        }
        Shown::Passkey(answer) => match passkey_answer::verify(deps, credential.user, &claim.hash, answer, now).await {
            Ok(used) => used.map(Factor::Passkey).ok_or(Failed::Wrong),
            Err(error) => Err(Failed::Ours(error.into())),
        },
    }
}

/// RL-3: charges one attempt; `false` when the budget has none left.
async fn charge(deps: &Deps, user: UserId, now: WallTime) -> Result<bool, Problem> {
    let whose = Whose::User(user);
    for _ in 0..CHARGE_TRIES_MAX {
        let found = deps.store.find_budget(&whose, Kind::ResetFactor, ResetFactorBudget::FRESH).await?;
        let Ok(charged) = found.state.admit(now) else { return Ok(false) };
        if deps.store.write_budget(&whose, Kind::ResetFactor, &charged, found.version, now).await? {
            return Ok(true);
        }
    }
    Err(Problem::try_again().retry_after(1))
}

/// Takes this one charge back. Where others keep overtaking it stays, which only makes us stricter.
async fn take_back(deps: &Deps, user: UserId, now: WallTime) -> Result<(), StoreError> {
    let whose = Whose::User(user);
    for _ in 0..2 * CHARGE_TRIES_MAX {
        let found = deps.store.find_budget(&whose, Kind::ResetFactor, ResetFactorBudget::FRESH).await?;
        if deps.store.write_budget(&whose, Kind::ResetFactor, &found.state.refunded(), found.version, now).await? {
            return Ok(());
        }
    }
    Ok(())
}
