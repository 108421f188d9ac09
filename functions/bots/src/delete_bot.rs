//! `DELETE /v1/bots/{id}`: removes a stopped bot without an open deal. What its deals did stays.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use store::entity::bot::BotState;
use strategy::id::BotId;

use crate::{Deps, door};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("delete_bot", "Removes a stopped bot without an open deal")
        .details("What its deals did stays readable.")
        .path::<BotId>("id", "The bot.")
        .reads_header("If-Match", "May name the version that is meant; another one is refused with 412.")
        .answers_nothing(204, "It is gone.")
        .refuses(&[Problem::bot_is_running, Problem::stale_version, Problem::if_match_required])
}

/// Answers 204.
pub async fn delete_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let bot = door::own_bot(&deps, &request).await?;
    request.means_version_if_said(bot.version)?;
    if bot.state != BotState::Stopped {
        return Err(Problem::bot_is_running());
    }
    if bot.open_deal.is_some() {
        return Err(Problem::bot_is_running().because(
            "The bot still has an open deal. Stop it with deals: close or cancel, and wait until the deal has ended.",
        ));
    }
    if !deps.store.delete_bot(&bot).await? {
        return Err(Problem::stale_version());
    }
    Ok(Answer::nothing())
}
