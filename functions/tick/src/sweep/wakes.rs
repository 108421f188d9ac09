//! Tells the trader again of wakes that have been due for more than two periods: the hint was lost, or not obeyed.

use store::StoreError;
use store::entity::wake::Waits;

use crate::Deps;
use crate::sweep::PERIOD_MS;

pub async fn tell_again(deps: &Deps) -> Result<(), StoreError> {
    for key in deps.store.find_due().await? {
        let Some(wake) = deps.store.find_wake(&key).await? else { continue };
        let Waits::Due { at, since } = wake.waits else { continue };
        let now = deps.host.clock.now();
        if now.ms_since(since) <= 2 * PERIOD_MS {
            continue;
        }
        deps.tell(&wake.hint(at)).await;
        deps.store.note_hinted(&wake, now).await?;
    }
    Ok(())
}
