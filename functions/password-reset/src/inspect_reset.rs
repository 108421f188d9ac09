//! `POST /v1/password-reset/inspect`: what a reset with this token would need and remove. Consumes nothing (PR-7).

use std::sync::Arc;

use account::Secret;
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::entity::connection::Status;

use crate::Deps;
use crate::claim::Claim;
use crate::open_orders::under_way;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    token: Secret<String>,
}

/// Numbers alone: whoever holds only the mailbox learns no more than what a reset would do.
#[derive(Serialize, JsonSchema)]
struct Inspected {
    factors: Vec<&'static str>,
    connections: usize,
    bots: usize,
    open_orders: usize,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("inspect_reset", "What a reset with this token would need and remove")
        .details("Consumes nothing.")
        .takes::<Form>()
        .answers::<Inspected>(200, "Numbers alone.")
        .refuses(&[Problem::reset_refused])
}

/// Shows it.
pub async fn inspect_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    let claim = Claim::of(&deps, &token, deps.host.clock.now()).await?;
    let connections =
        deps.store.list_connections(claim.user.id).await?.iter().filter(|c| c.status == Status::Live).count();
    let under_way = under_way(&deps.store, claim.user.id, None).await?;
    // Before a reset, an order without an answer counts as open: it may be.
    let open_orders = under_way.open.len() + under_way.in_flight.len();
    let factors = if claim.credential.totp.is_some() { vec!["totp", "recovery_code"] } else { Vec::new() };
    Ok(Answer::ok(&Inspected { factors, connections, bots: under_way.bots, open_orders }))
}
