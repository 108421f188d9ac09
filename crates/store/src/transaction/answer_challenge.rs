//! Answers a login challenge: charged before it is evaluated, and with one effect in one transaction.
//!
//! `charge_challenge` writes: the factor budget (at the version read), the challenge's attempts (as read). Of many answers at
//! once one is evaluated (TP-9, RL-3).
//! `answer_challenge` writes: the challenge deleted, the factor spent (TP-5), session and list entry, the device it started
//! from (RL-2), all three budgets cleared (TP-10a), an audit row, perhaps a notice (LG-7); for a recovery code generation and credential version raised, entries frozen and a notice (RC-5); the session that the request
//! showed goes (LG-3). Checks: credential version and generation as read.
//! `refuse_challenge` writes an audit row and perhaps a notice; with the tenth failure in a row that is the one that the
//! login is closed, with the link that opens it (TP-10).

use std::net::IpAddr;

use account::budget::{ChallengeAttempts, FactorBudget, ResetFactorBudget};
use account::id::JobId;
use account::recovery::{CancelledBy, Stage};
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use account::{CredentialVersion, SessionGeneration, UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::budget::{Kind, Stored, Whose, budget_write, cleared};
use crate::entity::job::{Mail, put_mail};
use crate::entity::recovery::{StoredRecovery, as_read};
use crate::entity::session::Session;
use crate::entity::unlock_token::UnlockLink;
use crate::entity::user::{User, frozen_why};
use crate::entity::{audit, challenge, user};
use crate::transaction::cancel_recovery::cancel_writes;
use crate::transaction::end_session::Replaced;
use crate::transaction::spend_factor::Factor;
use crate::transaction::start_session::{Arrival, StartRefused, same_user, settled};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// One attempt at a challenge, to be charged.
#[derive(Debug)]
pub struct Charging<'a> {
    pub user: UserId,
    pub hash: &'a TokenHash,
    /// The challenge's attempts as read.
    pub before: ChallengeAttempts,
    /// What the budget's rules leave after the charge.
    pub charged: (FactorBudget, ChallengeAttempts),
    /// Version of the factor budget as read.
    pub version: u64,
}

/// A matched answer.
#[derive(Debug)]
pub struct Answered<'a> {
    pub user: &'a User,
    pub challenge: &'a TokenHash,
    pub attempts: ChallengeAttempts,
    pub factor: &'a Factor,
    /// Version of the factor budget after it was charged.
    pub factor_budget_version: u64,
    pub session: &'a Session,
    pub token: &'a TokenHash,
    /// LG-3: the session whose token came with the request.
    pub replaced: Option<&'a Replaced>,
    /// RC-5: the notice that a recovery code was used.
    pub notice: Option<(JobId, &'a Mail)>,
    /// RL-2, LG-7.
    pub arrival: &'a Arrival<'a>,
    /// PR-14: the latest recovery, as read; one that is under way ends with this sign-in.
    pub recovery: Option<&'a StoredRecovery>,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

/// What the owner is told of a wrong answer.
#[derive(Debug)]
pub enum Told<'a> {
    /** Nothing more: it was said of this challenge. */
    Nothing,
    /** LG-7: somebody has the password. */
    WrongFactor(JobId, &'a Mail),
    /** TP-10: that was one too many. */
    Closed(&'a UnlockLink<'a>),
}

const COUNT: &str = "SET #attempts = :next";
const AS_READ: &str = "attribute_exists(pk) AND #attempts = :attempts";
const RECOVERED: &str =
    "SET #session_gen = :next, #cred_version = :next_cred, #frozen_until = :frozen_until, #frozen_why = :frozen_why";
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen";

impl Store {
    /// Charges one attempt; `false` when another answer was charged first: then this one is not evaluated.
    pub async fn charge_challenge(&self, charging: Charging<'_>, id: Ulid, now: WallTime) -> Result<bool, StoreError> {
        let Charging { user, hash, before, charged: (budget, attempts), version } = charging;
        let writes = [
            budget_write(&Whose::User(user), Kind::Factor, &budget, version, now)?,
            Write::update(Table::Identity, challenge::key(hash), COUNT)
                .when(AS_READ)
                .value(":attempts", n(before.0))
                .value(":next", n(attempts.0)),
        ];
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(_)) => Ok(false),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
    /// Takes a charge back, of the account and of the challenge, after a fault of ours (RF-31). Lost races are left: they
    /// only make us stricter.
    pub async fn refund_challenge(
        &self,
        user: UserId,
        hash: &TokenHash,
        before: ChallengeAttempts,
        charged: &Stored<FactorBudget>,
        id: Ulid,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let counted = before.0.saturating_add(1);
        let writes = [
            budget_write(&Whose::User(user), Kind::Factor, &charged.state.refunded(now), charged.version, now)?,
            Write::update(Table::Identity, challenge::key(hash), COUNT)
                .when(AS_READ)
                .value(":attempts", n(counted))
                .value(":next", n(before.0)),
        ];
        noted(self.transact(&id.to_string(), &writes).await)
    }
    /// Records a wrong answer (LG-6) and, with a notice, tells the owner that somebody has the password (LG-7), or that the
    /// login is closed (TP-10).
    pub async fn refuse_challenge(
        &self,
        user: UserId,
        factor: &'static str,
        told: Told<'_>,
        id: Ulid,
        source: Option<IpAddr>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut writes = vec![audit::put(user, id, "second_factor_refused", Some(factor), source, now)];
        match told {
            Told::Nothing => {}
            Told::WrongFactor(job, mail) => writes.push(put_mail(job, Some(user), mail, now)?),
            Told::Closed(link) => writes.extend(link.writes(now)?),
        }
        noted(self.transact(&id.to_string(), &writes).await)
    }

    /// Spends challenge and factor and starts the session.
    pub async fn answer_challenge(&self, answered: &Answered<'_>) -> Result<(), StartRefused> {
        let Answered {
            user,
            challenge,
            attempts,
            factor,
            factor_budget_version,
            session,
            token,
            replaced,
            notice,
            arrival,
            recovery,
            id,
            source,
            now,
        } = answered;
        let whose = Whose::User(user.id);
        let as_user = match factor {
            Factor::Totp(_) | Factor::Passkey(_) => same_user(user),
            Factor::RecoveryCode(_) => {
                let frozen = user.frozen.after(SecurityEvent::RecoveryCodeUsed, *now);
                Write::update(Table::Identity, user::key(user.id), RECOVERED)
                    .when(SAME)
                    .value(":cred_version", n(user.cred_version.value()))
                    .value(":session_gen", n(user.session_gen.value()))
                    .value(":next", n(generation_after(user, factor).value()))
                    .value(":next_cred", n(credentials_after(user, factor).value()))
                    .value(":frozen_until", n(frozen.frozen_until().ms()))
                    .value(":frozen_why", s(frozen_why(frozen)))
            }
        };
        let mut writes = vec![
            as_user,
            Write::delete(Table::Identity, challenge::key(challenge)).when(AS_READ).value(":attempts", n(attempts.0)),
            budget_write(&whose, Kind::Factor, &FactorBudget::FRESH, *factor_budget_version, *now)
                .map_err(StartRefused::Store)?,
            // TP-10a: all factors were shown, the only thing that restores the budget of the reset flow.
            cleared(user.id, Kind::ResetFactor, &ResetFactorBudget::FRESH, *now).map_err(StartRefused::Store)?,
            audit::put(user.id, *id, "signed_in", Some(factor.name()), *source, *now),
        ];
        writes.extend(factor.writes(user.id, *now));
        writes.extend(session.writes(token));
        let versions = (credentials_after(user, factor), session.session_gen);
        writes.extend(arrival.writes(user.id, versions, *now).map_err(StartRefused::Store)?);
        writes.extend(replaced.iter().flat_map(|replaced| replaced.writes()));
        if let Some((job, mail)) = notice {
            writes.push(put_mail(*job, Some(user.id), mail, *now).map_err(StartRefused::Store)?);
        }
        writes
            .extend(ends_recovery_or_none_began(user, *recovery, &id.to_string(), *now).map_err(StartRefused::Store)?);
        settled(self.transact(&id.to_string(), &writes).await)
    }
}

/// PR-14: of a sign-in. Where no recovery was under way, none has begun since: it would outlive the sign-in unseen.
pub(crate) fn ends_recovery_or_none_began(
    user: &User,
    recovery: Option<&StoredRecovery>,
    written_by: &str,
    now: WallTime,
) -> Result<Vec<Write>, StoreError> {
    let ends = ends_recovery(user, recovery, written_by, now)?;
    Ok(if ends.is_empty() { vec![as_read(user.id, recovery)] } else { ends })
}

/// PR-14: whoever signs in or resets with a second factor has not lost it. Nothing where none is under way: a reset ends one
/// that begins at the same moment by its new credential version.
pub(crate) fn ends_recovery(
    user: &User,
    recovery: Option<&StoredRecovery>,
    written_by: &str,
    now: WallTime,
) -> Result<Vec<Write>, StoreError> {
    match recovery {
        Some(found) if found.state.stage(user.cred_version, now) != Stage::Over => {
            cancel_writes(user.id, found.clone(), CancelledBy::SecondFactor, written_by, now)
        }
        Some(_) | None => Ok(Vec::new()),
    }
}

/// The generation under which the new session lives: a recovery code ends all others (RC-5).
pub const fn generation_after(user: &User, factor: &Factor) -> SessionGeneration {
    match factor {
        Factor::Totp(_) | Factor::Passkey(_) => user.session_gen,
        Factor::RecoveryCode(_) => user.session_gen.next(),
    }
}

/// A recovery code voids what was mailed or begun before, and API tokens, as the event table has it (RC-5, EV-2).
const fn credentials_after(user: &User, factor: &Factor) -> CredentialVersion {
    match factor {
        Factor::Totp(_) | Factor::Passkey(_) => user.cred_version,
        Factor::RecoveryCode(_) => user.cred_version.next(),
    }
}

fn noted(result: Result<(), TransactFailed>) -> Result<(), StoreError> {
    match result {
        Ok(()) | Err(TransactFailed::Cancelled(_)) => Ok(()),
        Err(TransactFailed::Store(error)) => Err(error),
    }
}
