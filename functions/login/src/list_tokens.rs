//! `GET /v1/tokens`: the owner's API tokens that would be accepted now; those that a reset or a change of credentials
//! killed are left out, since nothing can bring them back (PR-11). Never shows a token's text.

use std::sync::Arc;

use account::id::ApiTokenId;
use api::{Answer, Operation, Order, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use store::entity::api_token::{ApiToken, Scope};
use strategy::id::BotId;

use crate::Deps;

/// The scopes as the contract names them.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes `Scope`, which the store cannot describe itself")]
pub(crate) enum TokenScope {
    /// Look.
    Read,
    /// Look, and start, stop and change bots.
    Trade,
}

/// A token as its owner sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiToken")]
pub(crate) struct Listed {
    id: ApiTokenId,
    name: String,
    #[schemars(with = "TokenScope")]
    scope: Scope,
    /** The bots it is for; null is all of them. */
    bots: Option<Vec<BotId>>,
    #[schemars(with = "shape::Time")]
    created_at: String,
    #[schemars(with = "shape::Time")]
    expires_at: String,
    /** Noted at most once a minute; null before the first use. */
    #[schemars(with = "Option<shape::Time>")]
    last_used_at: Option<String>,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOfApiToken")]
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

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_tokens", "The account's live API tokens, without their texts")
        .details("Tokens that a reset or a change of credentials killed are left out: nothing can bring them back.")
        .paged()
        .answers::<List>(200, "One page, oldest first.")
}

/// Lists them, oldest first.
pub async fn list_tokens(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    session.signed_in()?;
    let now = deps.host.clock.now();
    let asked = request.page(now)?;
    let mut tokens = deps.store.list_api_tokens(&session.user, now).await?;
    tokens.sort_by_key(|token| token.id);
    let (page, next_cursor) = asked.cut(tokens, |token| token.id, Order::Rising)?;
    Ok(Answer::ok(&List { items: page.iter().map(Listed::of).collect(), next_cursor }))
}
