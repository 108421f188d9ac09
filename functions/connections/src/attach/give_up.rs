//! Orders the erasure of a secret whose attach failed. A secret that became LIVE after all is left alone.

use account::id::JobId;
use store::transaction::abandon_secret::Abandoning;

use super::Attach;
use crate::config::Deps;

pub(super) async fn give_up(deps: &Deps, attach: &Attach, secret_arn: Option<&str>) {
    let abandoning = Abandoning {
        user: attach.user,
        connection: attach.id,
        secret_name: &attach.secret_name,
        secret_arn,
        // The job carries the secret's own ULID, so that the sweep's order and this one are one job.
        job: JobId::new(attach.ulid),
        token: &deps.token(),
    };
    match deps.store.abandon_secret(abandoning, deps.host.clock.now()).await {
        Ok(given_up) => tracing::warn!(connection = %attach.id, given_up, "an attach failed after its ledger row"),
        // RF-20: the sweep finds the row, which is still CREATING.
        Err(error) => tracing::error!(connection = %attach.id, cause = %error, "a failed attach is left to the sweep"),
    }
}
