//! `GET /v1/activity`: what the caller's bots did and why, newest first. From an index, for display.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};

use crate::view::{Page, ShownActivity};
use crate::{Deps, view};

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
    let page = request.page(deps.host.clock.now())?;
    let mut rows = deps.store.recent_activity(user, page.after()?, page.limit().saturating_add(1)).await?;
    let more = rows.len() > page.limit();
    rows.truncate(page.limit());
    let next = rows.last().filter(|_| more).map(|row| page.cursor(row.id));
    // Within a row the lines are in the order of the decision; newest first turns them around.
    let items = rows.iter().flat_map(|row| view::activity(row).into_iter().rev()).collect();
    Ok(Answer::ok(&Page { items, next_cursor: next }))
}
