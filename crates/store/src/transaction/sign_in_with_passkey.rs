//! Signs in with a passkey alone: a device and what opens it, so all factors at once (PK-1).
//!
//! writes: the passkey's counter and its ceremony (PK-1, PK-2), session and list entry, all three budgets cleared, an audit row;
//! the session that the request showed goes (LG-3). Checks: credential version and generation as read (RF-17).

use std::net::IpAddr;

use account::WallTime;
use account::budget::{FactorBudget, ResetFactorBudget};
use account::token::TokenHash;
use ulid::Ulid;

use crate::Store;
use crate::entity::audit;
use crate::entity::budget::{Kind, cleared};
use crate::entity::passkey::PasskeyUse;
use crate::entity::session::Session;
use crate::entity::user::User;
use crate::transaction::end_session::Replaced;
use crate::transaction::start_session::{StartRefused, same_user, settled};

/// A verified answer.
#[derive(Debug)]
pub struct SigningIn<'a> {
    pub user: &'a User,
    pub used: &'a PasskeyUse,
    pub session: &'a Session,
    pub token: &'a TokenHash,
    /// LG-3: the session whose token came with the request.
    pub replaced: Option<&'a Replaced>,
    pub id: Ulid,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

impl Store {
    /// Starts the session. Strangers may be charging the budgets at this moment: they are cleared unread (RL-1).
    pub async fn sign_in_with_passkey(&self, signing: &SigningIn<'_>) -> Result<(), StartRefused> {
        let SigningIn { user, used, session, token, replaced, id, source, now } = signing;
        let mut writes = vec![
            same_user(user),
            cleared(user.id, Kind::Factor, &FactorBudget::FRESH, *now).map_err(StartRefused::Store)?,
            // TP-10a: all factors were shown.
            cleared(user.id, Kind::ResetFactor, &ResetFactorBudget::FRESH, *now).map_err(StartRefused::Store)?,
            audit::put(user.id, *id, "signed_in", Some("passkey"), *source, *now),
        ];
        writes.extend(used.writes(*now));
        writes.extend(session.writes(token));
        writes.extend(replaced.iter().flat_map(|replaced| replaced.writes()));
        settled(self.transact(&id.to_string(), &writes).await)
    }
}
