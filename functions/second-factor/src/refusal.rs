//! What a refused change of the second factor answers.

use api::Problem;
use store::transaction::enrol_totp::FactorChangeRefused;

/// The problem of a refusal.
pub(crate) fn problem(refused: FactorChangeRefused) -> Problem {
    match refused {
        // Whatever ended the session, or a change that raced with this one: the next request finds out which.
        FactorChangeRefused::ChangedMeanwhile | FactorChangeRefused::Busy => Problem::try_again().retry_after(1),
        FactorChangeRefused::FactorExists => Problem::second_factor_exists(),
        FactorChangeRefused::NoFactor => Problem::no_second_factor(),
        FactorChangeRefused::FactorInUse => Problem::second_factor_in_use(),
        FactorChangeRefused::EnrolmentOver => Problem::enrolment_refused(),
        FactorChangeRefused::TooMany => Problem::passkeys_full(),
        FactorChangeRefused::Registered => Problem::passkey_exists(),
        FactorChangeRefused::Store(error) => error.into(),
    }
}
