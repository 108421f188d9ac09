//! Destructive recovery, for an owner who has lost every second factor (PR-14): keys go at its start, a new password comes
//! three days later, and whoever can show anything that the thief cannot ends it in between.

pub(crate) mod cancel_by_link;
pub(crate) mod cancel_by_session;
pub(crate) mod complete_recovery;
pub(crate) mod start_recovery;
