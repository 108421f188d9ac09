//! `POST /v1/connections`: asks a key what it may do, seals it, makes it LIVE.

use std::sync::Arc;

use api::{Answer, Problem, Request};
use store::transaction::attach_connection::may_attach;

use crate::attach::form::AttachForm;
use crate::attach::{self, refused};
use crate::config::Deps;
use crate::shown::OneConnection;

/// The step-up was spent before this runs; its proof carries the epoch that the connection will have (RF-19).
pub(crate) async fn attach_connection(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let proof = request.take_step_up()?;
    let user = request.session()?.user;
    let wanted = request.json::<AttachForm>()?.read(&deps.sealer)?;
    may_attach(&user, wanted.candidate.exchange().as_str(), deps.host.clock.now()).map_err(refused)?;
    let id = attach::run(&deps, &proof, &user, wanted).await?;
    let connection = deps.store.find_connection(user.id, id).await?.ok_or_else(Problem::outcome_unknown)?;
    tracing::info!(user = %user.id, connection = %id, "a key was attached");
    Ok(Answer::created(&OneConnection::of(&connection)))
}
