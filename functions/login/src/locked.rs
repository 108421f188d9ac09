//! The mail that says that a login is closed, with the link that opens it (TP-10, RL-2).

use account::email::EmailAddress;
use account::id::JobId;
use account::token::{NewToken, Purpose, new_token};
use account::{CredentialVersion, UserId, WallTime};
use store::entity::job::{Mail, Notice};
use store::entity::unlock_token::UnlockLink;
use store::entity::user::User;

use crate::Deps;

/// A link that is not yet stored, in its mail.
pub(crate) struct Locked {
    user: UserId,
    cred_version: CredentialVersion,
    token: NewToken,
    job: JobId,
    mail: Mail,
}

impl Locked {
    /// For an account; without one a link that nobody gets, at the same cost (LG-1, PR-1).
    pub(crate) fn of(deps: &Deps, account: Option<&User>, to: &EmailAddress, now: WallTime) -> Self {
        let token = new_token(Purpose::Unlock, deps.host.entropy.bytes());
        let nobody = User::new(UserId::new(deps.host.entropy.ulid(now)));
        let notice = match account {
            // EXPOSE: the mail is how the token reaches its owner.
            Some(_) => Notice::LoginLocked { at: now.to_string(), unlock_token: token.text.expose(String::clone) },
            None => Notice::Nothing,
        };
        let user = account.unwrap_or(&nobody);
        Self {
            user: user.id,
            cred_version: user.cred_version,
            token,
            job: JobId::new(deps.host.entropy.ulid(now)),
            mail: Mail { to: to.to_string(), notice },
        }
    }
    /// For the transaction.
    pub(crate) const fn link(&self) -> UnlockLink<'_> {
        UnlockLink {
            user: self.user,
            cred_version: self.cred_version,
            hash: &self.token.hash,
            job: self.job,
            mail: &self.mail,
        }
    }
}
