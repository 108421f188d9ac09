//! `GET /v1/bots/{id}`: one bot, and why it does nothing if it does nothing.

use std::sync::Arc;

use api::{Answer, Problem, Request};

use crate::{Deps, door, view};

/// Answers the bot.
pub async fn show_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let bot = door::own_bot(&deps, &request).await?;
    Ok(Answer::ok(&view::bot_with_connection(&deps, &bot, request.session()?.user.trade_epoch).await?))
}
