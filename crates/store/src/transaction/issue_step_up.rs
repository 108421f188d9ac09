//! Issues a step-up proof: charged first, then the factor is spent in the transaction that stores the proof (ST-1, TP-5).
//!
//! writes: proof, factor, budgets cleared, audit row; for a recovery code also the freeze and a notice (RC-5). checks: credential
//! version and generation as read.
//! `refuse_step_up` writes an audit row and gives an unused factor charge back.

use account::budget::{FactorBudget, LoginBudget};
use account::id::JobId;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use account::{UserId, WallTime};
use std::net::IpAddr;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::budget::{Kind, Whose, budget_write};
use crate::entity::job::{Mail, put_mail};
use crate::entity::proof::{self, Proof};
use crate::entity::unlock_token::UnlockLink;
use crate::entity::user::{User, frozen_why};
use crate::entity::{audit, user};
use crate::transaction::spend_factor::Factor;
use crate::transaction::start_session::{StartRefused, same_user, settled};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What is charged before anything is evaluated, with the versions read.
#[derive(Debug)]
pub struct Charge {
    pub password: (LoginBudget, u64),
    pub factor: Option<(FactorBudget, u64)>,
}

/// The proof and what it was earned with.
#[derive(Debug)]
pub struct Earned<'a> {
    pub factor: Option<&'a Factor>,
    pub proof: &'a Proof,
    pub hash: &'a TokenHash,
    /// RC-5: the notice that a recovery code was used.
    pub notice: Option<(JobId, &'a Mail)>,
}

/// Which part of a step-up was wrong; for the audit row, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Password,
    Factor,
}

/// Why there is no proof, and whether that closes the login.
#[derive(Debug)]
pub struct RefusedStepUp<'a> {
    pub wrong: Wrong,
    /// TP-10: that was the factor's tenth failure; the link that opens the login again.
    pub closed: Option<&'a UnlockLink<'a>>,
}

impl Wrong {
    const fn name(self) -> &'static str {
        match self {
            Wrong::Password => "password",
            Wrong::Factor => "totp",
        }
    }
}

impl Charge {
    fn writes(
        &self,
        user: UserId,
        raise: u64,
        password: &LoginBudget,
        factor: &FactorBudget,
        now: WallTime,
    ) -> Result<Vec<Write>, StoreError> {
        let whose = Whose::User(user);
        let mut writes = vec![budget_write(&whose, Kind::StepUp, password, self.password.1 + raise, now)?];
        if let Some((_, version)) = &self.factor {
            writes.push(budget_write(&whose, Kind::Factor, factor, version + raise, now)?);
        }
        Ok(writes)
    }
}

impl Store {
    /// Charges the budgets; `false` when another step-up was charged first.
    pub async fn charge_step_up(
        &self,
        user: UserId,
        charge: &Charge,
        id: Ulid,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let factor = charge.factor.as_ref().map_or(FactorBudget::FRESH, |(state, _)| *state);
        let writes = charge.writes(user, 0, &charge.password.0, &factor, now)?;
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(_)) => Ok(false),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
    /// Takes the charge back after a fault of ours (RF-31).
    pub async fn refund_step_up(
        &self,
        user: UserId,
        charge: &Charge,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let factor = charge.factor.as_ref().map_or(FactorBudget::FRESH, |(state, _)| state.refunded(now));
        let writes = charge.writes(user, 1, &charge.password.0.refunded(now), &factor, now)?;
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) | Err(TransactFailed::Cancelled(_)) => Ok(()),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
    /// Records a refusal (LG-6). When the password was wrong, no factor was looked at and its charge goes back: else whoever
    /// found an open session could close the owner's login without knowing the password (TP-10). `closed`: that was the factor's
    /// tenth failure, and the owner gets the link that opens the login.
    pub async fn refuse_step_up(
        &self,
        user: UserId,
        charge: &Charge,
        refused: RefusedStepUp<'_>,
        id: Ulid,
        source: Option<IpAddr>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let RefusedStepUp { wrong, closed } = refused;
        if let (Wrong::Password, Some((state, version))) = (wrong, &charge.factor) {
            // Another attempt may have been charged since: then the count stays, which is the stricter side.
            self.write_budget(&Whose::User(user), Kind::Factor, &state.refunded(now), version.saturating_add(1), now)
                .await?;
        }
        let event = audit::put(user, id, "step_up_refused", Some(wrong.name()), source, now);
        let Some(link) = closed else { return self.write_one(event).await.map(|_| ()) };
        let mut writes = vec![event];
        writes.extend(link.writes(now)?);
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) | Err(TransactFailed::Cancelled(_)) => Ok(()),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
    /// Stores the proof and spends what it was earned with.
    pub async fn issue_step_up(
        &self,
        user: &User,
        charge: &Charge,
        earned: Earned<'_>,
        id: Ulid,
        source: Option<IpAddr>,
        now: WallTime,
    ) -> Result<(), StartRefused> {
        let Earned { factor, proof, hash, notice } = earned;
        let mut writes = vec![
            as_user(user, factor, now),
            Write::put(Table::Identity, proof::key(hash), proof.to_row(hash)).when("attribute_not_exists(pk)"),
            audit::put(user.id, id, "step_up_given", factor.map(Factor::name), source, now),
        ];
        writes.extend(
            charge.writes(user.id, 1, &LoginBudget::FRESH, &FactorBudget::FRESH, now).map_err(StartRefused::Store)?,
        );
        if let Some(factor) = factor {
            writes.extend(factor.writes(user.id, now));
        }
        if let Some((job, mail)) = notice {
            writes.push(put_mail(job, Some(user.id), mail, now).map_err(StartRefused::Store)?);
        }
        settled(self.transact(&id.to_string(), &writes).await)
    }
}

const FREEZE: &str = "SET #frozen_until = :frozen_until, #frozen_why = :frozen_why";
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen";

/// The user as read; a recovery code freezes entries until a new factor is on (RC-5). Sessions stay: this one was signed in
/// with all factors, and the removal that the proof is for ends the others.
fn as_user(user: &User, factor: Option<&Factor>, now: WallTime) -> Write {
    match factor {
        None | Some(Factor::Totp(_) | Factor::Passkey(_)) => same_user(user),
        Some(Factor::RecoveryCode(_)) => {
            let frozen = user.frozen.after(SecurityEvent::RecoveryCodeUsed, now);
            Write::update(Table::Identity, user::key(user.id), FREEZE)
                .when(SAME)
                .value(":cred_version", n(user.cred_version.value()))
                .value(":session_gen", n(user.session_gen.value()))
                .value(":frozen_until", n(frozen.frozen_until().ms()))
                .value(":frozen_why", s(frozen_why(frozen)))
        }
    }
}
