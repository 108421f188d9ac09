//! `GET /v1/sessions`: the owner's sessions that would pass the session check now.

use std::sync::Arc;

use account::id::SessionId;
use api::{Answer, Operation, Order, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Deps;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct Listed {
    id: SessionId,
    #[schemars(with = "shape::Time")]
    created_at: String,
    #[schemars(with = "shape::Time")]
    seen_at: String,
    #[schemars(with = "shape::Time")]
    expires_at: String,
    second_factor: bool,
    current: bool,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOfSession")]
struct List {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_sessions", "The account's live sessions")
        .paged()
        .answers::<List>(200, "One page, oldest first.")
}

/// Lists them.
pub async fn list_sessions(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    let acting = session.signed_in()?.stored.id;
    let now = deps.host.clock.now();
    let asked = request.page(now)?;
    let mut found = deps.store.list_sessions(&session.user, now).await?;
    found.sort_by_key(|s| s.id);
    let (page, next_cursor) = asked.cut(found, |s| s.id, Order::Rising)?;
    let items = page
        .into_iter()
        .map(|s| Listed {
            id: s.id,
            created_at: s.created_at.to_string(),
            seen_at: s.seen_at.to_string(),
            expires_at: s.expires_at.to_string(),
            second_factor: s.factor,
            current: s.id == acting,
        })
        .collect();
    Ok(Answer::ok(&List { items, next_cursor }))
}
