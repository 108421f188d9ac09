//! The sweep, once per wall minute: makes good what a crash, a lost message or a lost answer left behind.
//!
//! Ages count wall minutes. Everything is conditional or put-if-absent and safe to repeat; a step that fails leaves the
//! others their turn. Nothing is found by walking over bots: every step has its sparse mark.

mod intents;
mod outbox;
mod reconcile;
mod wakes;

use crate::{Deps, Failures, TickFailed};

/// One period of the schedule, in ms.
const PERIOD_MS: i64 = 60_000;

/// Runs every step.
pub async fn sweep(deps: &Deps) -> Result<(), TickFailed> {
    let mut failures = Failures::none();
    if let Err(error) = wakes::tell_again(deps).await {
        failures.note(error);
    }
    if let Err(error) = intents::drive_proposed(deps).await {
        failures.note(error);
    }
    if let Err(error) = intents::lose_authorised(deps).await {
        failures.note(error);
    }
    if let Err(error) = intents::ask_about_unknown(deps).await {
        failures.note(error);
    }
    if let Err(error) = reconcile::open_deals(deps).await {
        failures.note(error);
    }
    if let Err(error) = reconcile::active_bots(deps).await {
        failures.note(error);
    }
    if let Err(error) = outbox::drive_jobs(deps).await {
        failures.note(error);
    }
    if let Err(error) = outbox::order_orphans(deps).await {
        failures.note(error);
    }
    failures.settle()
}
