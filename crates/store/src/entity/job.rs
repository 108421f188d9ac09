//! Jobs in the outbox: written in the transaction of their cause, worked by the shredder and the mailer, any number of times.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | outbox | `JOB#<job>` | `JOB` | `kind` S `shred`, `mail`; `user` S; `body` S (JSON, see [`Shred`] and [`Mail`]); `created_ms` N; `open_key` S = kind (absent once done; the sweep's index); `done_at` N, `ttl` N once done; `tries` N |
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
}

/// A job that nobody has finished yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    pub created_at: WallTime,
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
            _ => return Err(bad("kind")),
        };
        Ok(Self { id, work, created_at: WallTime::from_ms(row.number("created_ms")?) })
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

/// The write that marks a job as done. Its body goes at once: the links of a mail must not outlive it.
pub(crate) fn done(job: JobId, now: WallTime) -> Write {
    Write::update(Table::Outbox, key(job), "SET #done_at = :now, #ttl = :ttl REMOVE #open_key, #body")
        .when("attribute_exists(#open_key)")
        .value(":now", n(now.ms()))
        .value(":ttl", n(now.plus_seconds(DONE_LIFE_S).seconds()))
}

/// The write of a shred job.
pub fn put_shred(job: JobId, user: UserId, shred: &Shred, now: WallTime) -> Result<Write, StoreError> {
    put(job, "shred", user, json(shred)?, now)
}
/// The write of a mail job.
pub fn put_mail(job: JobId, user: Option<UserId>, mail: &Mail, now: WallTime) -> Result<Write, StoreError> {
    let user = user.map_or_else(|| "nobody".to_owned(), |u| u.to_string());
    put(job, "mail", user, json(mail)?, now)
}
fn put(
    job: JobId,
    kind: &str,
    user: impl std::fmt::Display,
    body: aws_sdk_dynamodb::types::AttributeValue,
    now: WallTime,
) -> Result<Write, StoreError> {
    let row = Row::keyed(&key(job))
        .with("kind", s(kind))
        .with("user", s(user))
        .with("body", body)
        .with("created_ms", n(now.ms()))
        .with("open_key", s(kind))
        .with("tries", n(0));
    Ok(Write::put(Table::Outbox, key(job), row).when("attribute_not_exists(pk)"))
}
