//! Jobs in the outbox: written in the transaction of their cause, worked by the shredder and the mailer, any number of times.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | outbox | `JOB#<job>` | `JOB` | `kind` S `shred`, `mail`; `user` S; `body` S (JSON, see [`Shred`] and [`Mail`]); `created_ms` N; `open_key` S = kind (absent once done; the sweep's index); `done_at` N, `ttl` N once done; `tries` N |

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};
use serde::{Deserialize, Serialize};

use crate::attribute::{Row, json, n, s};
use crate::write::Write;
use crate::{Key, StoreError, Table};

/// Where a job is.
pub fn key(job: JobId) -> Key { Key::new(format!("JOB#{job}"), "JOB") }

/// Delete this secret and prove it gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shred { pub connection: ConnectionId, pub secret_arn: String, pub reason: String }

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
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "Mail({})", self.notice.name()) }
}

/// What a message says. Texts for people live in `functions/mailer/notices/`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    VerifyEmail { token: String },
    /// SU-1: somebody signed up with an address that has an account.
    AlreadyRegistered,
    ResetPassword { token: String },
    /// PR-13.
    PasswordWasReset { at: String, connections_removed: usize, orders_left_open: Vec<String>, may_still_arrive_until: String, not_me_token: String },
    SecondFactorAdded { at: String },
    SecondFactorRemoved { at: String },
    RecoveryCodeUsed { at: String, codes_left: usize },
    RecoveryCodesReplaced { at: String },
    KeyAttached { at: String, exchange: String, label: String },
    KeyDetached { at: String, exchange: String, label: String },
    /// LG-7.
    WrongSecondFactor { at: String },
    /// PR-1: an unknown address costs the same writes as a known one; nothing is sent.
    Nothing,
}
impl std::fmt::Debug for Notice {
    /// Tokens are not printed (LG-6).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.name()) }
}
impl Notice {
    /// The kind, for logs and dedupe.
    pub const fn name(&self) -> &'static str {
        match self {
            Notice::VerifyEmail { .. } => "verify_email", Notice::AlreadyRegistered => "already_registered",
            Notice::ResetPassword { .. } => "reset_password", Notice::PasswordWasReset { .. } => "password_was_reset",
            Notice::SecondFactorAdded { .. } => "second_factor_added", Notice::SecondFactorRemoved { .. } => "second_factor_removed",
            Notice::RecoveryCodeUsed { .. } => "recovery_code_used", Notice::RecoveryCodesReplaced { .. } => "recovery_codes_replaced",
            Notice::KeyAttached { .. } => "key_attached", Notice::KeyDetached { .. } => "key_detached",
            Notice::WrongSecondFactor { .. } => "wrong_second_factor", Notice::Nothing => "nothing",
        }
    }
}

/// The write of a shred job.
pub fn put_shred(job: JobId, user: UserId, shred: &Shred, now: WallTime) -> Result<Write, StoreError> { put(job, "shred", user, json(shred)?, now) }
/// The write of a mail job.
pub fn put_mail(job: JobId, user: Option<UserId>, mail: &Mail, now: WallTime) -> Result<Write, StoreError> {
    let user = user.map_or_else(|| "nobody".to_owned(), |u| u.to_string());
    put(job, "mail", user, json(mail)?, now)
}
fn put(job: JobId, kind: &str, user: impl std::fmt::Display, body: aws_sdk_dynamodb::types::AttributeValue, now: WallTime) -> Result<Write, StoreError> {
    let row = Row::keyed(&key(job)).with("kind", s(kind)).with("user", s(user)).with("body", body).with("created_ms", n(now.ms()))
        .with("open_key", s(kind)).with("tries", n(0));
    Ok(Write::put(Table::Outbox, key(job), row).when("attribute_not_exists(pk)"))
}
