//! Jobs that nobody finished, and secrets whose attach broke off.

use account::id::JobId;
use sha2::{Digest, Sha256};
use store::StoreError;
use store::entity::ledger::Ledger;
use ulid::Ulid;

use crate::Deps;

/// An open job is driven again every five minutes, in ms, until it is done; for ever (G4).
const JOB_MS: i64 = 5 * 60_000;
/// An attach that took longer than 15 minutes, in ms, has broken off (RF-20).
const ORPHAN_MS: i64 = 15 * 60_000;

pub async fn drive_jobs(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    for kind in ["shred", "mail", "erase"] {
        for (index, job) in deps.store.find_open_jobs(kind, now.plus_ms(-JOB_MS)).await?.into_iter().enumerate() {
            let age_ms = now.ms_since(job.created_at);
            if kind == "shred" && index == 0 {
                tell_shred_age(age_ms / 1000, now.ms());
            }
            // Once in each five minutes of its age, whenever within its minute the sweep comes.
            if age_ms.rem_euclid(JOB_MS) < 60_000 {
                deps.store.drive_job(&job.key, now).await?;
            }
        }
    }
    Ok(())
}

/// The alarm of G4 watches this metric; printed in CloudWatch's embedded form, only while something is late.
fn tell_shred_age(seconds: i64, now_ms: i64) {
    println!(
        "{{\"_aws\":{{\"Timestamp\":{now_ms},\"CloudWatchMetrics\":[{{\"Namespace\":\"Shearpin\",\"Dimensions\":[[\"service\"]],\
         \"Metrics\":[{{\"Name\":\"ShredAgeSeconds\",\"Unit\":\"Seconds\"}}]}}]}},\"service\":\"tick\",\"ShredAgeSeconds\":{seconds}}}"
    );
}

pub async fn order_orphans(deps: &Deps) -> Result<(), StoreError> {
    let now = deps.host.clock.now();
    for orphan in deps.store.find_unfinished_creations(now.plus_ms(-ORPHAN_MS)).await? {
        deps.store.order_orphan_shred(&orphan, job_of(&orphan), now).await?;
    }
    Ok(())
}

/// The same job for the same secret, so that a repeated sweep orders nothing twice.
fn job_of(orphan: &Ledger) -> JobId {
    let digest = Sha256::digest(format!("shearpin orphan|{}", orphan.name).as_bytes());
    let mut low = [0; 16];
    for (to, from) in low.iter_mut().zip(digest) {
        *to = from;
    }
    let ms = u64::try_from(orphan.updated_at.ms()).unwrap_or(0);
    JobId::new(Ulid::from_parts(ms, u128::from_be_bytes(low)))
}
