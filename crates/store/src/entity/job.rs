//! Jobs in the outbox: written in the transaction of their cause, worked by the shredder and the mailer, any number of times.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | outbox | `JOB#<job>` | `JOB` | `kind` S `shred`, `mail`, `erase`; `user` S while open (`nobody` for a mail without an account; the index of what belongs to a user); `body` S (JSON, see [`Shred`], [`Mail`] and [`Erase`]); `created_ms` N; `not_before` N (wall ms, mails that wait, absent otherwise); `open_key` S = kind (absent once done; the sweep's index); `done_at` N, `ttl` N once done; `tries` N; `erased` N (items that an erase job has deleted so far) |
//! | outbox | `JOB#<job>` | `LEASE` | `until` N (wall ms), `ttl` N: one worker at a time sends a mail; no `kind`, so the stream's filters pass it by |

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};
use serde::{Deserialize, Serialize};

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// Where a job is.
pub fn key(job: JobId) -> Key {
    Key::new(format!("JOB#{job}"), "JOB")
}

/// Delete this secret and prove it gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shred {
    pub connection: ConnectionId,
    pub secret_arn: String,
    pub reason: String,
}

/// Erase everything that is stored of a deleted account, prove it gone, and tell its owner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erase {
    pub user: UserId,
    /// The address at the moment of the deletion, for the last mail.
    pub to: String,
}
impl std::fmt::Debug for Erase {
    /// Whose account it was is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Erase(..)")
    }
}

/// The `reason` of a [`Shred`] whose secret never became LIVE. Its `secret_arn` is the bare name where the answer to the
/// creation never came. The shredder leaves a secret alone that became LIVE after all (RF-20).
pub const ORPHAN: &str = "orphan";

/// Send this message. `to` is the address at the moment of the cause, so that a later change of address hides nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub to: String,
    pub notice: Notice,
}
impl std::fmt::Debug for Mail {
    /// A mail may hold a link with a token: only its kind is printed (LG-6).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.notice.name())
    }
}

/// What a message says. Texts for people live in `functions/mailer/notices/`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    VerifyEmail {
        token: String,
    },
    /// SU-1: somebody signed up with an address that has an account.
    AlreadyRegistered,
    ResetPassword {
        token: String,
    },
    /// PR-13. G2: `orders_in_flight` were authorised before `at` and not answered yet; each may arrive until
    /// `may_still_arrive_until`. A notice that an older version has queued has no such list (RF-38).
    PasswordWasReset {
        at: String,
        connections_removed: usize,
        orders_left_open: Vec<String>,
        #[serde(default)]
        orders_in_flight: Vec<String>,
        may_still_arrive_until: String,
        not_me_token: String,
    },
    SecondFactorAdded {
        at: String,
    },
    SecondFactorRemoved {
        at: String,
    },
    RecoveryCodeUsed {
        at: String,
        codes_left: usize,
    },
    RecoveryCodesReplaced {
        at: String,
    },
    KeyAttached {
        at: String,
        exchange: String,
        label: String,
    },
    KeyDetached {
        at: String,
        exchange: String,
        label: String,
    },
    /// LG-7.
    WrongSecondFactor {
        at: String,
    },
    /// LG-7: a session started where this account was never signed in before. `source` is an address, when it is known.
    SignedInFromNewDevice {
        at: String,
        source: Option<String>,
    },
    /// LG-7: a session started after so many refused tries.
    SignedInAfterFailures {
        at: String,
        source: Option<String>,
        failures: u32,
    },
    /// TP-10, RL-2: too many failures closed the login; the link opens it again.
    LoginLocked {
        at: String,
        unlock_token: String,
    },
    LoginUnlocked {
        at: String,
    },
    PasswordChanged {
        at: String,
    },
    /// SU-4: found in a list of stolen passwords at a sign-in.
    PasswordBreached {
        at: String,
    },
    /// EV-5, to the new address: nothing changes before it is confirmed.
    EmailChangeConfirm {
        token: String,
    },
    /// EV-5, to the old address: a change waits for the new one's confirmation.
    EmailChangeStarted {
        at: String,
        new_email: String,
        revoke_token: String,
    },
    /// EV-5, to the old address: the link takes the change back.
    EmailChanged {
        at: String,
        new_email: String,
        frozen_until: String,
        revoke_token: String,
    },
    EmailChangeRevoked {
        at: String,
    },
    /// "This was not me" was said of a reset: everything ended, the account is held.
    AccountHeld {
        at: String,
        connections_removed: usize,
    },
    AccountReleased {
        at: String,
    },
    /// PR-14: it can be completed with a fresh reset link from `ready_at` on. No mail holds what completes it, since these
    /// mails lie in the outbox for days.
    RecoveryStarted {
        at: String,
        ready_at: String,
        connections_removed: usize,
        cancel_token: String,
    },
    /// PR-14: said again while the wait lasts.
    RecoveryReminder {
        started_at: String,
        ready_at: String,
        cancel_token: String,
    },
    /// PR-14: the wait is over.
    RecoveryReady {
        started_at: String,
        until: String,
        cancel_token: String,
    },
    RecoveryCancelled {
        at: String,
    },
    RecoveryCompleted {
        at: String,
        not_me_token: String,
    },
    PasskeyAdded {
        at: String,
        name: String,
    },
    PasskeyRemoved {
        at: String,
        name: String,
    },
    TokenMade {
        at: String,
        name: String,
        scopes: String,
    },
    TokenRevoked {
        at: String,
        name: String,
    },
    /// ST-3: a limit will be looser from `effective_at` on.
    LimitsLoosened {
        at: String,
        label: String,
        effective_at: String,
    },
    LimitsLooseningCancelled {
        at: String,
        label: String,
    },
    /// ST-5.
    TradingStopped {
        at: String,
    },
    TradingReleased {
        at: String,
    },
    AccountDeleted {
        at: String,
        orders_left_open: Vec<String>,
    },
    /// Every item and every secret of the account was seen to be gone.
    AccountErased {
        at: String,
    },
    /// PR-1: an unknown address costs the same writes as a known one; nothing is sent.
    Nothing,
}
impl std::fmt::Debug for Notice {
    /// Tokens are not printed (LG-6).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
impl Notice {
    /// The kind, for logs and dedupe.
    pub const fn name(&self) -> &'static str {
        match self {
            Notice::VerifyEmail { .. } => "verify_email",
            Notice::AlreadyRegistered => "already_registered",
            Notice::ResetPassword { .. } => "reset_password",
            Notice::PasswordWasReset { .. } => "password_was_reset",
            Notice::SecondFactorAdded { .. } => "second_factor_added",
            Notice::SecondFactorRemoved { .. } => "second_factor_removed",
            Notice::RecoveryCodeUsed { .. } => "recovery_code_used",
            Notice::RecoveryCodesReplaced { .. } => "recovery_codes_replaced",
            Notice::KeyAttached { .. } => "key_attached",
            Notice::KeyDetached { .. } => "key_detached",
            Notice::WrongSecondFactor { .. } => "wrong_second_factor",
            Notice::SignedInFromNewDevice { .. } => "signed_in_from_new_device",
            Notice::SignedInAfterFailures { .. } => "signed_in_after_failures",
            Notice::LoginLocked { .. } => "login_locked",
            Notice::LoginUnlocked { .. } => "login_unlocked",
            Notice::PasswordChanged { .. } => "password_changed",
            Notice::PasswordBreached { .. } => "password_breached",
            Notice::EmailChangeConfirm { .. } => "email_change_confirm",
            Notice::EmailChangeStarted { .. } => "email_change_started",
            Notice::EmailChanged { .. } => "email_changed",
            Notice::EmailChangeRevoked { .. } => "email_change_revoked",
            Notice::AccountHeld { .. } => "account_held",
            Notice::AccountReleased { .. } => "account_released",
            Notice::RecoveryStarted { .. } => "recovery_started",
            Notice::RecoveryReminder { .. } => "recovery_reminder",
            Notice::RecoveryReady { .. } => "recovery_ready",
            Notice::RecoveryCancelled { .. } => "recovery_cancelled",
            Notice::RecoveryCompleted { .. } => "recovery_completed",
            Notice::PasskeyAdded { .. } => "passkey_added",
            Notice::PasskeyRemoved { .. } => "passkey_removed",
            Notice::TokenMade { .. } => "token_made",
            Notice::TokenRevoked { .. } => "token_revoked",
            Notice::LimitsLoosened { .. } => "limits_loosened",
            Notice::LimitsLooseningCancelled { .. } => "limits_loosening_cancelled",
            Notice::TradingStopped { .. } => "trading_stopped",
            Notice::TradingReleased { .. } => "trading_released",
            Notice::AccountDeleted { .. } => "account_deleted",
            Notice::AccountErased { .. } => "account_erased",
            Notice::Nothing => "nothing",
        }
    }
}

/// How long a job that is done stays for the record, in seconds: one week.
const DONE_LIFE_S: i64 = 7 * 86_400;

/// What a job asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Shred(Shred),
    Mail(Mail),
    Erase(Erase),
}

/// A job that nobody has finished yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    pub created_at: WallTime,
    /// A mail that waits: not sent before this moment.
    pub not_before: Option<WallTime>,
}

impl Job {
    /// From a stored item that is open.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a job") };
        let id = row.text("pk")?.strip_prefix("JOB#").and_then(|id| id.parse().ok()).ok_or_else(|| bad("pk"))?;
        // The body is not repeated in the error: it may hold a link with a token (LG-6).
        let work = match row.text("kind")? {
            "shred" => Work::Shred(row.json("body").map_err(|_| bad("body"))?),
            "mail" => Work::Mail(row.json("body").map_err(|_| bad("body"))?),
            "erase" => Work::Erase(row.json("body").map_err(|_| bad("body"))?),
            _ => return Err(bad("kind")),
        };
        Ok(Self {
            id,
            work,
            created_at: WallTime::from_ms(row.number("created_ms")?),
            not_before: row.number_if("not_before")?.map(WallTime::from_ms),
        })
    }
}

impl Store {
    /// A job, read consistently; `None` when there is none or it is done. What the stream delivered may be old.
    pub async fn find_open_job(&self, job: JobId) -> Result<Option<Job>, StoreError> {
        match self.read(Table::Outbox, &key(job)).await? {
            Some(row) if row.text_if("open_key").is_some() => Job::from_row(&row).map(Some),
            Some(_) | None => Ok(None),
        }
    }
}

/// The write that marks a job as done. Its body goes at once: the links of a mail must not outlive it. So does its user:
/// what is left says of nobody that it was.
pub(crate) fn done(job: JobId, now: WallTime) -> Write {
    Write::update(Table::Outbox, key(job), "SET #done_at = :now, #ttl = :ttl REMOVE #open_key, #body, #user")
        .when("attribute_exists(#open_key)")
        .value(":now", n(now.ms()))
        .value(":ttl", n(now.plus_seconds(DONE_LIFE_S).seconds()))
}

/// The write of a shred job.
pub fn put_shred(job: JobId, user: UserId, shred: &Shred, now: WallTime) -> Result<Write, StoreError> {
    put(job, "shred", user, json(shred)?, None, now)
}
/// The write of an erase job.
pub fn put_erase(job: JobId, erase: &Erase, now: WallTime) -> Result<Write, StoreError> {
    put(job, "erase", erase.user, json(erase)?, None, now)
}
/// The write of a mail job.
pub fn put_mail(job: JobId, user: Option<UserId>, mail: &Mail, now: WallTime) -> Result<Write, StoreError> {
    let user = user.map_or_else(|| "nobody".to_owned(), |u| u.to_string());
    put(job, "mail", user, json(mail)?, None, now)
}
/// The write of a mail job that is not sent before a moment (PR-14); until then it lies in the outbox as it is.
pub fn put_later_mail(
    job: JobId,
    user: UserId,
    mail: &Mail,
    not_before: WallTime,
    now: WallTime,
) -> Result<Write, StoreError> {
    put(job, "mail", user.to_string(), json(mail)?, Some(not_before), now)
}
/// The write that takes a mail back that waits: in its place stands one that says nothing, and that is soon done. One that
/// was sent already stays sent.
pub fn withdraw_mail(job: JobId, user: UserId, now: WallTime) -> Result<Write, StoreError> {
    let nothing = Mail { to: String::new(), notice: Notice::Nothing };
    let row = row(job, "mail", &user.to_string(), json(&nothing)?, None, now);
    Ok(Write::put(Table::Outbox, key(job), row))
}
fn put(
    job: JobId,
    kind: &str,
    user: impl std::fmt::Display,
    body: aws_sdk_dynamodb::types::AttributeValue,
    not_before: Option<WallTime>,
    now: WallTime,
) -> Result<Write, StoreError> {
    let row = row(job, kind, &user.to_string(), body, not_before, now);
    Ok(Write::put(Table::Outbox, key(job), row).when("attribute_not_exists(pk)"))
}
fn row(
    job: JobId,
    kind: &str,
    user: &str,
    body: aws_sdk_dynamodb::types::AttributeValue,
    not_before: Option<WallTime>,
    now: WallTime,
) -> Row {
    Row::keyed(&key(job))
        .with("kind", s(kind))
        .with("user", s(user))
        .with("body", body)
        .with("created_ms", n(now.ms()))
        .with_some("not_before", not_before.map(|at| n(at.ms())))
        .with("open_key", s(kind))
        .with("tries", n(0))
}
