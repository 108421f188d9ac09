//! `GET /v1/sessions`: the owner's sessions that the clock lets live.

use std::sync::Arc;

use account::WallTime;
use account::id::SessionId;
use api::{Answer, Problem, Request};
use serde::Serialize;

use crate::Deps;

#[derive(Serialize)]
struct Listed { id: SessionId, created_at: String, expires_at: String, current: bool }
#[derive(Serialize)]
struct List { items: Vec<Listed>, next_cursor: Option<String> }

/// Lists them.
pub async fn list_sessions(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    let now = deps.host.clock.now().ms();
    let items = deps.store.list_sessions(session.user_id()).await?.into_iter().filter(|s| s.expires_at_ms > now).map(|s| Listed {
        id: s.id, created_at: WallTime::from_ms(s.created_at_ms).to_string(), expires_at: WallTime::from_ms(s.expires_at_ms).to_string(),
        current: s.id == session.stored.id,
    }).collect();
    Ok(Answer::ok(&List { items, next_cursor: None }))
}
