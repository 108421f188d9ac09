//! `GET /v1/tokens`: the owner's API tokens that would be accepted now; those that a reset or a change of credentials
//! killed are left out, since nothing can bring them back (PR-11). Never shows a token's text.

use std::sync::Arc;

use account::id::ApiTokenId;
use api::{Answer, Problem, Request};
use serde::Serialize;
use store::entity::api_token::{ApiToken, Scope};
use strategy::id::BotId;

use crate::Deps;

/// A token as its owner sees it.
#[derive(Serialize)]
pub(crate) struct Listed {
    id: ApiTokenId,
    name: String,
    scope: Scope,
    /** The bots it is for; null is all of them. */
    bots: Option<Vec<BotId>>,
    created_at: String,
    expires_at: String,
    /** Noted at most once a minute; null before the first use. */
    last_used_at: Option<String>,
}
#[derive(Serialize)]
struct List {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

impl Listed {
    pub(crate) fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            scope: token.scope,
            bots: token.bots.clone(),
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.to_string(),
            last_used_at: token.used_at.map(|at| at.to_string()),
        }
    }
}

/// Lists them, oldest first; there are at most twenty, so there is one page.
pub async fn list_tokens(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    session.signed_in()?;
    let tokens = deps.store.list_api_tokens(&session.user, deps.host.clock.now()).await?;
    Ok(Answer::ok(&List { items: tokens.iter().map(Listed::of).collect(), next_cursor: None }))
}
