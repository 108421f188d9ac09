//! Opens a closed login by the mailbox (TP-10, RL-2), and makes the browser that asks a known one (RL-1).
//!
//! writes: token deleted, login budget cleared, factor budget opened when it is closed, the device, a notice, an audit row.
//! conditions: the token exists, has not expired and is of this credential version; the user still has it; the factor budget
//! is as read, so that no confirmation is counted twice or lost (TP-10). The budget of the reset flow is not touched (TP-10a).

use std::net::IpAddr;

use account::WallTime;
use account::budget::LoginBudget;
use account::id::JobId;
use account::token::TokenHash;
use host::Host;

use crate::attribute::n;
use crate::entity::budget::{Kind, Whose, budget_write, cleared};
use crate::entity::device::{DeviceName, Knowing};
use crate::entity::job::{Mail, Notice, put_mail};
use crate::entity::unlock_token::{self, UnlockToken};
use crate::entity::{audit, user};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// Who opens what.
#[derive(Debug)]
pub struct Opening<'a> {
    pub claim: &'a UnlockToken,
    pub hash: &'a TokenHash,
    /// The browser that becomes known.
    pub device: &'a DeviceName,
    pub job: JobId,
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

/// Why it stays as it is.
#[derive(Debug)]
pub enum OpenRefused {
    /** Used, too old, of other credentials; or the mailbox has opened it too often (TP-10). */
    TokenDead,
    Busy,
    Store(StoreError),
}
impl From<StoreError> for OpenRefused {
    fn from(error: StoreError) -> Self {
        OpenRefused::Store(error)
    }
}

/// How often it is tried when others write at the same moment.
const TRIES_MAX: usize = 4;
/// The first two writes: what says that the token is dead.
const TOKEN_ITEMS: usize = 2;

const TOKEN: &str = "attribute_exists(pk) AND #expires_at > :now AND #cred_version = :cred_version";
const SAME_VERSION: &str = "#cred_version = :cred_version";

impl Store {
    /// Spends the token; of many at once one succeeds.
    pub async fn open_login(&self, opening: &Opening<'_>, host: &Host) -> Result<(), OpenRefused> {
        for _ in 0..TRIES_MAX {
            let writes = self.opening_writes(opening, host).await?;
            match self.transact(&host.entropy.ulid(opening.now).to_string(), &writes).await {
                Ok(()) => return Ok(()),
                Err(TransactFailed::Cancelled(cancelled)) if (0..TOKEN_ITEMS).any(|i| cancelled.failed_at(i)) => {
                    return Err(OpenRefused::TokenDead);
                }
                // The factor was charged meanwhile, or somebody spends the same token: read again.
                Err(TransactFailed::Cancelled(_)) => {}
                Err(TransactFailed::Store(error)) => return Err(error.into()),
            }
        }
        Err(OpenRefused::Busy)
    }

    async fn opening_writes(&self, opening: &Opening<'_>, host: &Host) -> Result<Vec<Write>, OpenRefused> {
        let Opening { claim, hash, device, job, source, now } = opening;
        let whose = Whose::User(claim.user);
        let found = self.find_for_unlock(&whose, claim.user).await?;
        let (Some(owner), Some(credential)) = (found.user, found.credential) else {
            return Err(OpenRefused::TokenDead);
        };
        let version = n(claim.cred_version.value());
        let mut writes = vec![
            Write::delete(Table::Identity, unlock_token::key(hash))
                .when(TOKEN)
                .value(":now", n(now.ms()))
                .value(":cred_version", version.clone()),
            Write::check(Table::Identity, user::key(claim.user)).when(SAME_VERSION).value(":cred_version", version),
            cleared(claim.user, Kind::Login, &LoginBudget::FRESH.confirmed_by_mail(), *now)?,
        ];
        if !found.factor.state.allows_password_login() {
            let opened = found.factor.state.confirmed_by_mail(*now).map_err(|_| OpenRefused::TokenDead)?;
            writes.push(budget_write(&whose, Kind::Factor, &opened, found.factor.version, *now)?);
        }
        let devices = self.find_devices(claim.user).await?;
        let knowing =
            Knowing { name: device, made_at: *now, signed_in: false, first_here: true, among: Some(&devices) };
        writes.extend(knowing.writes(claim.user, (owner.cred_version, owner.session_gen), *now));
        let mail = Mail { to: credential.email.to_string(), notice: Notice::LoginUnlocked { at: now.to_string() } };
        writes.push(put_mail(*job, Some(claim.user), &mail, *now)?);
        writes.push(audit::put(claim.user, host.entropy.ulid(*now), "login_opened", None, *source, *now));
        Ok(writes)
    }
}
