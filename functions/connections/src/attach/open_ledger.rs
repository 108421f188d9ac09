//! Records the secret that is about to be created, so that it is found whatever happens next (RF-20).

use api::Problem;

use super::Attach;
use crate::config::Deps;

pub(super) async fn open_ledger(deps: &Deps, attach: &Attach) -> Result<(), Problem> {
    let opened = deps.store.open_ledger(&attach.secret_name, attach.user, attach.id, deps.host.clock.now()).await?;
    // A name that is taken is never gone on with: the record belongs to another secret.
    if opened { Ok(()) } else { Err(Problem::try_again()) }
}
