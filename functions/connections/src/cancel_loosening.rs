//! `DELETE /v1/connections/{id}/limits`: takes back looser limits that still wait (ST-3). A session is enough: nothing is
//! allowed by it that was not allowed before.

use std::sync::Arc;

use account::ConnectionId;
use account::id::JobId;
use api::{Answer, Operation, Problem, Request};
use store::entity::connection::Status;
use store::entity::job::{Mail, Notice};

use crate::change_limits::{refused, shown};
use crate::config::Deps;
use crate::shown::OneConnection;

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("cancel_loosening", "Takes back looser limits that still wait")
        .details("What holds stays as it is. Where nothing waits, nothing changes.")
        .path::<ConnectionId>("id", "The connection.")
        .answers::<OneConnection>(200, "The connection with the limits that hold.")
        .refuses(&[Problem::connection_not_live, Problem::stale_version])
}

/// Takes it back; doing so twice is no error.
pub(crate) async fn cancel_loosening(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let id: ConnectionId = request.id("id")?;
    let user = request.session()?.user_id();
    let found = deps.store.find_connection(user, id).await?.ok_or_else(Problem::not_found)?;
    if found.status != Status::Live {
        return Err(Problem::connection_not_live());
    }
    let now = deps.host.clock.now();
    let notice = Notice::LimitsLooseningCancelled { at: now.to_string(), label: found.label.clone() };
    let mail = Mail { to: deps.store.find_address(user).await?.to_string(), notice };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let cancelled = deps.store.cancel_loosening(&found, (job, &mail), deps.host.entropy.ulid(now), now).await;
    if cancelled.map_err(refused)? {
        tracing::info!(%user, connection = %id, "looser limits were taken back");
    }
    shown(&deps, &found).await
}
