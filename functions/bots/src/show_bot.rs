//! `GET /v1/bots/{id}`: one bot, and why it does nothing if it does nothing.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use strategy::id::BotId;

use crate::view::ShownBot;
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("show_bot", "One bot, and why it does nothing if it does nothing")
        .path::<BotId>("id", "The bot.")
        .reads_header("If-None-Match", "The `ETag` of the answer that the caller has.")
        .answers::<ShownBot>(200, "The bot.")
        .with_header("ETag", "Names the version, for `If-Match`, and the whole answer, for `If-None-Match`.")
        .answers_nothing(304, "The caller has it.")
}

/// Answers the bot.
pub async fn show_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let bot = door::own_bot(&deps, &request).await?;
    let shown = view::bot_with_connection(&deps, &bot, request.session()?.user.trade_epoch).await?;
    Ok(Answer::versioned(&shown, bot.version))
}
