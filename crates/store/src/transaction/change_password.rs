//! Changes the password of a signed-in owner who has shown all factors (ST-1): every other session, mailed token, challenge,
//! proof and API token dies in the same commit, and the acting session goes on under a new token (LG-3).
//!
//! | write | condition |
//! | --- | --- |
//! | `CRED#` new hash | it exists |
//! | `SESSION#` of the acting session and its list entry deleted, both anew under the raised generation | it lives, at the generation that was read |
//! | outbox notice | there is none of this id |
//! | `USER#`, audit row | see [`fencing`](crate::transaction::fencing) |
//!
//! Fences nothing and deletes no key: password and second factor were shown. Of a reset at the same moment one wins.

use std::net::IpAddr;

use account::breached::PasswordCheck;
use account::email::EmailAddress;
use account::id::{JobId, SessionId};
use account::password_hash::PasswordHash;
use account::security_event::SecurityEvent;
use account::token::TokenHash;
use host::Host;

use crate::attribute::{n, s};
use crate::entity::credential;
use crate::entity::job::{self, Mail, Notice};
use crate::entity::session::{self, Session};
use crate::entity::user::User;
use crate::transaction::fencing::{Attempt, FenceRefused, Fencing, Marker, Own};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::Write;
use crate::{Store, StoreError, Table};

/// What is changed.
#[derive(Debug)]
pub struct ChangingPassword<'a> {
    /// As the session check read it.
    pub user: &'a User,
    /// The session that asks.
    pub acting: &'a Session,
    /// The stored form of its token.
    pub acting_hash: &'a TokenHash,
    /// The session that takes its place.
    pub next: SessionId,
    /// The stored form of the token that takes its token's place.
    pub next_hash: &'a TokenHash,
    pub hash: &'a PasswordHash,
    /// What is known of the new password (SU-4).
    pub check: PasswordCheck,
    pub to: &'a EmailAddress,
    pub source: Option<IpAddr>,
}

/// Why nothing was changed (but for `OutcomeUnknown`).
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeRefused {
    /// The session ended or the credentials changed since the request was admitted.
    #[error("the account changed meanwhile")]
    ChangedMeanwhile,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const NEW_HASH: &str = "SET #hash = :hash, #pepper = :pepper, #password_check = :check, #changed_by = :done_by";
const NOT_BY_US: &str = "attribute_exists(pk) AND (attribute_not_exists(#changed_by) OR #changed_by <> :done_by)";
const ACTING: &str = "attribute_exists(pk) AND #session_gen = :session_gen";

impl Store {
    /// Changes it, and answers the session that goes on.
    pub async fn change_password(
        &self,
        what: &ChangingPassword<'_>,
        proof: StepUpProof,
        host: &Host,
    ) -> Result<Session, PasswordChangeRefused> {
        let marker = Marker { key: credential::key(proof.user()), attribute: "changed_by" };
        let fencing = Fencing {
            event: SecurityEvent::PasswordChanged,
            beside: None,
            user: proof.user(),
            cred_version: what.user.cred_version,
            marker: &marker,
            revoked_by: SecurityEvent::PasswordChanged.name(),
            factor: what.acting.factor.then_some("second_factor"),
            source: what.source,
        };
        match self.fence(&fencing, host, |trying| own(what, trying)).await {
            Ok(fenced) => Ok(going_on(what, what.user, fenced.at)),
            Err(FenceRefused::Own(_) | FenceRefused::Changed) => Err(PasswordChangeRefused::ChangedMeanwhile),
            Err(FenceRefused::Busy) => Err(PasswordChangeRefused::Busy),
            Err(FenceRefused::OutcomeUnknown) => Err(PasswordChangeRefused::OutcomeUnknown),
            Err(FenceRefused::Store(error)) => Err(error.into()),
        }
    }
}

/// LG-3: another id, another token, another start.
const fn going_on(what: &ChangingPassword<'_>, user: &User, now: account::WallTime) -> Session {
    Session::starting(what.next, user.id, user.session_gen.next(), what.acting.factor, now)
}

fn own(what: &ChangingPassword<'_>, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, done_by, now, host, .. } = trying;
    // The others were ended meanwhile, this session among them or not: what the request was admitted with is no more.
    if user.session_gen != what.user.session_gen {
        return Err(FenceRefused::Changed);
    }
    let mail = Mail { to: what.to.to_string(), notice: Notice::PasswordChanged { at: now.to_string() } };
    let mut writes = vec![
        Write::update(Table::Identity, credential::key(user.id), NEW_HASH)
            .when(NOT_BY_US)
            .value(":hash", s(what.hash.as_phc()))
            .value(":pepper", s(what.hash.pepper().as_str()))
            .value(":check", s(what.check.name()))
            .value(":done_by", s(done_by)),
        Write::delete(Table::Identity, session::key(what.acting_hash))
            .when(ACTING)
            .value(":session_gen", n(user.session_gen.value())),
        Write::delete(Table::Identity, session::list_key(user.id, what.acting.id)),
    ];
    writes.extend(going_on(what, user, now).writes(what.next_hash));
    writes.push(job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?);
    Ok(Own { writes, ..Own::default() })
}
