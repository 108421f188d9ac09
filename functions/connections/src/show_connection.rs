//! `GET /v1/connections/{id}`: one key of the account, without its secret.

use std::sync::Arc;

use account::ConnectionId;
use api::{Answer, Operation, Problem, Request};

use crate::config::Deps;
use crate::shown::OneConnection;

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("show_connection", "One exchange key of the account, without its secret")
        .path::<ConnectionId>("id", "The connection.")
        .answers::<OneConnection>(200, "The connection.")
}

/// Shows it; somebody else's does not exist (SS-8).
pub(crate) async fn show_connection(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let connection = deps.store.find_connection(user, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&OneConnection::of(&connection, deps.host.clock.now())))
}
