//! What a right password leads to: a session, or a challenge when a second factor is on (LG-2).
//!
//! `start_session` writes: session and its list entry, the device it started from (RL-2), the bucket of the password and that of step-ups cleared,
//! an audit row, perhaps a new hash and a notice (LG-7); the session that the request showed goes (LG-3). Checks: credential version and session generation as read (RF-17: a reset in
//! between leaves no session); the hash is the one that matched, and no second factor is on.
//! `put_challenge` writes: the challenge, an audit row, perhaps a new hash; checks the versions and the hash. The budget stays
//! charged until all factors are shown.

use account::budget::LoginBudget;
use account::id::JobId;
use account::password_hash::PasswordHash;
use account::token::TokenHash;
use account::{CredentialVersion, SessionGeneration, UserId, WallTime};
use std::net::IpAddr;
use ulid::Ulid;

use crate::attribute::{n, s};
use crate::entity::budget::{Bucket, Kind};
use crate::entity::ceremony::Ceremony;
use crate::entity::device::Knowing;
use crate::entity::job::{Mail, put_mail};
use crate::entity::session::Session;
use crate::entity::user::User;
use crate::entity::{audit, budget, challenge, credential, user};
use crate::transaction::end_session::Replaced;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// Why no session or challenge came to be.
#[derive(Debug)]
pub enum StartRefused {
    /** Password, factors or generation changed, or what was shown is spent. */
    ChangedMeanwhile,
    Busy,
    Store(StoreError),
}

/// What both outcomes share.
#[derive(Debug)]
pub struct RightPassword<'a> {
    pub user: &'a User,
    /// The hash that it matched. It and the user's versions are read in one call, but not at one moment: the commit demands
    /// that it is still the one (RF-17).
    pub matched: &'a PasswordHash,
    /// PW-2: the hash to store when the parameters changed.
    pub rehashed: Option<&'a PasswordHash>,
    /// LG-3: the session whose token came with the request.
    pub replaced: Option<&'a Replaced>,
    /// Where the password was charged.
    pub bucket: &'a Bucket,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

/// What a sign-in with all factors leaves beside its session.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The browser that is known from now on.
    pub device: Knowing<'a>,
    /// The bucket that is cleared: the one that was charged and no other, so that strangers' guesses stay counted. `None`
    /// where no password was charged.
    pub bucket: Option<&'a Bucket>,
    /// LG-7: what its owner is told.
    pub notice: Option<(JobId, &'a Mail)>,
}

impl Arrival<'_> {
    /// Its writes, under the versions that the user has after the commit.
    pub(crate) fn writes(
        &self,
        user: UserId,
        versions: (CredentialVersion, SessionGeneration),
        now: WallTime,
    ) -> Result<Vec<Write>, StoreError> {
        let mut writes = self.device.writes(user, versions, now);
        if let Some(bucket) = self.bucket {
            // Strangers may be charging the common bucket at this very moment; whoever showed everything is not refused for
            // that (RL-1).
            writes.push(budget::cleared_bucket(user, bucket, &LoginBudget::FRESH, now)?);
            // RL-1: whoever found an open session can use up the step-ups' bucket without the password, and nothing else would
            // ever open it again. Whoever has just shown the password guesses none.
            writes.push(budget::cleared(user, Kind::StepUp, &LoginBudget::FRESH, now)?);
        }
        if let Some((job, mail)) = self.notice {
            writes.push(put_mail(job, Some(user), mail, now)?);
        }
        Ok(writes)
    }
}

const REHASH: &str = "SET #hash = :hash, #pepper = :pepper";
const MATCHED: &str = "#hash = :matched";
const MATCHED_WITHOUT_FACTOR: &str =
    "#hash = :matched AND attribute_not_exists(#totp_seed) AND attribute_not_exists(#passkeys)";
const SAME: &str = "#cred_version = :cred_version AND #session_gen = :session_gen";

pub(crate) fn same_user(user: &User) -> Write {
    Write::check(Table::Identity, user::key(user.id))
        .when(SAME)
        .value(":cred_version", n(user.cred_version.value()))
        .value(":session_gen", n(user.session_gen.value()))
}
pub(crate) fn settled(result: Result<(), TransactFailed>) -> Result<(), StartRefused> {
    match result {
        Ok(()) => Ok(()),
        Err(TransactFailed::Cancelled(cancelled)) if cancelled.first_failed_condition().is_some() => {
            Err(StartRefused::ChangedMeanwhile)
        }
        Err(TransactFailed::Cancelled(_)) => Err(StartRefused::Busy),
        Err(TransactFailed::Store(error)) => Err(StartRefused::Store(error)),
    }
}

impl RightPassword<'_> {
    /// The credentials as they were compared, with the new hash where there is one.
    fn as_compared(&self, condition: &'static str) -> Write {
        let key = credential::key(self.user.id);
        let write = match self.rehashed {
            None => Write::check(Table::Identity, key),
            Some(hash) => Write::update(Table::Identity, key, REHASH)
                .value(":hash", s(hash.as_phc()))
                .value(":pepper", s(hash.pepper().as_str())),
        };
        write.when(condition).value(":matched", s(self.matched.as_phc()))
    }
}

impl Store {
    /// Starts a session for an account without a second factor.
    pub async fn start_session(
        &self,
        right: &RightPassword<'_>,
        session: &Session,
        hash: &TokenHash,
        arrival: &Arrival<'_>,
    ) -> Result<(), StartRefused> {
        let mut writes = vec![same_user(right.user)];
        writes.extend(session.writes(hash));
        let versions = (right.user.cred_version, right.user.session_gen);
        writes.extend(arrival.writes(right.user.id, versions, right.now).map_err(StartRefused::Store)?);
        writes.push(audit::put(right.user.id, right.id, "signed_in", Some("password"), right.source, right.now));
        writes.push(right.as_compared(MATCHED_WITHOUT_FACTOR));
        writes.extend(right.replaced.iter().flat_map(|replaced| replaced.writes()));
        settled(self.transact(&right.id.to_string(), &writes).await)
    }

    /// Stores a challenge for an account with a second factor.
    pub async fn put_challenge(
        &self,
        right: &RightPassword<'_>,
        hash: &TokenHash,
        ceremony: Option<&Ceremony>,
        expires_at: WallTime,
    ) -> Result<(), StartRefused> {
        let RightPassword { user, bucket, .. } = right;
        let mut writes = vec![same_user(user), challenge::put(hash, user.id, user.cred_version, bucket, expires_at)];
        // PK-2: stored beside the challenge, under its name.
        writes.extend(ceremony.map(|ceremony| ceremony.put(hash)));
        writes.push(audit::put(
            right.user.id,
            right.id,
            "password_accepted",
            Some("password"),
            right.source,
            right.now,
        ));
        writes.push(right.as_compared(MATCHED));
        settled(self.transact(&right.id.to_string(), &writes).await)
    }
}
