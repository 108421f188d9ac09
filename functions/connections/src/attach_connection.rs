//! `POST /v1/connections`: asks a key what it may do, seals it, makes it LIVE.

use std::sync::Arc;

use account::ConnectionId;
use api::{Answer, Operation, Problem, Request};
use store::transaction::attach_connection::may_attach;

use crate::attach::form::AttachForm;
use crate::attach::{self, refused};
use crate::config::Deps;
use crate::shown::OneConnection;

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("attach_connection", "Asks an exchange key what it may do, seals it, and makes it live")
        .details(
            "A key may read and trade spot and nothing else, and works only from the addresses of this installation.",
        )
        .takes::<AttachForm>()
        .answers::<OneConnection>(201, "The connection; the key is never shown again.")
        .refuses(&[
            Problem::exchange_not_supported,
            Problem::key_too_powerful,
            Problem::key_not_ip_restricted,
            Problem::key_rejected,
            Problem::key_in_use,
            Problem::email_not_verified,
            Problem::second_factor_required,
            Problem::cooling_off,
            Problem::connections_full,
            Problem::too_many_requests,
            Problem::try_again,
        ])
}

/// The step-up was spent before this runs; its proof carries the epoch that the connection will have (RF-19).
pub(crate) async fn attach_connection(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let proof = request.take_step_up()?;
    let user = &request.session()?.user;
    let creation = request.creation()?;
    let id = ConnectionId::new(creation.id);
    // An earlier try may have made it LIVE and broken off; the key would be refused as in use.
    if creation.repeated
        && let Some(connection) = deps.store.find_connection(user.id, id).await?
    {
        return Ok(Answer::created(&OneConnection::of(&connection, deps.host.clock.now())));
    }
    let wanted = request.json::<AttachForm>()?.read(&deps.sealer)?;
    may_attach(user, wanted.candidate.exchange().as_str(), deps.host.clock.now()).map_err(refused)?;
    attach::run(&deps, &proof, user, id, wanted).await?;
    let connection = deps.store.find_connection(user.id, id).await?.ok_or_else(Problem::outcome_unknown)?;
    tracing::info!(user = %user.id, connection = %id, "a key was attached");
    Ok(Answer::created(&OneConnection::of(&connection, deps.host.clock.now())))
}
