//! Seals the key and stores its ciphertext. The plaintext ends here.

use account::Epoch;
use api::Problem;
use vault::{CandidateKey, SealContext, SealFailed, Sealed};

use super::Attach;
use crate::config::Deps;

pub(super) async fn create_secret(
    deps: &Deps,
    attach: &Attach,
    epoch: Epoch,
    candidate: CandidateKey,
) -> Result<Sealed, Problem> {
    let context = SealContext { user: attach.user, connection: attach.id, epoch, exchange: candidate.exchange() };
    deps.sealer.seal(candidate, context, &attach.secret_name).await.map_err(|failed| match failed {
        // RF-31: without the vault key nothing is attached; what may have been stored is given up by the caller.
        SealFailed::NoDataKey(_) | SealFailed::NotEncrypted | SealFailed::NotStored(_) => {
            Problem::unavailable().logged(failed)
        }
    })
}
