//! `GET /v1/activity`: what the caller's bots did and why, newest first. From an index, for display.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};

use crate::view::{Page, ShownActivity};
use crate::{Deps, door, view};

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_activity", "What the account's bots did and why, newest first")
        .details("For display. A page holds the lines of at most `limit` decisions.")
        .paged()
        .answers::<Page<ShownActivity>>(200, "One page.")
}

/// Answers at most `limit` rows' lines; `next_cursor` names the last row.
pub async fn list_activity(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let limit = door::limit(&request)?;
    let before = request.query("cursor").map(ulid::Ulid::from_string).transpose().map_err(|_| {
        door::refuse(vec![door::one("", "unknown_value", "cursor is the next_cursor of an answer of this list.")])
    })?;
    let rows = deps.store.recent_activity(user, before, limit).await?;
    let next = (rows.len() == limit).then(|| rows.last().map(|row| row.id.to_string())).flatten();
    // Within a row the lines are in the order of the decision; newest first turns them around.
    let items = rows.iter().flat_map(|row| view::activity(row).into_iter().rev()).collect();
    Ok(Answer::ok(&Page { items, next_cursor: next }))
}
