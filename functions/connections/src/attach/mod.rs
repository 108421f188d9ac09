//! The five steps of attaching (reset-fence B.4), one file each and each safe to repeat: the step-up is spent by the API
//! layer, then the key is probed, the ledger opened, the secret created, and the connection made LIVE.
//!
//! From the ledger on every failure leaves a shred job; a crash leaves the ledger row, by which the sweep finds the secret
//! (RF-20). A connection is LIVE by the last step alone or not at all (RF-19).

pub(crate) mod form;

mod create_secret;
mod give_up;
mod make_live;
mod open_ledger;
mod probe_permissions;

use account::{ConnectionId, UserId};
use api::Problem;
use store::entity::user::User;
use store::transaction::attach_connection::AttachRefused;
use store::transaction::spend_step_up::StepUpProof;

use crate::config::Deps;
use form::Wanted;

/// The names of one attach, made once.
#[derive(Debug)]
struct Attach {
    user: UserId,
    id: ConnectionId,
    secret_name: String,
    ulid: ulid::Ulid,
}

/// Runs the steps after the step-up. `id` names the connection at every try of the same request.
pub(crate) async fn run(
    deps: &Deps,
    proof: &StepUpProof,
    user: &User,
    id: ConnectionId,
    wanted: Wanted,
) -> Result<(), Problem> {
    let now = deps.host.clock.now();
    let (candidate, limits) = wanted.parts();
    probe_permissions::probe_permissions(deps, &candidate).await?;
    let fingerprint =
        deps.sealer.fingerprint(&candidate).await.map_err(|failed| Problem::unavailable().logged(failed))?;
    // Only now, when the key was shown to be the caller's: what follows tells whether it is attached (KX-4).
    deps.store.foresee_attach(user, candidate.exchange().as_str(), &fingerprint, now).await.map_err(refused)?;
    let ulid = deps.host.entropy.ulid(now);
    let attach = Attach { user: user.id, id, secret_name: format!("ex/{}/{id}/{ulid}", user.id), ulid };
    open_ledger::open_ledger(deps, &attach).await?;
    let sealed = match create_secret::create_secret(deps, &attach, proof.epoch(), candidate).await {
        Ok(sealed) => sealed,
        Err(problem) => {
            give_up::give_up(deps, &attach, None).await;
            return Err(problem);
        }
    };
    let arn = sealed.secret_arn.clone();
    match make_live::make_live(deps, &attach, proof, sealed, fingerprint, limits).await {
        Ok(()) => Ok(()),
        Err(problem) => {
            give_up::give_up(deps, &attach, Some(&arn)).await;
            Err(problem)
        }
    }
}

/// What each refusal says to the owner.
pub(crate) fn refused(refused: AttachRefused) -> Problem {
    match refused {
        // The confirmation was for an account that has been fenced since.
        AttachRefused::FenceRaised => Problem::step_up_required(),
        AttachRefused::EmailNotVerified => Problem::email_not_verified(),
        AttachRefused::SecondFactorRequired => Problem::second_factor_required(),
        AttachRefused::Held => Problem::cooling_off()
            .because("The account is held after a reset that its owner disowned. Release it first."),
        AttachRefused::CoolingOff { until } => {
            Problem::cooling_off().because(format!("New keys can be attached from {until} on."))
        }
        AttachRefused::Full => Problem::connections_full(),
        AttachRefused::KeyInUse => Problem::key_in_use(),
        AttachRefused::SecretGivenUp => Problem::try_again().because("This took too long and was undone. Try again."),
        AttachRefused::Busy => Problem::try_again().retry_after(1),
        AttachRefused::Store(error) => error.into(),
    }
}
