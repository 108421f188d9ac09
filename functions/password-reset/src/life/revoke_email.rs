//! `POST /v1/email/revoke`: the old address stops a change of address, or takes it back within 72 h of its confirmation
//! (EV-5). What was changed back ends every session and freezes again; what waited only ends itself.

use std::sync::Arc;

use account::Secret;
use account::token::{Purpose, TokenHash};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{email_change_problem, halves};
use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmailRevokeForm")]
struct Form {
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("revoke_email", "Takes a change of the e-mail address back")
        .takes::<Form>()
        .answers_nothing(204, "The old address is the account's.")
        .refuses(&[Problem::email_change_refused, Problem::try_again, Problem::outcome_unknown])
}

/// Takes it back.
pub async fn revoke_email(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    // EXPOSE: only its hash is looked up.
    let (confirm, revoke) = token
        .expose(|text| {
            halves(text).map(|(confirm, secret)| (confirm.to_owned(), TokenHash::of(Purpose::EmailRevoke, secret)))
        })
        .ok_or_else(Problem::email_change_refused)?;
    let found = deps.store.find_email_change_to_revoke(&confirm, &revoke).await?;
    let change = found.filter(|c| c.can_be_revoked(deps.host.clock.now())).ok_or_else(Problem::email_change_refused)?;
    deps.store.revoke_email_change(&change, request.source(), &deps.host).await.map_err(email_change_problem)?;
    tracing::info!(event = "email_change_revoked", user = %change.user, "authentication");
    Ok(Answer::nothing())
}
