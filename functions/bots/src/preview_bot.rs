//! `POST /v1/bots/preview`: what a deal would be now: orders, funds, exits, worst case. Changes nothing.

use std::sync::Arc;

use account::ConnectionId;
use api::{Answer, Operation, Problem, Request};
use strategy::config::BotForm;
use strategy::preview::Preview;

use crate::{Deps, door};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("preview_bot", "What a deal would be now: orders, funds, exits, worst case")
        .details("Changes nothing. Without `connection` the market of the paper exchange is taken.")
        .takes::<BotForm>()
        .answers::<Preview>(200, "The deal as it would be at the last price.")
        .refuses(&[Problem::market_unknown])
}

/// Answers the preview at the last price.
pub async fn preview_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let (_, settings) = door::settings(&request)?;
    let exchange = match settings.connection.as_deref().map(str::parse::<ConnectionId>) {
        // Looking before there is a key: at the exchange that every account has.
        None => "paper".to_owned(),
        Some(Ok(id)) => {
            deps.store.find_connection(user, id).await?.map(|c| c.exchange).ok_or_else(unknown_connection)?
        }
        Some(Err(_)) => return Err(unknown_connection()),
    };
    door::known_pair(&deps, &exchange, &settings.pair)?;
    let (rules, state) = door::market(&deps, &exchange, &settings.pair).await?;
    Ok(Answer::ok(&door::plan(&settings.strategy, &rules, &state)?))
}

/// One answer for none and for somebody else's (SS-8).
pub fn unknown_connection() -> Problem {
    door::refuse(vec![door::one("/connection", "unknown_connection", "There is no such connection in this account.")])
}
