//! Signs in with a passkey alone: a device and what opens it, so all factors at once (PK-1).
//!
//! writes: the passkey's counter and its ceremony (PK-1, PK-2), session and list entry, the device it started from (RL-2), the
//! budgets of second factors cleared (TP-10a), an audit row, perhaps a notice (LG-7); a recovery under way ends (PR-14); the
//! session that the request showed goes (LG-3). Checks: credential version and generation as read (RF-17); that there still is
//! a password: an account without one is closed to every way in but the reset (LG-4), and what was read of it is in one call
//! with the versions, but not of one moment.
//!
//! The passwords' buckets are not touched: none was charged, and strangers' guesses stay counted.

use std::net::IpAddr;

use account::WallTime;
use account::budget::{FactorBudget, ResetFactorBudget};
use account::token::TokenHash;
use ulid::Ulid;

use crate::entity::budget::{Kind, cleared};
use crate::entity::passkey::PasskeyUse;
use crate::entity::recovery::StoredRecovery;
use crate::entity::session::Session;
use crate::entity::user::User;
use crate::entity::{audit, credential};
use crate::transaction::answer_challenge::ends_recovery_or_none_began;
use crate::transaction::end_session::Replaced;
use crate::transaction::start_session::{Arrival, StartRefused, same_user, settled};
use crate::write::Write;
use crate::{Store, Table};

/// A verified answer.
#[derive(Debug)]
pub struct SigningIn<'a> {
    pub user: &'a User,
    pub used: &'a PasskeyUse,
    pub session: &'a Session,
    pub token: &'a TokenHash,
    /// LG-3: the session whose token came with the request.
    pub replaced: Option<&'a Replaced>,
    /// PR-14: the latest recovery, as read; one that is under way ends with this sign-in.
    pub recovery: Option<&'a StoredRecovery>,
    /// RL-2, LG-7.
    pub arrival: &'a Arrival<'a>,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

const NOT_CLOSED: &str = "attribute_exists(#hash)";

impl Store {
    /// Starts the session. Budgets are cleared unread: whoever charges them at this moment keeps nobody out (RL-1).
    pub async fn sign_in_with_passkey(&self, signing: &SigningIn<'_>) -> Result<(), StartRefused> {
        let SigningIn { user, used, session, token, replaced, arrival, recovery, id, source, now } = signing;
        let mut writes = vec![
            same_user(user),
            Write::check(Table::Identity, credential::key(user.id)).when(NOT_CLOSED),
            cleared(user.id, Kind::Factor, &FactorBudget::FRESH, *now).map_err(StartRefused::Store)?,
            // TP-10a: all factors were shown.
            cleared(user.id, Kind::ResetFactor, &ResetFactorBudget::FRESH, *now).map_err(StartRefused::Store)?,
            audit::put(user.id, *id, "signed_in", Some("passkey"), *source, *now),
        ];
        writes.extend(used.writes(*now));
        writes.extend(session.writes(token));
        writes.extend(replaced.iter().flat_map(|replaced| replaced.writes()));
        let versions = (user.cred_version, user.session_gen);
        writes.extend(arrival.writes(user.id, versions, *now).map_err(StartRefused::Store)?);
        writes
            .extend(ends_recovery_or_none_began(user, *recovery, &id.to_string(), *now).map_err(StartRefused::Store)?);
        settled(self.transact(&id.to_string(), &writes).await)
    }
}
