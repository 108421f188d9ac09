//! `DELETE /v1/connections/{id}`: from the answer on nothing is authorised with the key any more; its erasure is ordered.

use std::sync::Arc;

use account::ConnectionId;
use account::id::JobId;
use api::{Answer, Operation, Problem, Request};
use store::entity::job::{Mail, Notice};
use store::transaction::detach_connection::{DetachRefused, Detaching};

use crate::config::Deps;

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("detach_connection", "Detaches an exchange key and erases it")
        .details("From the answer on nothing is authorised with the key any more. Detaching twice is no error.")
        .path::<ConnectionId>("id", "The connection.")
        .answers_nothing(204, "It is detached.")
        .refuses(&[Problem::try_again])
}

/// Detaches it. Detaching twice is no error. Tightening needs only a session (ST-2).
pub(crate) async fn detach_connection(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user_id();
    let id: ConnectionId = request.id("id")?;
    let found = deps.store.find_connection(user, id).await?.ok_or_else(Problem::not_found)?;
    let now = deps.host.clock.now();
    let to = deps.store.find_address(user).await?.to_string();
    let mail =
        Mail { to, notice: Notice::KeyDetached { at: now.to_string(), exchange: found.exchange, label: found.label } };
    let job = || JobId::new(deps.host.entropy.ulid(now));
    let detaching =
        Detaching { user, connection: id, shred_job: job(), mail_job: job(), mail: &mail, token: &deps.token() };
    deps.store.detach_connection(detaching, now).await.map_err(refused)?;
    tracing::info!(%user, connection = %id, "a key was detached");
    Ok(Answer::nothing())
}

fn refused(refused: DetachRefused) -> Problem {
    match refused {
        DetachRefused::NotFound => Problem::not_found(),
        DetachRefused::Busy => Problem::try_again().retry_after(1),
        DetachRefused::Store(error) => error.into(),
    }
}
