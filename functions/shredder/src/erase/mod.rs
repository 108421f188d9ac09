//! Everything that is stored of a deleted account: erased table by table, looked for again until nothing is left, and only
//! then called erased.
//!
//! Each step is safe to repeat and takes what it finds; a large account goes in batches, each of which drives the job on. The
//! order matters: bots before the rest, so that nothing new begins; the ledger's word that every secret is gone before the
//! connections that name them; and what leads to other items after those. Reads keys and never contents, but for the names
//! that lead on. The last look comes [`SETTLED_S`] after the deletion, when nothing that was under way can write any more.

mod identity;
mod outbox;
mod paper;
mod trading;
mod vault;

use account::UserId;
use account::id::JobId;
use store::entity::job::{Erase, Job};
use store::{Key, StoreError, Table};

use crate::Deps;
use crate::shred::{Worked, failed};

/// The index of what belongs to a user, in every table that has items under other names than the user's.
const OWNER: &str = "owner";
/// How many items one run deletes: a few seconds' worth, far from the function's time limit.
const BATCH_MAX: usize = 500;
/// How long after the deletion nothing can write for the account any more, in seconds: longer than any function may run, and
/// than an index lags behind its table.
const SETTLED_S: i64 = 120;

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing at all.
    Nothing,
    /// Something that was deleted; there may be more.
    Deleted,
    /// Something that has to wait for others, and why.
    Waiting(&'static str),
}

impl Found {
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Found::Nothing, other) => other,
            (found, Found::Nothing) => found,
            (Found::Waiting(why), _) | (_, Found::Waiting(why)) => Found::Waiting(why),
            (Found::Deleted, Found::Deleted) => Found::Deleted,
        }
    }
}

/// One run over one account.
struct Run<'a> {
    deps: &'a Deps,
    user: UserId,
    job: JobId,
    deleted: usize,
}

impl Run<'_> {
    const fn room(&self) -> usize {
        BATCH_MAX.saturating_sub(self.deleted)
    }
    /// Deletes items that are the user's by their own key.
    async fn delete(&mut self, table: Table, keys: &[Key]) -> Result<(), StoreError> {
        self.deps.store.delete_items(table, keys, &self.deps.host).await?;
        self.deleted = self.deleted.saturating_add(keys.len());
        Ok(())
    }
    /// Deletes items that an index says are the user's, if they still are.
    async fn delete_owned(&mut self, table: Table, keys: &[Key]) -> Result<(), StoreError> {
        for key in keys {
            self.deps.store.delete_owned(table, key, self.user).await?;
        }
        self.deleted = self.deleted.saturating_add(keys.len());
        Ok(())
    }
    /// Empties a partition of the user's.
    async fn empty(&mut self, table: Table, partition: &str) -> Result<Found, StoreError> {
        let keys = self.deps.store.find_keys(table, None, ("pk", partition), self.room()).await?;
        self.delete(table, &keys).await?;
        Ok(if keys.is_empty() { Found::Nothing } else { Found::Deleted })
    }
    /// What an index finds of the user's; it lags a little, so an empty answer counts only once things have settled.
    async fn owned(&self, table: Table) -> Result<Vec<Key>, StoreError> {
        self.deps.store.find_keys(table, Some(OWNER), ("user", &self.user.to_string()), self.room()).await
    }
}

/// Works an erase job once.
pub(crate) async fn erase(deps: &Deps, job: &Job, erase: &Erase) -> Worked {
    match run(deps, job, erase).await {
        Ok(worked) => worked,
        Err(error) => failed(error),
    }
}

async fn run(deps: &Deps, job: &Job, erase: &Erase) -> Result<Worked, StoreError> {
    let mut run = Run { deps, user: erase.user, job: job.id, deleted: 0 };
    let mut found = trading::erase(&mut run).await?;
    found = found.and(paper::erase(&mut run).await?);
    found = found.and(vault::erase(&mut run).await?);
    found = found.and(outbox::erase(&mut run).await?);
    // Last, and its `USER#` last of all: a session check or a signer that comes late finds a user of a later epoch, or none.
    found = found.and(identity::erase(&mut run).await?);
    if run.deleted > 0 {
        tracing::info!(job = %job.id, deleted = run.deleted, "an erasure goes on");
        // The write that notes the progress brings the job back.
        deps.store.note_erased(job.id, run.deleted).await?;
        return Ok(Worked::Later("looked for again"));
    }
    match found {
        Found::Waiting(why) => Ok(Worked::Later(why)),
        Found::Deleted => Ok(Worked::Later("looked for again")),
        Found::Nothing => {
            let now = deps.host.clock.now();
            if now < job.created_at.plus_seconds(SETTLED_S) {
                return Ok(Worked::Later("what was under way may still write"));
            }
            let told = JobId::new(deps.host.entropy.ulid(now));
            let token = deps.host.entropy.ulid(now).to_string();
            match deps.store.finish_erasure(job.id, erase, told, &token, now).await? {
                true => Ok(Worked::Done),
                false => Ok(Worked::NothingToDo("another worker recorded it")),
            }
        }
    }
}
