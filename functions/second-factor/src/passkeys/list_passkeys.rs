//! `GET /v1/second-factors/passkeys`: the passkeys of the account, with their last use (PK-3).

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Deps;
use crate::passkeys::ShownPasskey;

/// All of them: there are at most ten.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Passkeys")]
struct Listed {
    items: Vec<ShownPasskey>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("list_passkeys", "Lists the passkeys of the account")
        .answers::<Listed>(200, "All of them, the oldest first.")
}

/// Lists them.
pub async fn list_passkeys(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let passkeys = deps.store.list_passkeys(request.session()?.user_id()).await?;
    Ok(Answer::ok(&Listed { items: passkeys.into_iter().map(ShownPasskey::of).collect() }))
}
