//! `POST /v1/email/confirm`: the new address says that it is read, and is the account's from then on (EV-5). Every session
//! ends, mailed links of the old address die, entries freeze for 72 h.

use std::sync::Arc;

use account::Secret;
use account::token::{Purpose, TokenHash, new_token};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use super::email_change_problem;
use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmailConfirmForm")]
struct Form {
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("confirm_email", "Confirms a new e-mail address")
        .details("Every session ends; bots open no new positions for 72 hours.")
        .takes::<Form>()
        .answers_nothing(204, "The address is the account's.")
        .refuses(&[Problem::email_change_refused, Problem::try_again, Problem::outcome_unknown])
}

/// Confirms it.
pub async fn confirm_email(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    // EXPOSE: only its hash is looked up.
    let hash = token.expose(|text| TokenHash::of(Purpose::EmailChange, text));
    let found = deps.store.find_email_change(&hash).await?;
    let change = found.filter(|c| c.waits(deps.host.clock.now())).ok_or_else(Problem::email_change_refused)?;
    let revoke = new_token(Purpose::EmailRevoke, deps.host.entropy.bytes());
    deps.store
        .confirm_email_change(&change, &revoke, request.source(), &deps.host)
        .await
        .map_err(email_change_problem)?;
    tracing::info!(event = "email_changed", user = %change.user, "authentication");
    Ok(Answer::nothing())
}
