//! The user's jobs: mails that wait for a later day go, since there is nobody left whom they concern; what is due is left to
//! its worker, and waited for. A job that is done names nobody.

use store::entity::job::{Job, Work};
use store::{Key, StoreError, Table};

use super::{Found, Run};

pub(super) async fn erase(run: &mut Run<'_>) -> Result<Found, StoreError> {
    let now = run.deps.host.clock.now();
    let (mut void, mut found): (Vec<Key>, _) = (Vec::new(), Found::Nothing);
    for key in run.owned(Table::Outbox).await? {
        let Some(id) = key.pk.strip_prefix("JOB#").and_then(|id| id.parse().ok()) else { continue };
        if id == run.job {
            continue;
        }
        match run.deps.store.find_open_job(id).await? {
            // Done before jobs lost their users with their bodies; or the index lags.
            None => void.push(key),
            Some(Job { work: Work::Mail(_), not_before: Some(at), .. }) if at > now => void.push(key),
            Some(Job { work: Work::Mail(_) | Work::Shred(_) | Work::Erase(_), .. }) => {
                found = found.and(Found::Waiting("a mail or an erasure of this account is not done yet"));
            }
        }
    }
    let mut gone = 0;
    for key in void {
        gone += usize::from(run.deps.store.delete_owned(Table::Outbox, &key, run.user).await?);
    }
    run.deleted = run.deleted.saturating_add(gone);
    Ok(if gone > 0 { found.and(Found::Deleted) } else { found })
}
