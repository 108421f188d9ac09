//! Records what the list of stolen passwords said at a sign-in about a password that could not be looked up when it was chosen
//! (SU-4).
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` (check) | credential version as read: it is about the password that was shown |
//! | `CRED#` password_check | still due, so that of two sign-ins at once one tells the owner |
//! | outbox: a notice; an audit row | only for a hit |

use std::net::IpAddr;

use account::breached::PasswordCheck;
use account::id::JobId;
use account::{CredentialVersion, UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::job::{Mail, put_mail};
use crate::entity::{audit, credential, user};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// What a sign-in found out.
#[derive(Debug)]
pub struct LookedUp<'a> {
    pub user: UserId,
    /// As read with the hash that the password matched.
    pub cred_version: CredentialVersion,
    pub check: PasswordCheck,
    /// Tells the owner of a hit.
    pub notice: Option<(JobId, &'a Mail)>,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

const SAME_VERSION: &str = "#cred_version = :cred_version";
const RECORD: &str = "SET #password_check = :check";
const STILL_DUE: &str = "attribute_exists(pk) AND (attribute_not_exists(#password_check) OR #password_check = :due)";

impl Store {
    /// Records it; `false` when another sign-in did, or the password was changed meanwhile. Nothing is lost then.
    pub async fn record_password_check(&self, looked_up: &LookedUp<'_>) -> Result<bool, StoreError> {
        let LookedUp { user, cred_version, check, notice, id, source, now } = looked_up;
        let mut writes = vec![
            Write::check(Table::Identity, user::key(*user))
                .when(SAME_VERSION)
                .value(":cred_version", n(cred_version.value())),
            Write::update(Table::Identity, credential::key(*user), RECORD)
                .when(STILL_DUE)
                .value(":check", s(check.name()))
                .value(":due", s(PasswordCheck::Due.name())),
        ];
        if let Some((job, mail)) = notice {
            writes.push(put_mail(*job, Some(*user), mail, *now)?);
            writes.push(audit::put(*user, *id, "password_breached", None, *source, *now));
        }
        match self.transact(&id.to_string(), &writes).await {
            Ok(()) => Ok(true),
            Err(TransactFailed::Cancelled(_)) => Ok(false),
            Err(TransactFailed::Store(error)) => Err(error),
        }
    }
}
