//! What a shown reset token entitles to: nothing yet. It says whose it is; the commit checks it again.

use account::Secret;
use account::WallTime;
use account::token::{Purpose, TokenHash};
use api::Problem;
use store::entity::credential::Credential;
use store::entity::user::User;

use crate::Deps;

/// A token that is open, newest and of this credential version, at the moment it was read.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) hash: TokenHash,
    pub(crate) user: User,
    pub(crate) credential: Credential,
}

impl Claim {
    /// Looks the token up. Unknown, used, expired and superseded are one answer; a token of another purpose has another hash
    /// and is unknown (EV-2).
    pub(crate) async fn of(deps: &Deps, token: &Secret<String>, now: WallTime) -> Result<Self, Problem> {
        // EXPOSE: only its hash is looked up.
        let hash = token.expose(|text| TokenHash::of(Purpose::PasswordReset, text));
        let found =
            deps.store.find_reset(&hash).await?.filter(|t| t.is_open(now)).ok_or_else(Problem::reset_refused)?;
        // RF-16: only the newest.
        if !deps.store.is_newest_reset(found.user, &hash).await? {
            return Err(Problem::reset_refused());
        }
        let user = deps.store.find_user(found.user).await?.ok_or_else(Problem::reset_refused)?;
        // PR-4: dead after any change of credentials.
        if user.cred_version != found.cred_version {
            return Err(Problem::reset_refused());
        }
        let credential = deps.store.find_credential(found.user).await?.ok_or_else(Problem::reset_refused)?;
        Ok(Self { hash, user, credential })
    }
}
