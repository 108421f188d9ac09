//! One secret: mark it as being erased, order its deletion, look until it is gone, record it. Each step is safe to repeat.

use account::id::JobId;
use store::StoreError;
use store::entity::job::{Job, Work};
use store::entity::ledger::Ledger;
use store::transaction::begin_shred::Shredding;
use vault::EraseFailed;

use crate::Deps;
use crate::erase::erase;

/// How long a secret that nobody can find by its name counts as being there, in seconds: names become visible with a delay,
/// and a creation that was under way may still arrive.
const UNSEEN_S: i64 = 600;

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Worked {
    /// Proven gone and recorded.
    Done,
    /// It was done before, or there is nothing to erase.
    NothingToDo(&'static str),
    /// Nothing is wrong and nothing more can be known now: the sweep drives it again.
    Later(&'static str),
    /// A call failed or the secret is still there.
    Retry(String),
    /// It can never be done as it stands.
    GiveUp(String),
}

/// Where a job stands between two looks.
#[derive(Debug)]
pub(crate) enum Progress {
    Ended(Worked),
    Erasing(Erasing),
}

/// A secret whose deletion was ordered.
#[derive(Debug)]
pub(crate) struct Erasing {
    name: String,
    arn: String,
}

/// Marks the secret as being erased and orders its deletion.
pub(crate) async fn begin(deps: &Deps, job: JobId) -> Progress {
    begin_or_end(deps, job).await.unwrap_or_else(Progress::Ended)
}

async fn begin_or_end(deps: &Deps, id: JobId) -> Result<Progress, Worked> {
    let Some(job) = deps.store.find_open_job(id).await.map_err(failed)? else {
        return Err(Worked::NothingToDo("the job is done"));
    };
    let shred = match &job {
        Job { work: Work::Shred(shred), .. } => shred,
        Job { work: Work::Mail(_), .. } => return Err(Worked::NothingToDo("the job is a mail")),
        Job { work: Work::Erase(account), .. } => return Err(erase(deps, &job, account).await),
    };
    let now = deps.host.clock.now();
    let ledger = match deps.store.begin_shred(shred, now).await.map_err(failed)? {
        Shredding::Erase(ledger) => ledger,
        Shredding::Gone => return finish_job(deps, id, "the secret was proven gone before").await,
        Shredding::Spared => return finish_job(deps, id, "the secret belongs to a connection").await,
        Shredding::NoRecord => {
            return Err(Worked::GiveUp("no secret was ever recorded under this name (RF-24)".into()));
        }
    };
    let arn = match &ledger.secret_arn {
        Some(arn) => arn.clone(),
        None => match deps.eraser.find_arn(&ledger.name).await.map_err(not_erased)? {
            Some(arn) => {
                deps.store.learn_arn(&ledger, &arn, now).await.map_err(failed)?;
                arn
            }
            None => return unseen(deps, id, &ledger).await,
        },
    };
    if arn != shred.secret_arn && ledger.secret_arn.is_some() && shred.secret_arn != ledger.name {
        // RF-24: deleting the job's ARN would "succeed"; the recorded one is what exists.
        tracing::error!(job = %id, "the job names another ARN than the ledger; the ledger's is erased");
    }
    deps.eraser.delete(&arn).await.map_err(not_erased)?;
    Ok(Progress::Erasing(Erasing { name: ledger.name, arn }))
}

/// Looks whether the secret is gone, and records it.
pub(crate) async fn look(deps: &Deps, job: JobId, erasing: Erasing) -> Progress {
    match deps.eraser.is_gone(&erasing.arn).await {
        Ok(false) => Progress::Erasing(erasing),
        Ok(true) => Progress::Ended(record(deps, job, &erasing.name).await),
        Err(error) => Progress::Ended(not_erased(error)),
    }
}

/// A secret whose creation nobody saw: gone once it has stayed unseen for long enough, and not a moment earlier.
async fn unseen(deps: &Deps, job: JobId, ledger: &Ledger) -> Result<Progress, Worked> {
    if deps.host.clock.now().ms_since(ledger.updated_at) < UNSEEN_S * 1000 {
        return Err(Worked::Later("no secret of this name is visible yet"));
    }
    Err(record(deps, job, &ledger.name).await)
}

async fn record(deps: &Deps, job: JobId, name: &str) -> Worked {
    let now = deps.host.clock.now();
    let token = deps.host.entropy.ulid(now).to_string();
    match deps.store.finish_shred(name, job, &token, now).await {
        Ok(true) => Worked::Done,
        // RF-28: another worker was first.
        Ok(false) => Worked::NothingToDo("another worker recorded it"),
        Err(error) => failed(error),
    }
}

async fn finish_job(deps: &Deps, job: JobId, why: &'static str) -> Result<Progress, Worked> {
    deps.store.finish_job(job, deps.host.clock.now()).await.map_err(failed)?;
    Err(Worked::NothingToDo(why))
}

pub(crate) fn failed(error: StoreError) -> Worked {
    match error {
        StoreError::Corrupt { .. } => Worked::GiveUp(error.to_string()),
        StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } | StoreError::NotGranted { .. } => {
            Worked::Retry(error.to_string())
        }
    }
}

fn not_erased(error: EraseFailed) -> Worked {
    match error {
        EraseFailed::NotAFullArn => Worked::GiveUp(error.to_string()),
        // RF-23: denied for a day or throttled, the guarantees of the fence hold and the erasure is tried for ever.
        EraseFailed::Call(_) => Worked::Retry(error.to_string()),
    }
}
