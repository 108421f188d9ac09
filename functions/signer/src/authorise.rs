//! Step 4: what a refusal of the authorising transaction means for the intent.

use store::transaction::authorise_cancel::AccessRefused;
use store::transaction::authorise_order::AuthoriseRefused;
use store::transaction::close_intent::Ending;

use crate::NotDone;

/// No try of an authorising transaction starts later than this after the first, in ms: the rest of the window is for
/// the send.
pub const AUTHORISE_MS_MAX: i64 = 1_500;

/// What to do with the intent.
#[derive(Debug)]
pub enum Refused {
    /// Somebody else has it, or nobody knows: never touched from here.
    Leave,
    /// End it.
    End(Ending, String),
    /// Not now.
    NotNow(NotDone),
}

/// For a PLACE.
pub fn order(refused: AuthoriseRefused) -> Refused {
    use AuthoriseRefused as R;
    let why = refused.to_string();
    match refused {
        // The read-back would change nothing: AUTHORISED or not, it is not sent from here, and the sweep looks after it.
        R::IntentTaken | R::OutcomeUnknown => Refused::Leave,
        R::Stale => Refused::End(Ending::Expired, why),
        R::ConnectionFenced | R::UserFenced => Refused::End(Ending::Fenced, why),
        R::PairNotAllowed
        | R::KeyNotAccepted
        | R::Frozen
        | R::NotActive
        | R::RunOver
        | R::BotStopped
        | R::DealClosed
        | R::KillSwitch => Refused::End(Ending::RefusedBeforehand, why),
        R::Fencing => Refused::NotNow(NotDone::Later(why)),
        R::Contention => Refused::NotNow(NotDone::Retry(why)),
        R::Unavailable(error) => Refused::NotNow(error.into()),
    }
}

/// For a CANCEL or a QUERY.
pub fn access(refused: AccessRefused) -> Refused {
    use AccessRefused as R;
    let why = refused.to_string();
    match refused {
        R::IntentTaken | R::OutcomeUnknown => Refused::Leave,
        R::Stale => Refused::End(Ending::Expired, why),
        R::Fenced => Refused::End(Ending::Fenced, why),
        R::Fencing => Refused::NotNow(NotDone::Later(why)),
        R::Contention => Refused::NotNow(NotDone::Retry(why)),
        R::Unavailable(error) => Refused::NotNow(error.into()),
    }
}
