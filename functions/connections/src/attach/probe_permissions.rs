//! Asks the exchange what the key may do, and refuses anything but a spot key tied to addresses (KX-1, KX-3). Changes
//! nothing anywhere.

use api::Problem;
use exchange::{Failure, PermissionFault, PublicQuestion, PublicRequest, Venue, Verdict, binance};
use vault::CandidateKey;
use wire::{Answer, Sent};

use crate::config::Deps;

pub(crate) async fn probe_permissions(deps: &Deps, candidate: &CandidateKey) -> Result<(), Problem> {
    let venue = candidate.exchange();
    // The exchange's own clock: a host whose clock is off would see good keys refused.
    let time = answered(deps.wire.send(PublicRequest::build(venue, &PublicQuestion::ServerTime)).await)?;
    let at = match venue {
        Venue::Paper => binance::server_time(time.received()),
    }
    .map_err(failed)?;
    let signed = deps.sealer.sign_permission_check(candidate, at).map_err(|e| Problem::unavailable().logged(e))?;
    let said = answered(deps.wire.send(signed).await)?;
    let verdict = match venue {
        Venue::Paper => binance::permissions(said.received()),
    }
    .map_err(failed)?;
    match verdict {
        Verdict::Accepted => Ok(()),
        Verdict::Refused(faults) => Err(not_accepted(&faults)),
    }
}

fn answered(sent: Sent) -> Result<Answer, Problem> {
    match sent {
        Sent::Answered(answer) => Ok(answer),
        Sent::NotSent { why } | Sent::Unknown { why } => Err(Problem::unavailable()
            .because("The exchange did not answer. Nothing was stored; try again in a moment.")
            .logged(why)),
    }
}

fn failed(failure: Failure) -> Problem {
    match failure {
        // Unknown key, wrong secret (the signature does not fit), or a key that does not work from our addresses.
        Failure::KeyRefused { .. } | Failure::Malformed { .. } => Problem::key_rejected(),
        Failure::Limited { retry_after_s } => Problem::too_many_requests()
            .because("The exchange limits us at the moment. Nothing was stored.")
            .retry_after(u64::from(retry_after_s.unwrap_or(60))),
        Failure::NotExecuted
        | Failure::FilterFailed { .. }
        | Failure::Refused { .. }
        | Failure::DuplicateLives
        | Failure::UnknownOrder
        | Failure::NotFound
        | Failure::Unknown { .. } => Problem::unavailable()
            .because("The exchange's answer could not be used. Nothing was stored; try again in a moment.")
            .logged(failure),
    }
}

/// The worst fault names the refusal; all are told.
fn not_accepted(faults: &[PermissionFault]) -> Problem {
    // Silence and the unknown could be powers (KX-1).
    let powerful = |f: &&PermissionFault| match f {
        PermissionFault::TooPowerful(_) | PermissionFault::NotSaid(_) | PermissionFault::NotKnown(_) => true,
        PermissionFault::NotIpRestricted | PermissionFault::Lacks(_) => false,
    };
    let problem = if faults.iter().any(|f| powerful(&f)) {
        Problem::key_too_powerful()
    } else if faults.contains(&PermissionFault::NotIpRestricted) {
        Problem::key_not_ip_restricted()
    } else {
        Problem::key_rejected()
    };
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    problem.because(format!("Make another key at the exchange: {}.", told.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(faults: &[PermissionFault], code: &str) {
        assert_eq!(not_accepted(faults).code(), code, "{faults:?}");
    }

    #[test]
    fn kx_1_the_worst_fault_names_the_refusal() {
        let withdraw = || PermissionFault::TooPowerful("enableWithdrawals".into());
        check(&[withdraw()], "key_too_powerful");
        check(&[PermissionFault::NotIpRestricted, withdraw()], "key_too_powerful");
        check(&[PermissionFault::NotSaid("enableWithdrawals")], "key_too_powerful");
        check(&[PermissionFault::NotKnown("enableXyz".into())], "key_too_powerful");
        check(&[PermissionFault::Lacks("enableReading"), PermissionFault::NotIpRestricted], "key_not_ip_restricted");
        check(&[PermissionFault::Lacks("enableReading")], "key_rejected");
    }
}
